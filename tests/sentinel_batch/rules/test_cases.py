"""Rule cases as data: calls in, findings out (``ID.cases.yml``), and how they are read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from thoroughness import slow_but

from sentinel_batch.errors import RuleError
from sentinel_batch.rules import Rule, get_rule, lint_rule, list_rules
from sentinel_batch.rules.case_files import Case, read_cases
from sentinel_batch.rules.casebook import check_case, unfold_calls
from tests.sentinel_batch.rules.own_rules import QUERY, make_rule

BOOK = {rule.id: read_cases(rule) for rule in list_rules()}
CASES = [(rule, case) for rule in list_rules() for case in BOOK[rule.id]]
QUICK = {
    next((rule, case.name) for case in cases if bool(case.findings) == found)
    for rule, cases in BOOK.items()
    for found in (True, False)
}
"""The first case of every rule with findings, and the first without."""


@pytest.mark.parametrize(
    ("rule", "case"),
    slow_but(QUICK, CASES, lambda pair: (pair[0].id, pair[1].name)),
    ids=[f"{rule.id}: {case.name}" for rule, case in CASES],
)
def test_case(rule: Rule, case: Case) -> None:
    assert check_case(rule, case) == ""


@pytest.mark.parametrize("rule", list_rules(), ids=lambda rule: rule.id)
def test_a_rule_has_cases_with_and_without_findings(rule: Rule) -> None:
    cases = read_cases(rule)
    assert any(case.findings for case in cases)
    assert any(not case.findings for case in cases)


def test_a_case_that_does_not_hold_says_what_is_different() -> None:
    rule = get_rule("SDHF_001")
    case = next(case for case in read_cases(rule) if len(case.findings) == 1)
    wrong = dataclasses.replace(case, findings=({**case.findings[0], "call_count": 7, "evidence": {"x": 1}},))
    assert "finding 1: call_count is " in check_case(rule, wrong)
    assert "evidence.x is None, not 1" in check_case(rule, wrong)
    assert check_case(rule, dataclasses.replace(case, findings=())).startswith("expected 0 findings, got 1 (")


def test_numbers_in_braces_stand_for_several_calls_in_local_time() -> None:
    row = {"caller": "a", "callee": "+234{08..10}", "at": "23:30:00", "every": 30, "count": 4, "cell": "LOS001"}
    calls = unfold_calls(Case("SDHF_001", "x", (row,), {}, ()))
    assert calls["callee_number"].to_list() == ["+23408", "+23409", "+23410", "+23408"]
    assert calls["call_timestamp"].dt.strftime("%d %H:%M:%S").to_list()[-1] == "22 23:31:30"
    assert set(calls["local_date"].cast(str)) == {"2026-01-23"}
    assert set(calls["local_hour"]) == {0}
    assert set(calls["location_code"]) == {"LOS001"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("- calls: [", "1: the cases are not YAML: ", "brackets"),
        ("x: 1", "1: the cases are no list.", "dash"),
        ("- 7", "1: 7 is no case.", "name, calls"),
        ("\n- {name: x, calls: []}", "2: case 'x' of TEST_001: it has no findings.", "name, calls, findings"),
        (
            "- {name: x, calls: [], findings: [], call: 1}",
            "1: case 'x' of TEST_001: the case: there is no 'call'.",
            "'calls'",
        ),
        ("- {name: x, calls: 7, findings: []}", "1: case 'x' of TEST_001: its calls are no list of rows.", "calls: []"),
        (
            "- {name: x, calls: [], findings: [{suspect: a}]}",
            "1: case 'x' of TEST_001: findings, row 1: there is no 'suspect'.",
            "'suspect_number'",
        ),
        (
            "- {name: x, calls: [], findings: [], options: {windw: 2h}}",
            "1: case 'x' of TEST_001: options: there is no 'windw'.",
            "'window'",
        ),
        (
            "- {name: x, calls: [], findings: [], options: {lists: {watch: [a]}}}",
            "1: case 'x' of TEST_001: options, lists: there is no 'watch'.",
            "Known: none.",
        ),
    ],
)
def test_cases_that_cannot_be_read_are_named(text: str, message: str, hint: str, tmp_path: Path) -> None:
    rule = make_rule(tmp_path, cases=text)
    with pytest.raises(RuleError) as caught:
        read_cases(rule)
    assert caught.value.message.startswith(f"{tmp_path}/TEST_001.cases.yml:{message}")
    assert hint in caught.value.hint
    assert any(str(violation).startswith(f"{tmp_path}/TEST_001.cases.yml:{message}") for violation in lint_rule(rule))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{caller: a, at: 10:00:00}", "at = 36000 is read as a number. Put the time into quotes: at: '10:00:00'"),
        ("{caller: a}", "calls, row 1 has no time."),
        ("{caller: a, at: '40 10:00:00'}", "at = '40 10:00:00' is no time of January 2026."),
        ("{callr: a, at: '10:00:00'}", "there is no 'callr'. Did you mean 'caller'?"),
        ("{caller: a, at: '10:00:00', duration: long}", "duration = 'long' is not a number."),
        ("{caller: 234, at: '10:00:00'}", "caller = 234 is not a text in quotes."),
        ("{caller: 'c{0-9}', at: '10:00:00'}", "caller = 'c{0-9}' has no range between its braces."),
        ("{caller: 'c{9..1}', at: '10:00:00'}", "caller = 'c{9..1}' has a range that counts down."),
    ],
)
def test_calls_that_cannot_be_read_fail_their_case_alone(row: str, problem: str, tmp_path: Path) -> None:
    rule = make_rule(tmp_path, cases=f"- name: odd\n  calls: [{row}]\n  findings: []\n")
    [case] = read_cases(rule)
    said = " ".join(check_case(rule, case).replace("Hint: ", "").split())
    assert said.startswith(f"{tmp_path}/TEST_001.cases.yml:1: case 'odd' of TEST_001: ")
    assert problem in said
    assert any(problem in str(violation) for violation in lint_rule(rule))


def test_a_confidence_beyond_one_fails_its_case(tmp_path: Path) -> None:
    rule = make_rule(tmp_path, QUERY.replace("0.5 AS confidence", "1.5 AS confidence"))
    [case] = read_cases(rule)
    assert "the rule TEST_001 returns 1.5 as confidence." in check_case(rule, case)


def test_a_rule_without_a_file_of_cases_has_none(tmp_path: Path) -> None:
    assert read_cases(make_rule(tmp_path, cases=None)) == []
