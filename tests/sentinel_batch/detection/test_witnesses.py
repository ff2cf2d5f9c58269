"""Witnesses open no alerts: their findings are recorded where something else speaks against the number."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from alert_samples import finding, frame, make_lake
from detection_lake import make_lake as make_call_lake

from sentinel_batch.alerts import list_alerts, record_alerts, review_alerts
from sentinel_batch.desk import open_desk
from sentinel_batch.detection import run_detection
from sentinel_batch.detection.witnesses import choose_recorded
from sentinel_batch.errors import ConfigurationError
from sentinel_batch.lake import Lake
from sentinel_batch.rules.catalogue import is_witness, list_rules
from sentinel_batch.schema import BOX_MEMBERS, BOXES, polars_schema

A, B, C = "+2348030000001", "+2348030000002", "+2348030000003"
WITNESS = "ASR_ACD"
NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)


def said(*numbers: str, rule: str = WITNESS) -> list[dict[str, Any]]:
    return [finding(suspect=number, detection_rule=rule) for number in numbers]


def chosen(lake: Lake, *rows: dict[str, Any]) -> list[tuple[str, str]]:
    kept, left = choose_recorded(frame(*rows), [WITNESS], open_desk(lake.path).tables)
    assert kept.height + left.total + left.repeated == len(rows)
    return kept.select("detection_rule", "suspect_number").rows()


def write_box(lake: Lake, lead: str, *members: str, status: str = "standing") -> None:
    box = dict.fromkeys(BOXES.columns) | {"box_id": 1, "status": status, "lead_number": lead, "content_id": "x"}
    lake.append(BOXES.name, pl.DataFrame([box], schema=polars_schema(BOXES.columns)))
    rows = [dict.fromkeys(BOX_MEMBERS.columns) | {"box_id": 1, "number": n, "content_id": "x"} for n in members]
    lake.append(BOX_MEMBERS.name, pl.DataFrame(rows, schema=polars_schema(BOX_MEMBERS.columns)))


def test_a_witness_counts_where_an_opener_found_the_number_in_the_same_run(tmp_path: Path) -> None:
    rows = [*said(A, B), *said(A, rule="SDHF_001")]
    assert chosen(make_lake(tmp_path), *rows) == [(WITNESS, A), ("SDHF_001", A)]


@pytest.mark.parametrize(
    ("rule", "verdict", "counts"),
    [
        ("SDHF_001", None, True),
        ("SDHF_001", "confirmed", True),
        ("SDHF_001", "watch", True),
        ("SDHF_001", "false-positive", False),
        ("SIMBOX_GROUP", None, True),
        (WITNESS, None, False),
        (WITNESS, "confirmed", True),
    ],
)
def test_a_witness_counts_where_an_alert_stands(tmp_path: Path, rule: str, verdict: str | None, counts: bool) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(*said(A, rule=rule)), lake=lake)
    if verdict is not None:
        review_alerts(1, disposition=verdict, lake=lake)
    assert chosen(lake, *said(A, B)) == ([(WITNESS, A)] if counts else [])


def test_a_witness_counts_in_a_box_until_the_box_is_found_false(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    write_box(lake, A, A, B)
    record_alerts(frame(*said(A, rule="SIMBOX_GROUP")), lake=lake)
    assert chosen(lake, *said(A, B, C)) == [(WITNESS, A), (WITNESS, B)]
    review_alerts(1, disposition="false-positive", lake=lake)
    assert chosen(lake, *said(A, B, C)) == []


def test_a_box_that_was_merged_away_says_nothing(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    write_box(lake, A, A, B, status="merged")
    assert chosen(lake, *said(B)) == []


def test_a_witness_speaks_once(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(*said(A, rule="SDHF_001"), *said(A)), lake=lake)
    again, more = (finding(start, start + 5, suspect=A, detection_rule=WITNESS) for start in (30, 50))
    going_on = finding(8, 20, suspect=A, detection_rule=WITNESS)
    assert chosen(lake, again, more) == []
    assert chosen(lake, going_on, more) == [(WITNESS, A)]
    on_another = [{**row, "suspect_number": B} for row in (again, more)]
    assert chosen(lake, *said(B, rule="SDHF_001"), *on_another) == [("SDHF_001", B), (WITNESS, B)]


def make_dialler(folder: Path, *, strangers: int = 40) -> Lake:
    """Return a lake in which one number calls forty others within two hours, and nobody answers for long."""
    calls = [(A, f"+23480200{n:05}", NOON + timedelta(minutes=3 * n), 2) for n in range(strangers)]
    return make_call_lake(folder, calls)


def test_what_is_not_recorded_is_counted_and_said(tmp_path: Path) -> None:
    desk = open_desk(make_dialler(tmp_path).path)
    done = run_detection(WITNESS, lake=desk)
    assert done.changes is not None
    assert (done.findings.height, done.changes.created) == (1, [])
    assert done.to_dict()["unrecorded"] == {
        "findings": 1,
        "by_rule": {WITNESS: 1},
        "repeated": 0,
        "notice": "Not recorded: 1 finding of witnesses (ASR_ACD 1) on numbers that nothing else speaks against; "
        "sentinel-batch rules run ASR_ACD --dry-run shows them.",
    }


def test_a_witness_speaks_the_night_that_an_opener_does(tmp_path: Path) -> None:
    desk = open_desk(make_dialler(tmp_path, strangers=60).path)
    run_detection(WITNESS, lake=desk)
    done = run_detection([WITNESS, "SDHF_001"], lake=desk)
    assert sorted(list_alerts(lake=desk)["detection_rule"]) == [WITNESS, "SDHF_001"]
    assert done.unrecorded.total == 0


def test_an_operator_promotes_a_witness(tmp_path: Path) -> None:
    desk = open_desk(make_dialler(tmp_path).path).configure(rules={WITNESS: {"role": "opener"}})
    done = run_detection(WITNESS, lake=desk)
    assert (len(done.changes.created if done.changes else []), done.unrecorded.notice) == (1, "")
    wrong = desk.configure(rules={WITNESS: {"role": "judge"}})
    with pytest.raises(ConfigurationError, match="role = 'judge'"):
        run_detection(lake=wrong)


def test_the_shipped_witnesses() -> None:
    config = open_desk().config
    assert [rule.id for rule in list_rules(config) if is_witness(rule, config)] == [
        "ASR_ACD",
        "BEHAVIOUR_SHIFT",
        "NIGHT_SHIFT",
        "SHORT_DURATION",
        "SIMBOX_STATIC",
    ]


def test_severity_is_what_is_at_stake_times_how_likely_it_is(tmp_path: Path) -> None:
    desk = open_desk(make_dialler(tmp_path, strangers=60).path)
    [found] = run_detection("SDHF_001", lake=desk, record=False).findings.to_dicts()
    why = json.loads(found["evidence"])["severity"]
    # 60 numbers at NGN 50 each; weight 0.8, shaded by the confidence.
    probability = 0.8 * (0.5 + 0.5 * found["confidence"])
    assert why["loss"] == 3000.0
    assert why["probability"] == pytest.approx(probability, abs=1e-4)
    assert why["expected_loss"] == pytest.approx(3000 * probability, abs=1)
    assert (why["threshold"], why["currency"], why["rule_grade"]) == (1000.0, "NGN", "LOW")
    assert found["alert_severity"] == "MEDIUM"
    dearer = desk.configure(contact_cost=500.0)
    assert run_detection("SDHF_001", lake=dearer, record=False).findings["alert_severity"].item() == "HIGH"
