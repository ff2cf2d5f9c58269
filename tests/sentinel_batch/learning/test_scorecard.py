"""The scorecard of the rules: counts, precision with its interval, hours, weeks, reasons."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from alert_samples import at, finding, frame, make_lake

from sentinel_batch.alerts import record_alerts, review_alerts
from sentinel_batch.lake import Lake
from sentinel_batch.learning import compute_scorecard
from sentinel_batch.learning.intervals import wilson_interval
from sentinel_batch.learning.scorecard import group_note


def _lake(path: Path, count: int, **other: Any) -> Lake:
    lake = make_lake(path)
    record_alerts(frame(*(finding(suspect=f"+23480{n:08d}", **other) for n in range(count))), lake=lake)
    return lake


def _reviewed_at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr("sentinel_batch.alerts.review.now", lambda: moment)


def test_wilson_interval_agrees_with_the_published_example() -> None:
    low, high = wilson_interval(81, 263) or (0.0, 0.0)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson_interval(0, 0) is None
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_precision_counts_confirmed_against_false_positives(tmp_path: Path) -> None:
    lake = _lake(tmp_path, 6)
    review_alerts([1, 2, 3], disposition="confirmed", lake=lake)
    review_alerts([4], disposition="false-positive", notes="call centre", lake=lake)
    review_alerts([5], disposition="watch", lake=lake)
    row = compute_scorecard(lake=lake).rules.row(0, named=True)
    assert row["detection_rule"] == "SDHF_001"
    assert (row["alerts"], row["open"], row["reviewed"]) == (6, 1, 5)
    assert (row["confirmed"], row["false_positives"], row["watched"]) == (3, 1, 1)
    assert row["precision"] == 0.75
    assert (row["precision_low"], row["precision_high"]) == wilson_interval(3, 4)


def test_an_unreviewed_rule_has_no_precision(tmp_path: Path) -> None:
    row = compute_scorecard(lake=_lake(tmp_path, 2)).rules.row(0, named=True)
    assert row["precision"] is None
    assert row["precision_low"] is None
    assert row["analyst_hours"] == 0.0


def test_hours_are_pauses_between_reviews_of_one_analyst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = _lake(tmp_path, 4)
    start = at(100)
    for minutes, ids, actor in ((0, [1], "ada"), (1, [2], "bisi"), (6, [3], "ada"), (120, [4], "ada")):
        _reviewed_at(monkeypatch, start + timedelta(minutes=minutes))
        review_alerts(ids, disposition="confirmed", by=actor, lake=lake)
    hours = compute_scorecard(lake=lake).rules["analyst_hours"].item()
    assert hours == pytest.approx((10 + 10 + 6 + 10) / 60)


def test_alerts_reviewed_at_once_share_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = _lake(tmp_path, 2)
    other = [finding(suspect="+2349000000001", detection_rule="OTHER", rule_version="2.0")]
    record_alerts(frame(*other), lake=lake)
    _reviewed_at(monkeypatch, at(50))
    review_alerts([1, 2, 3], disposition="confirmed", by="ada", lake=lake)
    hours = dict(compute_scorecard(lake=lake).rules.select("detection_rule", "analyst_hours").iter_rows())
    assert hours == {"OTHER": pytest.approx(10 / 180), "SDHF_001": pytest.approx(20 / 180)}


def test_weeks_follow_the_windows_and_the_period_is_half_open(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(0, 10), finding(24 * 8, 24 * 8 + 10)), lake=lake)
    weekly = compute_scorecard(lake=lake).weekly
    assert weekly["week"].dt.weekday().to_list() == [1, 1]
    assert weekly["alerts"].to_list() == [1, 1]
    assert compute_scorecard(lake=lake, since=at(10)).rules["alerts"].to_list() == [1]
    assert compute_scorecard(lake=lake, until=at(10)).rules["alerts"].to_list() == [1]


def test_merged_alerts_count_once(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(0, 10), finding(20, 30)), lake=lake)
    record_alerts(frame(finding(5, 25)), lake=lake)
    assert compute_scorecard(lake=lake).rules["alerts"].to_list() == [1]


def test_alike_reasons_are_counted_together(tmp_path: Path) -> None:
    lake = _lake(tmp_path, 4)
    for alert_id, note in ((1, "Call centre."), (2, "call  CENTRE"), (3, "bank"), (4, "")):
        review_alerts(alert_id, disposition="false-positive", notes=note, lake=lake)
    reasons = compute_scorecard(lake=lake).reasons
    assert reasons.rows() == [
        ("SDHF_001", "call centre", 2, 1),
        ("SDHF_001", "(no note)", 1, 4),
        ("SDHF_001", "bank", 1, 3),
    ]
    assert group_note(None) == "(no note)"


def test_an_empty_lake_has_an_empty_scorecard(tmp_path: Path) -> None:
    card = compute_scorecard(lake=make_lake(tmp_path))
    assert card.to_dict() == {"rules": [], "weekly": [], "reasons": [], "outside": []}
    assert card.rules.schema["precision"] == pl.Float64
