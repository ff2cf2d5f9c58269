"""The ranked queue without a model: the rules' score, order, statuses, period, cases."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from alert_samples import SUSPECT, at, finding, frame, make_lake

from sentinel_batch.alerts import record_alerts, review_alerts
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.schema import CASE_MEMBERS, CASES, polars_schema
from sentinel_batch.scores import rank_suspects
from sentinel_batch.scores.fusion import DEFAULT_WEIGHT, fuse_findings, weigh_rules

OTHER = "+2348030000001"


def _row(table: object, **values: object) -> pl.DataFrame:
    columns = table.columns  # type: ignore[attr-defined]
    return pl.DataFrame([dict.fromkeys(columns) | values], schema=polars_schema(columns))


def test_the_score_joins_the_best_finding_of_each_rule() -> None:
    rows = frame(
        finding(detection_rule="A", confidence=0.2),
        finding(20, 30, detection_rule="A", confidence=1.0),
        finding(detection_rule="B", confidence=0.0),
        finding(detection_rule="C", confidence=None),
    )
    fused = fuse_findings(rows, {"A": 0.6, "B": 0.4, "C": 0.2}).row(0, named=True)
    assert fused["rule_score"] == pytest.approx(1 - (1 - 0.6) * (1 - 0.2) * (1 - 0.1))
    assert fused["rules"] == ["A", "B", "C"]
    assert fused["reasons"][0] == "A: LOW from 20 to 30"
    assert (fused["first_seen"], fused["last_seen"]) == (at(0.5), at(30))


def test_weights_come_from_the_rules_and_unknown_rules_have_a_default() -> None:
    assert weigh_rules()["SDHF_001"] == 0.8
    fused = fuse_findings(frame(finding(detection_rule="GONE", confidence=1.0)))
    assert fused["rule_score"].to_list() == [DEFAULT_WEIGHT]


def test_suspects_are_ordered_by_severity_and_expected_loss(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(
        frame(
            finding(suspect="+4", confidence=0.0),
            finding(suspect="+3", confidence=0.0),
            finding(suspect="+2", confidence=0.0, unique_destinations=400),
            finding(suspect="+1", confidence=0.9),
        ),
        lake=lake,
    )
    queue = rank_suspects(lake=lake)
    assert queue["suspect_number"].to_list() == ["+2", "+1", "+3", "+4"]
    assert queue["rank"].to_list() == [1, 2, 3, 4]
    # Weight 0.8, half of it without confidence: NGN 50 for each of 60, or 400, numbers.
    assert queue["loss"].to_list() == [20_000.0, 3000.0, 3000.0, 3000.0]
    assert queue["severity"].to_list() == ["HIGH", "MEDIUM", "MEDIUM", "MEDIUM"]
    assert rank_suspects(lake=lake, limit=2).height == 2


def test_only_open_alerts_are_queued_unless_asked(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(), finding(suspect=OTHER)), lake=lake)
    review_alerts(1, disposition="confirmed", lake=lake)
    assert rank_suspects(lake=lake).height == 1
    assert rank_suspects(lake=lake, status=("open", "reviewed")).height == 2
    with pytest.raises(UsageError, match="'closed' is not a status"):
        rank_suspects(lake=lake, status="closed")


def test_the_period_takes_alerts_whose_calls_touch_it(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(0, 10), finding(20, 30, suspect=OTHER)), lake=lake)
    assert rank_suspects(lake=lake, since=at(10))["suspect_number"].to_list() == [OTHER]
    assert rank_suspects(lake=lake, until=at(20))["suspect_number"].to_list() == [SUSPECT]
    assert rank_suspects(lake=lake, since=at(9), until=at(21)).height == 2


def test_several_alerts_of_a_number_are_one_row(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(0, 10), finding(20, 30), finding(detection_rule="OTHER")), lake=lake)
    row = rank_suspects(lake=lake).row(0, named=True)
    assert row["alert_ids"] == [1, 2, 3]
    assert sorted(row["rules"]) == ["OTHER", "SDHF_001"]


def test_the_newest_case_that_still_stands_is_named(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(), finding(suspect=OTHER)), lake=lake)
    for case, merged in ((7, None), (8, 7)):
        lake.append(CASES.name, _row(CASES, case_id=case, content_id=f"c{case}", merged_into=merged))
        lake.append(CASE_MEMBERS.name, _row(CASE_MEMBERS, case_id=case, content_id=f"c{case}", number=SUSPECT))
    lake.append(CASE_MEMBERS.name, _row(CASE_MEMBERS, case_id=7, content_id="stale", number=OTHER))
    found = dict(rank_suspects(lake=lake).select("suspect_number", "case_id").iter_rows())
    assert found == {SUSPECT: 7, OTHER: None}


def test_an_empty_queue_has_its_columns(tmp_path: Path) -> None:
    queue = rank_suspects(lake=Lake.create(tmp_path / "lake"))
    assert queue.is_empty()
    assert queue.schema["alert_ids"] == pl.List(pl.Int64)
    with pytest.raises(UsageError, match="limit -1 is negative"):
        rank_suspects(lake=Lake.open(tmp_path / "lake"), limit=-1)
