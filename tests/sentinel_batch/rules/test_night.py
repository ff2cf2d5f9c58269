"""Rules of one's own in the night: they run beside the shipped ones, and one that fails stops nothing else."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from sentinel_batch import MockCDRGenerator, build_profiles, ingest, list_alerts, load_config, run_nightly
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import ExitCode, RuleError
from sentinel_batch.nightly import NightlyResult
from sentinel_batch.rules import Catalogue, FailedRule, examine_rules, get_rule, load_rule
from tests.sentinel_batch.rules.own_rules import HEADER, SWEEP, write_rule

BROKEN = SWEEP.replace("calls > 2", "cals > 2")


@pytest.fixture(scope="module")
def _ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night")
    (folder / "inbox").mkdir()
    MockCDRGenerator(seed=7).save_to_file(
        folder / "inbox" / "calls.csv", total_records=600, simbox_callers=1, simbox_calls_per_caller=80
    )
    (folder / "sentinel.toml").write_text(
        'rules = ["shipped", "./ours"]\nlake = "lake"\ninbox = "inbox"\nreports = "reports"\n', encoding="utf-8"
    )
    write_rule(folder / "ours", SWEEP.replace("calls > 2", "calls > 60"))
    return folder


@pytest.fixture(scope="module")
def _filled(_ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(_ready, tmp_path_factory.mktemp("filled") / "night")
    ingest(folder / "inbox", lake=folder / "lake")
    build_profiles(lake=folder / "lake")
    return folder


@pytest.fixture
def night(_ready: Path, tmp_path: Path) -> Path:
    """A folder with calls in an inbox and a configuration that names a folder of rules."""
    return Path(shutil.copytree(_ready, tmp_path / "night"))


@pytest.fixture
def filled(_filled: Path, tmp_path: Path) -> Path:
    """The same folder, with the calls in its lake."""
    return Path(shutil.copytree(_filled, tmp_path / "night"))


def run(folder: Path) -> NightlyResult:
    return run_nightly(config=load_config(folder / "sentinel.toml"))


def test_alerts_of_own_rules_travel_as_the_others_do(night: Path) -> None:
    done = run(night)
    assert (done.status, done.failed_rules) == ("success", [])
    alerts = list_alerts(lake=night / "lake")
    assert {"SDHF_001", "TEST_001"} <= set(alerts["detection_rule"])
    own = alerts.filter(detection_rule="TEST_001").row(0, named=True)
    assert (own["alert_severity"], own["rule_version"], own["alert_type"]) == ("LOW", "1.0", "TEST")
    assert own["suspect_number"] in set(alerts.filter(detection_rule="SDHF_001")["suspect_number"])


def test_a_rule_that_fails_makes_the_night_partial(night: Path) -> None:
    write_rule(night / "ours", BROKEN, rule_id="BROKEN")
    write_rule(night / "ours", header=HEADER.replace("version", "vershun"), rule_id="HEADLESS")
    write_rule(night / "ours", SWEEP.replace("sweep(", "swep("), rule_id="STEPLESS")
    done = run(night)
    assert (done.status, done.exit_code) == ("partial", ExitCode.PARTLY_DONE)
    failed = {entry["rule"]: entry for entry in done.to_dict()["failed_rules"]}
    assert set(failed) == {"BROKEN", "HEADLESS", "STEPLESS"}
    assert f"{night}/ours/BROKEN.sql:5: rule BROKEN, step qualifying: " in failed["BROKEN"]["message"]
    assert failed["STEPLESS"]["message"] == f"{night}/ours/STEPLESS.sql:2: There is no step 'swep'."
    assert failed["STEPLESS"]["hint"] == "Did you mean 'sweep'?"
    assert done.report is not None
    head = done.report.html.read_text().split('id="h-severity"')[0]
    assert "3 parts of the night failed" in head and all(f"Rule {name}" in head for name in failed)
    [step] = [step for step in done.steps if step.name == "detect"]
    assert (step.status, step.counts["rules"]) == ("partial", 18)
    assert {"SDHF_001", "TEST_001"} <= set(list_alerts(lake=night / "lake")["detection_rule"])


def test_without_a_handler_the_first_failure_is_raised(filled: Path) -> None:
    broken = load_rule(write_rule(filled / "ours", BROKEN, rule_id="BROKEN"))
    desk = open_desk(filled / "lake", rules=["shipped", str(filled / "ours")])
    for rules in (None, ["BROKEN"], [broken]):
        with pytest.raises(RuleError, match=r"BROKEN\.sql:5"):
            examine_rules(rules, lake=desk)
    failed: list[FailedRule] = []
    assert examine_rules([broken], lake=filled / "lake", on_failure=failed.append) == []
    assert [entry.id for entry in failed] == ["BROKEN"]


def test_a_segment_s_own_run_fails_with_its_rule(filled: Path) -> None:
    rule = load_rule(filled / "ours" / "TEST_001.sql")
    bad = load_rule(write_rule(filled / "ours", BROKEN, rule_id="BROKEN"))
    settings = {id_: {"segments": {"trunk": {"window": "12h"}}} for id_ in ("TEST_001", "BROKEN")}
    failed: list[FailedRule] = []
    found = examine_rules([bad, rule], lake=open_desk(filled / "lake", rules=settings), on_failure=failed.append)
    assert [detection.rule.id for detection in found] == ["TEST_001"]
    assert {entry.id for entry in failed} == {"BROKEN"}


def test_a_shipped_rule_that_fails_ends_the_run(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_rule(filled / "elsewhere", BROKEN, rule_id="BROKEN")
    shipped = dataclasses.replace(load_rule(path), book="shipped")
    known = Catalogue((shipped, get_rule("SDHF_001")))
    monkeypatch.setattr("sentinel_batch.rules.engine.read_catalogue", lambda config: known)
    with pytest.raises(RuleError, match=r"BROKEN\.sql:5"):
        examine_rules(lake=filled / "lake", on_failure=lambda failed: None)
