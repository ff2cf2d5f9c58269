"""What the linter says of a rule as a whole: columns, steps, tags, summary, cases, the engine's own word."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.errors import RuleError
from sentinel_batch.rules import lint_rule
from sentinel_batch.rules.linter import list_tags
from tests.sentinel_batch.rules.own_rules import CASES, HEADER, QUERY, SWEEP, make_rule


def complaints(
    folder: Path, query: str = SWEEP, header: str = HEADER, cases: str | None = CASES
) -> list[tuple[str, str, str]]:
    """Return place, message and hint of what is wrong, without the folder."""
    found = lint_rule(make_rule(folder, query, header, cases))
    return [(v.place.removeprefix(f"{folder}/"), v.message, v.hint) for v in found]


def test_a_good_rule_is_good(tmp_path: Path) -> None:
    assert complaints(tmp_path) == []
    assert complaints(tmp_path / "plain", QUERY) == []


def test_a_rule_without_cases_is_named(tmp_path: Path) -> None:
    assert complaints(tmp_path, cases=None) == [
        (
            "TEST_001.toml:1",
            "The rule has no test cases.",
            "Write TEST_001.cases.yml: calls, and what the rule should find in them.",
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "hint"),
    [
        (
            '["desk.tests"]',
            '["fraud.bypas"]',
            "TEST_001.toml:8",
            "There is no tag fraud.bypas.",
            "Did you mean 'fraud.bypass'?",
        ),
        ('["desk.tests"]', "[]", "TEST_001.toml:1", "The rule has no tags.", "fraud.bypass"),
        ('["Nobody."]', "[]", "TEST_001.toml:1", "The rule names no honest users that look alike.", "false_positives"),
        (
            "{suspect_number}",
            "{suspect}",
            "TEST_001.toml:14",
            "The summary names 'suspect', which is not returned.",
            "Did you mean 'suspect_number'?",
        ),
        (
            '"duration_seconds"]',
            '"duration"]',
            "TEST_001.toml:20",
            "[columns] names duration, which the rule does not read.",
            "Did you mean 'duration_seconds'?",
        ),
        (
            '"duration_seconds"]',
            '"duration_seconds", "imei"]',
            "TEST_001.toml:20",
            "[columns] names imei, which the rule does not read.",
            "Take it out.",
        ),
        (
            '"call_timestamp", ',
            "",
            "TEST_001.toml:20",
            "The rule reads call_timestamp, which [columns] does not name.",
            "Add it to needed",
        ),
        (
            "[[severity]]",
            '[[severity]]\nlevel = "HIGH"\nwhen = "cals > 5"\n[[severity]]',
            "TEST_001.toml:18",
            "There is no column cals.",
            "Did you mean 'calls'?",
        ),
        (
            "[[severity]]",
            '[[severity]]\nlevel = "HIGH"\nwhen = "calls > $many"\n[[severity]]',
            "TEST_001.toml:18",
            "$many is not declared.",
            "Known: since, until, window",
        ),
        (
            "[parameters.window]",
            '[lists.x]\ncolumns = ["a"]\ndefault = []\ndescription = "X."\n[parameters.window]',
            "TEST_001.toml:22",
            "List x is declared but never read.",
            "Read it or drop it.",
        ),
        (
            "[parameters.window]",
            "[constants]\nlimit = 1\n[parameters.window]",
            "TEST_001.toml:23",
            "limit is declared but never used.",
            "Use $limit or drop it.",
        ),
    ],
)
def test_a_header_that_does_not_fit_is_named(
    old: str, new: str, place: str, message: str, hint: str, tmp_path: Path
) -> None:
    assert old in HEADER
    found = complaints(tmp_path, header=HEADER.replace(old, new, 1))
    assert (place, message) in [complaint[:2] for complaint in found]
    assert any(hint in complaint[2] for complaint in found if complaint[1] == message)


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ('sweep("examined_calls")', 'sweep("examined_cals")', "TEST_001.sql:2", "The rule reads examined_cals."),
        ('sweep("examined_calls")', 'swep("examined_calls")', "TEST_001.sql:2", "There is no step 'swep'."),
        ("calls > 2", "cals > 2", "TEST_001.sql:5", "There is no column cals."),
        ("0.5 AS confidence", "0.5 AS sureness", "TEST_001.sql:10", "There is no column confidence."),
        ("{{ findings() }}", "SELECT suspect_number FROM evidence", "TEST_001.sql:10", "returns no column severity."),
        ("calls > 2", "calls > $more", "TEST_001.sql:5", "$more is not declared."),
    ],
)
def test_sql_that_does_not_fit_is_named(old: str, new: str, place: str, message: str, tmp_path: Path) -> None:
    assert old in SWEEP
    found = complaints(tmp_path, SWEEP.replace(old, new))
    assert any(complaint[0] == place and message in complaint[1] for complaint in found), found


def test_one_mistake_in_two_queries_is_named_once(tmp_path: Path) -> None:
    details = "\n-- query: details\nSELECT suspect_number FROM evidence"
    found = complaints(tmp_path, SWEEP.replace("calls > 2", "cals > 2") + details)
    assert [complaint[1] for complaint in found] == ["There is no column cals."]


def test_details_that_belong_to_nobody_are_named(tmp_path: Path) -> None:
    found = complaints(tmp_path, f"{SWEEP}\n-- query: details\nSELECT window_end FROM evidence")
    assert found == [("TEST_001.sql:13", "Query details returns no suspect_number.", "It says to whom a row belongs.")]


def test_what_only_the_engine_refuses_is_named_with_its_place(tmp_path: Path) -> None:
    [(place, message, _)] = complaints(tmp_path, SWEEP.replace("calls > 2", "calls > starts_with(calls, 'x')"))
    assert place == "TEST_001.sql:5"
    assert message.startswith("rule TEST_001, step qualifying: ")


def test_the_file_of_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    header = f'{HEADER}[lists.x]\ncolumns = ["number"]\nfile = "x.csv"\ndescription = "X."\n'
    query = SWEEP.replace("calls > 2", "calls > 2 AND suspect_number IN (SELECT number FROM x)")
    [(place, message, _)] = complaints(tmp_path, query, header)
    assert (place, "list x cannot be read" in message) == ("TEST_001.toml:1", True)


def test_the_shipped_tags_are_of_three_kinds() -> None:
    assert {tag.partition(".")[0] for tag in list_tags()} == {"fraud", "method", "signal"}
    assert all(meaning.endswith(".") for meaning in list_tags().values())


def test_a_missing_comma_is_said_in_plain_words(tmp_path: Path) -> None:
    for begins, line in (('sweep("examined_calls") }}', 2), ("episodes() }}", 8)):
        [found] = lint_rule(make_rule(tmp_path, SWEEP.replace(f"{begins},", begins)))
        assert found.place == f"{tmp_path}/TEST_001.sql:{line}"
        assert found.message == "This is not SQL: a comma is missing."


def test_an_unknown_table_of_the_header_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        make_rule(tmp_path, header=HEADER + '\n[parameter.min_calls]\ntype = "integer"\n')
    line = HEADER.count("\n") + 2
    assert (
        caught.value.message
        == f"{tmp_path}/TEST_001.toml:{line}: the rule has an unknown entry 'parameter' in its header."
    )
