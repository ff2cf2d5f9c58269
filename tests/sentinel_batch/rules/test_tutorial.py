"""The tutorial in docs/own-rules.md, as written: its files, its commands, what they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import Call

PAGE = Path(__file__).parents[3] / "docs" / "own-rules.md"
_BLOCK = re.compile(r"(?:`([\w./]+)`:\n\n)?```(\w+)\n(.*?)```", re.DOTALL)


def blocks() -> list[tuple[str, str, str]]:
    """Return name of the file, language and text of each block of the tutorial."""
    tutorial = PAGE.read_text(encoding="utf-8").partition("## What a rule reads")[0]
    return _BLOCK.findall(tutorial)


def run(call: Call, text: str) -> str:
    """Run the commands of a block; return what they print."""
    done = [call(*shlex.split(line)[1:]) for line in text.splitlines() if line.startswith("sentinel-batch ")]
    assert [outcome.code for outcome in done] == [0] * len(done), done
    return "".join(outcome.stdout for outcome in done)


@pytest.fixture
def in_a_folder_with_calls(call: Call, calls_lake: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("SENTINEL_LAKE", str(calls_lake))
    return call


def test_the_tutorial_holds(in_a_folder_with_calls: Call) -> None:
    printed = ""
    for file, language, text in blocks():
        if language == "bash":
            printed = run(in_a_folder_with_calls, text)
        elif language == "text":
            assert text == printed
        else:
            Path(file).write_text(text, encoding="utf-8")
    assert "BANK_AFTER_HOURS" in in_a_folder_with_calls("rules", "list", "--book", "rules").stdout
    shown = in_a_folder_with_calls("rules", "show", "BANK_AFTER_HOURS", "--json").document["rule"]
    assert shown["values"]["min_branches"] == 6
    assert in_a_folder_with_calls("rules", "run", "BANK_AFTER_HOURS", "--json").document["recorded"]


def test_the_tutorial_says_what_the_linter_says(in_a_folder_with_calls: Call) -> None:
    for file, language, text in blocks():
        if file:
            Path(file).parent.mkdir(exist_ok=True)
            Path(file).write_text(text.replace("USING (callee_number)", "ON callee_nummer = prefix"), encoding="utf-8")
        assert language
    found = in_a_folder_with_calls("rules", "lint", "rules")
    assert found.code == 1
    words = "There is no column callee_nummer. Did you mean 'callee_number'?"
    assert words in " ".join(found.stdout.split())
    assert f"`{words}`" in " ".join(PAGE.read_text(encoding="utf-8").split())


def test_every_file_of_the_tutorial_is_found() -> None:
    named = [file for file, _, _ in blocks() if file]
    rule = "rules/BANK_AFTER_HOURS"
    assert named == [f"{rule}.toml", f"{rule}.sql", f"{rule}.cases.yml", "sentinel.toml"]
