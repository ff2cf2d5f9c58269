"""Rule cases as data: calls in, findings out (``ID.cases.yml``), and how they are read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sentinel_batch.errors import RuleError
from sentinel_batch.rules import Rule, get_rule, list_rules
from sentinel_batch.rules.case_files import Case, read_cases
from sentinel_batch.rules.casebook import check_case, unfold_calls
from tests.sentinel_batch.rules.own_rules import QUERY, make_rule

CASES = [pytest.param(rule, case, id=f"{rule.id}: {case.name}") for rule in list_rules() for case in read_cases(rule)]


@pytest.mark.parametrize(("rule", "case"), CASES)
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
    ("text", "message"),
    [
        ("- calls: [", "the cases cannot be read"),
        ("- {name: x, calls: []}", "the cases cannot be read: KeyError('findings')"),
        ("- {name: x, calls: [], findings: [], colour: red}", "the cases cannot be read: KeyError('colour')"),
    ],
)
def test_cases_that_cannot_be_read_are_named(text: str, message: str, tmp_path: Path) -> None:
    rule = make_rule(tmp_path, cases=text)
    with pytest.raises(RuleError) as caught:
        read_cases(rule)
    assert f"{tmp_path}/TEST_001.cases.yml: {message}" in caught.value.message
    assert "name, calls, findings" in caught.value.hint


def test_a_call_with_an_unknown_column_is_named() -> None:
    case = Case("SDHF_001", "odd", ({"caller": "a", "at": "10:00:00", "colour": "red"},), {}, ())
    with pytest.raises(RuleError, match=r"Case 'odd' of SDHF_001: unknown colour\.") as caught:
        unfold_calls(case)
    assert "imei" in caught.value.hint


@pytest.mark.parametrize(
    "row",
    [{"caller": "a"}, {"caller": "a", "at": "40 10:00:00"}, {"caller": "a", "at": "10:00:00", "duration": "long"}],
)
def test_calls_that_cannot_be_read_fail_their_case_alone(row: dict[str, object]) -> None:
    case = Case("SDHF_001", "odd", (row,), {}, ())
    assert check_case(get_rule("SDHF_001"), case).startswith("Case 'odd' of SDHF_001: its calls cannot be read: ")


def test_a_confidence_beyond_one_fails_its_case(tmp_path: Path) -> None:
    rule = make_rule(tmp_path, QUERY.replace("0.5 AS confidence", "1.5 AS confidence"))
    [case] = read_cases(rule)
    assert "the rule TEST_001 returns 1.5 as confidence." in check_case(rule, case)


def test_a_rule_without_a_file_of_cases_has_none(tmp_path: Path) -> None:
    assert read_cases(make_rule(tmp_path, cases=None)) == []
