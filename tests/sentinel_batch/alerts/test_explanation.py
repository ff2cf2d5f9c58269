"""Explanations, from the figures down to the single call."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from alert_samples import SUSPECT, at, call, finding, frame, make_lake

from sentinel_batch.alerts import explain, record_alerts, review_alerts, suppress
from sentinel_batch.errors import AlertNotFoundError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.profiles import build_profiles, spread
from sentinel_batch.schema import CALL_RECORDS, polars_schema

QUIET = "+2348090000001"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A busy suspect with alerts of two episodes, four ordinary callers, and one that calls too early."""
    busy = [
        call(0.1 + n / 7, f"+23480{n % 55:08}", n % 6, location_code=f"CELL{n % 3}", imei="35", imsi=None)
        for n in range(60)
    ]
    around = [call(0, "+1999", 9), call(10, '=cmd|"x"', 99), call(12, "+1888", 5)]
    quiet = [call(h, "+1777", 100, QUIET) for h in (1, 2, 30)]
    others = [call(3, f"+17{n}", n, f"+23470{n}") for n in range(3)] + [call(0, "+1", 1, "+234709")]
    lake = make_lake(tmp_path_factory.mktemp("explained"), busy + around + quiet + others)
    figures = {"call_count": 61, "unique_destinations": 56, "avg_duration_seconds": 2.5}
    worst = finding(0, 10, "HIGH", episode_start=at(0), episode_end=at(12), last_seen=at(12), **figures)
    record_alerts(frame(worst), lake=lake)
    record_alerts(frame(finding(-40, -30)), lake=lake)
    review_alerts(2, disposition="confirmed", notes="blocked", by="ada", lake=lake)
    return lake


def test_figures_stand_against_threshold_and_other_callers(lake: Lake) -> None:
    told = explain(1, lake=lake)
    reasons = {reason.measure: reason for reason in told.reasons}
    assert reasons["unique_destinations"].value == 56
    assert (reasons["unique_destinations"].comparison, reasons["unique_destinations"].threshold) == (">", 50)
    assert (reasons["avg_duration_seconds"].comparison, reasons["avg_duration_seconds"].threshold) == ("<", 3.0)
    assert (reasons["call_count"].comparison, reasons["call_count"].threshold) == (None, None)
    assert told.notices == []


def test_others_are_compared_on_the_local_day_of_most_calls(lake: Lake) -> None:
    told = explain(1, lake=lake)
    reasons = {reason.measure: reason for reason in told.reasons}
    assert told.compared_day == date(2026, 3, 1)
    # The day in Lagos is (-1 h, 23 h]: it holds the call at 12 h, which the window does not, and one more caller.
    assert (reasons["call_count"].value, reasons["call_count"].day_value) == (61, 63)
    assert reasons["unique_destinations"].day_value == 58
    assert {reason.callers for reason in told.reasons} == {5}
    assert reasons["call_count"].percentile == 100
    # 0, 1, 1 and 2 seconds are below the suspect's, 100 seconds are not.
    assert reasons["avg_duration_seconds"].percentile == 80


def test_profiles_and_calls_compare_alike(tmp_path: Path) -> None:
    """The same lake explained from calls, from profiles, and from calls again when late ones came in."""
    busy = [call(n / 4, f"+1{n}", n % 5) for n in range(60)]
    others = [call(n % 24, f"+2{n % 7}", n % 11, f"+23470{n % 9}") for n in range(90)]
    lake = make_lake(tmp_path, busy + others)
    record_alerts(frame(finding(0, 10)), lake=lake)
    from_calls = explain(1, lake=lake)
    build_profiles(lake=lake)
    with_profiles = explain(1, lake=lake)
    assert with_profiles.reasons == from_calls.reasons
    assert len({reason.percentile for reason in from_calls.reasons}) > 1
    late = pl.DataFrame([call(3, "+1", 9, "+234999")], schema=polars_schema(CALL_RECORDS.columns))
    lake.append(CALL_RECORDS.name, late)
    assert {reason.callers for reason in explain(1, lake=lake).reasons} == {from_calls.reasons[0].callers + 1}
    build_profiles(lake=lake)
    assert {reason.callers for reason in explain(1, lake=lake).reasons} == {from_calls.reasons[0].callers + 1}


def test_stored_profiles_are_what_is_compared_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = make_lake(tmp_path, [call(1, "+1"), call(2, "+2", 5, "+234701")])
    record_alerts(frame(finding(0, 10)), lake=lake)
    build_profiles(lake=lake)
    monkeypatch.setattr(spread, "_count_calls", None)  # It would be called if profiles did not serve.
    assert explain(1, lake=lake).reasons[0].callers == 1


def test_a_box_is_compared_whole_with_callers_outside_it(tmp_path: Path) -> None:
    members = [SUSPECT, "+2348030000002"]
    calls = [call(n / 10, f"+1{n}", 2, members[n % 2]) for n in range(10)]
    others = [call(n / 10, f"+1{n}", 9, "+234701") for n in range(7)] + [call(1, "+1", 9, "+234702")]
    lake = make_lake(tmp_path, calls + others)
    record_alerts(frame(finding(0, 10, evidence=json.dumps({"box_id": 1, "members": members}))), lake=lake)
    reasons = {reason.measure: reason for reason in explain(1, lake=lake).reasons}
    # Neither member alone (5 calls) makes more calls than the busiest other (7), but both together do.
    assert (reasons["call_count"].day_value, reasons["call_count"].callers) == (10, 2)
    assert reasons["call_count"].percentile == 100
    assert reasons["avg_duration_seconds"].percentile == 0


def test_window_is_half_open_and_the_episode_is_longer(lake: Lake) -> None:
    told = explain("1", lake=lake)
    assert (told.window_start, told.window_end, told.episode_end) == (at(0), at(10), at(12))
    assert told.calls().height == 61
    assert told.calls(episode=True).height == 62
    assert told.calls()["call_timestamp"].is_sorted()
    assert told.calls_per_hour.height == 11
    assert told.calls_per_hour["calls"].sum() == 61
    assert told.calls_per_hour["hour"][0] == at(0)


def test_callees_calls_and_cells(lake: Lake) -> None:
    told = explain(1, lake=lake)
    assert told.top_callees.height == 10
    assert told.top_callees.row(0)[:2] == ("+2348000000000", 2)
    assert told.longest_calls["callee_number"][0] == '=cmd|"x"'
    assert told.shortest_calls["duration_seconds"].to_list() == [0] * 10
    assert told.first_calls["call_timestamp"][0] == at(0.1)
    assert told.last_calls["call_timestamp"][-1] == at(10)
    cells = {(kind, value): calls for kind, value, calls, *_ in told.cells.iter_rows()}
    assert cells == {("location_code", f"CELL{n}"): 20 for n in range(3)} | {("imei", "35"): 60}


def test_earlier_alerts_and_verdicts(lake: Lake) -> None:
    told = explain(SUSPECT, lake=lake)
    assert told.alert is not None
    assert told.alert["id"] == 1
    (earlier,) = told.earlier.to_dicts()
    assert (earlier["id"], earlier["disposition"], earlier["reviewer_notes"]) == (2, "confirmed", "blocked")
    assert told.events["event"].to_list() == ["created"]


def test_a_number_stands_for_its_worst_open_alert(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [call(0, "+1999", 9)])
    record_alerts(frame(finding(0, 10, "HIGH")), lake=lake)
    record_alerts(frame(finding(0, 10, "LOW", detection_rule="ASR_ACD", last_seen=at(11))), lake=lake)
    assert (explain(SUSPECT, lake=lake).alert or {})["alert_severity"] == "HIGH"
    review_alerts(1, disposition="false-positive", lake=lake)
    assert (explain(SUSPECT, lake=lake).alert or {})["alert_severity"] == "LOW"


def test_number_without_alert_is_explained_over_its_last_day(lake: Lake) -> None:
    told = explain(QUIET, lake=lake)
    assert told.alert is None
    assert (told.window_start, told.window_end) == (at(6), at(30))
    assert told.calls().height == 1
    reasons = {reason.measure: reason for reason in told.reasons}
    assert reasons["call_count"].value == 1
    assert reasons["unique_destinations"].threshold is None
    assert "No alert" in told.notices[0]
    assert told.events.is_empty()
    json.dumps(told.to_dict())


def test_unknown_subjects(lake: Lake) -> None:
    with pytest.raises(AlertNotFoundError, match=r"no alert '\+99', and no call.*\nHint: Name an id"):
        explain("+99", lake=lake)
    for subject in (77, "77"):
        with pytest.raises(AlertNotFoundError, match=r"There is no alert 77. Nearest ids: 1, 2"):
            explain(subject, lake=lake)


def test_document_is_json(lake: Lake) -> None:
    document = json.loads(json.dumps(explain(1, lake=lake).to_dict()))
    assert document["window_end"] == "2026-03-01T10:00:00Z"
    assert document["alert"]["alert_severity"] == "HIGH"
    assert document["reasons"][1]["threshold"] == 50
    assert len(document["first_calls"]) == 10
    assert not any(name.startswith("_") for name in document)


def test_calls_are_written_with_the_formula_guard(lake: Lake, tmp_path: Path) -> None:
    told = explain(1, lake=lake)
    with told.write_calls(tmp_path / "calls.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 61
    assert rows[-1]["callee_number"] == '\'=cmd|"x"'
    assert rows[0]["caller_number"] == SUSPECT
    with pytest.raises(UsageError, match="cannot be written"):
        told.write_calls(tmp_path / "none" / "calls.csv")


def test_notices_tell_of_missing_late_and_merged(tmp_path: Path) -> None:
    lake = make_lake(tmp_path, [call(1, "+1")])
    record_alerts(frame(finding(0, 10), finding(20, 30)), lake=lake)
    record_alerts(frame(finding(10, 20, call_count=0, suspect="+9")), lake=lake)
    merged = record_alerts(frame(finding(5, 25)), lake=lake).merged[0]
    told = explain(merged, lake=lake)
    assert told.notices[0] == "This alert was merged into alert 1."
    assert "archived or deleted" in told.notices[1]
    late = make_lake(tmp_path / "late", [call(h, "+1") for h in (1, 2)])
    record_alerts(frame(finding(0, 10, call_count=1)), lake=late)
    assert explain(1, lake=late).notices[0].startswith("The lake holds 2 calls of this window, the alert counted 1")


def test_lake_without_calls_still_explains_the_alert(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    suppress(SUSPECT, reason="r", lake=lake)
    record_alerts(frame(finding()), lake=lake)
    told = explain(SUSPECT, lake=lake)
    assert told.calls().is_empty()
    assert {reason.percentile for reason in told.reasons} == {None}
    json.dumps(told.to_dict())
