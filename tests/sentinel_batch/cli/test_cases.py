"""The commands of cases: what they print, and how they fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Call

from tests.sentinel_batch.cases.test_cases import BOX, Book, accuse, everybody_else

IMEI = "356938035643809"


@pytest.fixture
def box_lake(tmp_path: Path) -> Path:
    """A lake with one box of four SIMs, all of them suspects; no case is built."""
    book = Book()
    everybody_else(book)
    for number in BOX:
        book.add(number, cell="LOS001", imei=IMEI)
    path = tmp_path / "boxes"
    accuse(book.save(path), *BOX)
    return path


def test_a_case_is_built_listed_shown_and_closed(call: Call, box_lake: Path) -> None:
    lake = ["--lake", box_lake]
    assert call("cases", "build", *lake).stdout == "4 suspects; cases: 1 created, 0 updated, 0 unchanged, 0 merged.\n"
    assert call("cases", "build", *lake, "--json").document["unchanged"] == [1]
    listed = call("cases", "list", *lake, "--json").document
    assert (listed["count"], listed["cases"][0]["member_count"]) == (1, 4)
    shown = call("cases", "show", 1, *lake).stdout
    for words in ("Case 1", "4 numbers, 4 alerts", "NGN for 320.0 minutes", "same handset", IMEI, *BOX):
        assert words in shown
    taken = call("cases", "assign", 1, "--to", "ada", "--by", "bo", *lake, "--json").document
    assert (taken["case"]["status"], taken["case"]["assignee"]) == ("open", "ada")
    assert call("cases", "mark", 1, "confirmed", *lake, "--json").document["case"]["status"] == "confirmed"
    closed = call("cases", "close", 1, "--verdict", "confirmed", "--review", "--notes", "blocked", *lake)
    assert "Notes    blocked" in closed.stdout
    assert "status: confirmed → closed" in closed.stdout
    assert call("cases", "list", *lake).stdout == "No cases.\n"
    assert call("alerts", "list", "--unreviewed", *lake, "--json").document["count"] == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["show", 9], "case_not_found", "There is no case 9."),
        (["assign", 9, "--to", "ada"], "case_not_found", "There is no case 9."),
        (["assign", 1, "--to", " "], "usage", "No assignee is given."),
        (["mark", 1, "closed"], "usage", "'closed' is not a mark."),
        (["close", 1, "--verdict", "guilty"], "usage", "'guilty' is not a verdict."),
    ],
)
def test_a_failure_says_what_and_what_to_do(
    words: list[object], code: str, message: str, call: Call, box_lake: Path
) -> None:
    call("cases", "build", "--lake", box_lake)
    failed = call("cases", *words, "--lake", box_lake, "--json")
    assert failed.code == 2
    assert (failed.document["error"]["code"], failed.document["error"]["message"]) == (code, message)
    assert failed.document["error"]["hint"]


def test_any_limit_is_a_limit(call: Call, box_lake: Path) -> None:
    call("cases", "build", "--lake", box_lake)
    assert call("cases", "list", "--limit", 10**20, "--lake", box_lake, "--json").document["count"] == 1
    assert call("profiles", "list", "--limit", 10**20, "--lake", box_lake, "--json").document["count"] == 0


def test_names_of_strangers_cannot_control_the_terminal(call: Call, box_lake: Path) -> None:
    call("cases", "build", "--lake", box_lake)
    done = call("cases", "assign", 1, "--to", "ada\x1b[2J", "--lake", box_lake)
    assert "\x1b" not in done.stdout
