"""The charts: what they draw, from the frames that notebooks have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from sentinel_batch import reporting
from sentinel_batch.reporting import chart_heatmap, chart_scatter, chart_severity, chart_timeline

START = datetime(2026, 1, 22, 6, 30, tzinfo=UTC)
ALERTS = pl.DataFrame(
    {
        "suspect_number": ["+1", "+2", "+3"],
        "alert_severity": ["HIGH", "HIGH", "LOW"],
        "detection_rule": ["SDHF_001"] * 3,
        "unique_destinations": [120, 130, 60],
        "avg_duration_seconds": [1.8, 1.5, 2.7],
    }
)
CALLS = pl.DataFrame(
    {
        "caller_number": ["+1", "+1", "+2"],
        "call_timestamp": [START, START + timedelta(minutes=5), START + timedelta(hours=2)],
        "local_date": [date(2026, 1, 22)] * 3,
        "local_hour": [7, 7, 9],
    }
)


def data(chart: Any) -> list[list[dict[str, Any]]]:
    return list(chart.to_dict()["datasets"].values())


def test_severity_counts_alerts() -> None:
    counts = {row["alert_severity"]: row["alerts"] for row in data(chart_severity(ALERTS))[0]}
    assert counts == {"HIGH": 2, "LOW": 1}


def test_severity_gives_each_of_twenty_rules_a_line_of_its_own() -> None:
    rules = pl.DataFrame(
        {"alert_severity": ["HIGH", "LOW"] * 20, "detection_rule": [f"RULE_{n // 2}" for n in range(40)]}
    )
    chart = chart_severity(rules).to_dict()
    bars, words = chart["layer"]
    assert bars["encoding"]["y"]["field"] == words["encoding"]["y"]["field"] == "detection_rule"
    assert len(bars["encoding"]["y"]["scale"]["domain"]) == 20
    assert chart["height"] >= 20 * 20
    assert {row["alerts"] for row in chart["datasets"][words["data"]["name"]]} == {2}


def test_heatmap_counts_call_records() -> None:
    cells = data(chart_heatmap(CALLS))[0]
    assert [(c["hour"], c["calls"]) for c in cells] == [(7, 2), (9, 1)]


def test_heatmap_keeps_the_latest_days() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(70)]
    frame = pl.DataFrame({"local_date": days, "local_hour": [0] * 70, "calls": [1] * 70})
    cells = data(chart_heatmap(frame))[0]
    assert len(cells) == 62
    assert cells[-1]["day"] == "Wed 11 Mar 2026"


def test_scatter_draws_the_boundary_and_callers_without_alerts() -> None:
    chart = chart_scatter(ALERTS, min_unique_destinations=40, max_avg_duration=2.5)
    sets = data(chart)
    assert any({(40.0, 0.0), (40.0, 2.5)} <= {(r.get("x"), r.get("y")) for r in rows} for rows in sets)
    assert all(r["top"] <= 2.5 for rows in sets for r in rows if "top" in r)
    callers = ALERTS.drop("alert_severity").rename({"suspect_number": "caller_number"})
    points = next(rows for rows in data(chart_scatter(callers)) if "number" in rows[0])
    assert {p["severity"] for p in points} == {"no alert"}


def test_scatter_draws_the_worst_last() -> None:
    points = next(rows for rows in data(chart_scatter(ALERTS)) if "number" in rows[0])
    assert [p["severity"] for p in points] == ["LOW", "HIGH", "HIGH"]


def test_timeline_counts_call_records_by_hour() -> None:
    rows = data(chart_timeline(CALLS))[0]
    assert [(r["suspect_number"], r["calls"]) for r in rows] == [("+1", 2), ("+2", 1)]


def test_timeline_shows_twenty_suspects() -> None:
    many = pl.DataFrame({"caller_number": [f"+{n}" for n in range(30)], "call_timestamp": [START] * 30})
    assert len(data(chart_timeline(many))[0]) == 20


@pytest.mark.parametrize("chart", [chart_severity, chart_scatter])
def test_empty_frames_draw_empty_charts(chart: Any) -> None:
    assert chart(ALERTS.clear()).to_dict()["layer"]


def test_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="chart_pie"):
        _ = reporting.chart_pie
