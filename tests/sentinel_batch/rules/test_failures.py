"""One rule that fails: the night goes on, says so, and says so again the night after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel_batch import MockCDRGenerator, list_alerts, load_config, run_nightly
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import ConfigurationError, ExitCode, LakeDamagedError, RuleError
from sentinel_batch.maintenance import diagnose
from sentinel_batch.nightly import NightlyResult
from sentinel_batch.rules import FailedRule, check_rules, examine_rules, load_rule
from tests.sentinel_batch.rules.own_rules import HEADER, QUERY, SWEEP, write_rule

BOOKS = 'rules = ["shipped", "./ours"]\nlake = "lake"\ninbox = "inbox"\nreports = "reports"\n'
PARAMETER = """
[parameters.min_calls]
type = "integer"
default = 60
min = 2
max = 1000
description = "N."
"""
COUNTED = SWEEP.replace("calls > 2", "calls > $min_calls")
BAD_CAST = QUERY.replace("count(*) AS", "max(CAST(callee_number || 'x' AS INTEGER)) AS")


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A folder with calls in an inbox, a rule of one's own, and a configuration that names its folder."""
    (tmp_path / "inbox").mkdir()
    MockCDRGenerator(seed=7).save_to_file(
        tmp_path / "inbox" / "calls.csv", total_records=300, simbox_callers=1, simbox_calls_per_caller=80
    )
    (tmp_path / "sentinel.toml").write_text(BOOKS, encoding="utf-8")
    write_rule(tmp_path / "ours", COUNTED, HEADER + PARAMETER)
    return tmp_path


def run(folder: Path, settings: str = "") -> NightlyResult:
    (folder / "sentinel.toml").write_text(BOOKS + settings, encoding="utf-8")
    return run_nightly(config=load_config(folder / "sentinel.toml"))


def test_rules_that_fail_are_named_that_night_and_the_next(night: Path) -> None:
    (night / "secret.csv").write_text("caller_number\nsecret\n", encoding="utf-8")
    thief = QUERY.replace("FROM examined_calls", f"FROM read_csv('{night}/secret.csv'), examined_calls")
    write_rule(night / "ours", thief, rule_id="THIEF")
    write_rule(night / "ours", BAD_CAST, rule_id="BAD_CAST")
    write_rule(night / "ours", QUERY.replace("0.5 AS", "7.26 AS"), rule_id="SURE")
    write_rule(night / "ours", QUERY.replace("FROM", ", INTERVAL 1 DAY AS odd FROM"), rule_id="ODD")
    first = run(night, '[rule.TEST_001]\nmin_calls = "20"\n')
    assert (first.status, first.exit_code) == ("partial", ExitCode.PARTLY_DONE)
    failed = {entry["rule"]: entry for entry in first.failed_rules}
    assert set(failed) == {"THIEF", "BAD_CAST", "SURE", "TEST_001", "ODD"}
    assert failed["ODD"]["message"] == f"{night}/ours/ODD.sql: rule ODD returns a length of time as odd."
    assert "reads READ_CSV(" in failed["THIEF"]["message"]
    assert failed["BAD_CAST"]["message"].startswith(f"{night}/ours/BAD_CAST.sql:2: rule BAD_CAST: Conversion Error: ")
    assert "query sliding" not in failed["BAD_CAST"]["message"]
    assert failed["SURE"]["message"] == f"{night}/ours/SURE.sql: the rule SURE returns 7.26 as confidence."
    message = f'{night}/sentinel.toml:6: min_calls = "20" in [rule.TEST_001] is a text, not a whole number.'
    assert failed["TEST_001"]["message"] == message
    assert "SDHF_001" in set(list_alerts(lake=night / "lake")["detection_rule"])
    steps = {step.name: step for step in first.steps}
    assert (steps["rules"].status, steps["detect"].status) == ("partial", "partial")
    assert {"BAD_CAST", "SURE", "THIEF"} <= set(steps["detect"].to_dict()["counts"]["failed_rules"])
    assert first.report is not None
    assert {rule["rule"] for rule in json.loads(first.report.json.read_text())["failed_rules"]} == set(failed)
    page = first.report.html.read_text(encoding="utf-8")
    assert "Rules that did not run" in page
    assert "7.26 as confidence" in page
    second = run(night, '[rule.TEST_001]\nmin_calls = "20"\n')
    assert (second.since, second.exit_code) == (None, ExitCode.PARTLY_DONE)
    assert {entry["rule"] for entry in second.failed_rules} == {"TEST_001", "THIEF", "ODD"}
    check = next(check for check in diagnose(night / "lake").checks if check.name == "nightly")
    assert (check.status, check.message.partition(", but ")[2][:21]) == ("warning", "3 rules did not run: ")


@pytest.mark.parametrize(
    ("settings", "books", "message"),
    [
        ("[rule.SDHF_001]\nmin_unique_destination = 3\n", "./ours", "Rule SDHF_001 has no parameter"),
        ("[rule.SDHF_01]\nwindow = '3h'\n", "./ours", "[rule.SDHF_01] has settings of SDHF_01, and there is no such"),
        ("", "./theirs", "There is no folder of rules"),
    ],
)
def test_what_ends_a_night_ends_it_before_anything_is_read(
    settings: str, books: str, message: str, night: Path
) -> None:
    (night / "sentinel.toml").write_text(BOOKS.replace("./ours", books) + settings, encoding="utf-8")
    done = run_nightly(config=load_config(night / "sentinel.toml"))
    assert done.exit_code == ExitCode.USAGE
    assert message in (done.error or {})["message"]
    # What follows says how the night ended, on a page of its own.
    assert [step.name for step in done.steps] == ["inbox", "rules", "publish", "notify", "amend"]
    assert done.ingest is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("min_cals = 3", "sentinel.toml:6: Rule TEST_001 has no parameter 'min_cals' ([rule.TEST_001])."),
        ("min_calls = 1", "sentinel.toml:6: min_calls = 1 in [rule.TEST_001] is not allowed."),
        ("enabled = 'no'", "sentinel.toml:6: enabled = 'no' in [rule.TEST_001] is not allowed."),
        (
            "[rule.TEST_001.segments.trunk]\nmin_calls = 1",
            "sentinel.toml:7: min_calls = 1 in [rule.TEST_001.segments.trunk] is not allowed.",
        ),
    ],
)
def test_settings_of_an_own_rule_that_do_not_fit_are_its_own_failure(settings: str, message: str, night: Path) -> None:
    (night / "sentinel.toml").write_text(f"{BOOKS}[rule.TEST_001]\n{settings}\n", encoding="utf-8")
    [failed] = check_rules(load_config(night / "sentinel.toml"))
    assert failed.id == "TEST_001"
    assert failed.error.message == f"{night}/{message}"
    text = f'lake = "lake"\n[rules]\nbooks = ["./ours"]\n[rules.TEST_001]\n\n{settings}\n'.replace("[rule.", "[rules.")
    (night / "sentinel.toml").write_text(text, encoding="utf-8")
    [failed] = check_rules(load_config(night / "sentinel.toml"))
    assert "[rules.TEST_001" in failed.error.message


def test_a_damaged_lake_is_still_said_to_be_damaged(night: Path) -> None:
    desk = open_desk(night / "lake")
    desk.create_lake()
    desk.ingest([night / "inbox" / "calls.csv"])
    rule = load_rule(night / "ours" / "TEST_001.sql")
    for file in desk.tables.files("call_records"):
        content = bytearray(file.read_bytes())
        content[20:-400] = bytes(len(content) - 420)
        file.write_bytes(content)
    failed: list[FailedRule] = []
    with pytest.raises(LakeDamagedError):
        examine_rules([rule], lake=desk, on_failure=failed.append)
    assert failed == []


def test_an_error_that_looks_like_damage_is_the_rule_s_own(night: Path) -> None:
    desk = open_desk(night / "lake")
    desk.create_lake()
    desk.ingest([night / "inbox" / "calls.csv"])
    query = QUERY.replace("count(*) AS", "max(CAST(callee_number || '.parquet' AS INTEGER)) AS")
    rule = load_rule(write_rule(night / "ours", query, rule_id="ODD"))
    with pytest.raises(RuleError, match=r"ODD\.sql:2: rule ODD: Conversion Error"):
        examine_rules([rule], lake=desk)


def test_settings_in_a_call_have_no_file() -> None:
    with pytest.raises(ConfigurationError, match=r'^window = "0s" in \[rules\.SDHF_001\] of the configuration'):
        check_rules(open_desk("lake", rules={"SDHF_001": {"window": "0s"}}).config)
