"""Everything that a report says, read from the lake in a handful of set-based queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.detection import locate_cells, read_guidance
from sentinel_batch.reporting.boxes import gather_boxes
from sentinel_batch.reporting.evidence import (
    end_windows,
    gather_activity,
    gather_calls,
    gather_cells,
    gather_evidence,
    join_calls,
    read_suspect_calls,
)
from sentinel_batch.reporting.investigation import gather_investigation, group_alerts
from sentinel_batch.reporting.marks import MAX_SUSPECTS
from sentinel_batch.reporting.news import find_baseline, gather_news
from sentinel_batch.reporting.night import Night, find_lost_files, recall_night
from sentinel_batch.reporting.nights import compare_nights, read_nights
from sentinel_batch.reporting.period import scan_calls
from sentinel_batch.reporting.quality import measure_coverage, measure_quality
from sentinel_batch.reporting.recordings import gather_voices
from sentinel_batch.schema import FRAUD_ALERTS
from sentinel_batch.severity import severity_rank

if TYPE_CHECKING:
    from sentinel_batch.desk import Desk
    from sentinel_batch.lake import Snapshot
    from sentinel_batch.reporting.boxes import BoxShelf
    from sentinel_batch.reporting.investigation import Investigation
    from sentinel_batch.reporting.period import Period
    from sentinel_batch.reporting.recordings import Voices

OTHER_CALLERS = 200
"""Callers without an alert that the scatter chart shows for comparison: the busiest, by calls in one day (UTC)."""

_QUARTER = 900
_ACTIVITY_STEPS = (3600, 4 * 3600, 24 * 3600)
_MAX_STEPS = 168

ALERTS_WITH_CALLS = 60
"""Alerts whose every call is read, the worst ones; the page carries as many of them as fit."""


@dataclass(frozen=True)
class Report:
    """What a report says.

    Parameters
    ----------
    period
        None for a lake without calls.
    run_id
        The run that the report is about, if one was named.
    timezone
        IANA name of the zone of local times.
    generated_at
        UTC.
    volume, quality, detection
        As in ``report.schema.json``.
    alerts
        Every alert of the period, worst first.
    suppressed
        Alerts of the period that the suppression list silences.
    shown
        The first so many alerts have evidence.
    evidence
        Alert id to evidence.
    hours
        ``local_date``, ``local_hour``, ``calls`` of every hour of the period, 0 included.
    others
        Busiest callers without an alert: ``caller_number``, ``unique_destinations``, ``avg_duration_seconds``.
    activity
        Rows for :func:`sentinel_batch.reporting.charts.chart_timeline`.
    calls
        Alert id to all calls behind it, for the worst alerts.
    cells
        The cell that each suspect called from most: ``suspect_number, cell, calls``, and where the list of locations
        knows it, ``latitude, longitude, place``.
    groups
        Alert id to the ``case`` and ``box`` of its number, and whether it is ``new``.
    region
        Where national numbers are read (ISO 3166-1 alpha-2).
    voices
        Call recordings, worst first.
    investigation
        Ranked queue, cases and scorecard.
    boxes
        SIM boxes.
    failed_rules
        Rules that did not run: ``rule``, ``book``, ``message`` and ``hint`` of each.
    guidance
        What to do about alerts: ``rule``, ``name`` and ``remediation`` of each rule that raised one.
    night
        The night that the report is of, if it is of one.
    lost_files
        Files that were lost in that night, or in the last one, and by hand since.
    news
        What is new since the night before; None where there was no night.
    comparison
        The night beside earlier ones; None for a report of no night.
    """

    period: Period | None
    run_id: str | None
    timezone: str
    generated_at: datetime
    volume: dict[str, int]
    quality: dict[str, Any]
    detection: dict[str, Any]
    alerts: pl.DataFrame
    suppressed: pl.DataFrame
    shown: pl.DataFrame
    evidence: dict[int, dict[str, Any]]
    hours: pl.DataFrame
    others: pl.DataFrame
    activity: pl.DataFrame
    calls: Mapping[int, pl.DataFrame]
    cells: pl.DataFrame
    groups: Mapping[int, Mapping[str, Any]]
    region: str
    voices: Voices
    investigation: Investigation
    boxes: BoxShelf
    failed_rules: Sequence[Mapping[str, str]] = ()
    guidance: Sequence[Mapping[str, str]] = ()
    night: Night | None = None
    lost_files: Sequence[Mapping[str, Any]] = ()
    news: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None


def collect_report(
    desk: Desk,
    period: Period | None,
    *,
    run_id: str | None,
    generated_at: datetime,
    max_alerts: int,
    examined_by: str | None = None,
    failed_rules: Sequence[Mapping[str, str]] = (),
    night: Night | None = None,
) -> Report:
    """Read a report's content.

    Parameters
    ----------
    desk
        Where to read, at one moment; gives the zone of local times, and the model that takes part in the ranking.
    period
        The period; None for a lake without calls.
    run_id
        The run that the report is about.
    generated_at
        The time that the report carries, UTC.
    max_alerts
        Evidence is read for that many alerts at most, the worst ones.
    examined_by
        A run under way that has examined the period.
    failed_rules
        Rules that did not run.
    night
        The night under way that writes the report; None looks whether ``run_id`` was one.
    """
    tables, timezone = desk.tables, desk.config.timezone
    alerts, suppressed = _alerts(tables, period)
    shown = alerts.head(max_alerts)
    investigation = gather_investigation(desk, period)
    history = _look_back(desk, period, investigation.listed, night, run_id, examined_by)
    common: dict[str, Any] = {
        "period": period, "run_id": run_id, "timezone": timezone, "generated_at": generated_at,
        "detection": measure_coverage(tables, period, examined_by),
        "alerts": alerts, "suppressed": suppressed, "shown": shown,
        "groups": group_alerts(desk, shown, history.get("news")), "region": desk.config.region,
        "voices": gather_voices(desk, period, generated_at),
        "investigation": investigation,
        "boxes": gather_boxes(desk, period),
        "failed_rules": failed_rules,
        "guidance": read_guidance(alerts["detection_rule"].drop_nulls().unique(), desk.config),
        **history,
    }  # fmt: skip
    if period is None:
        return Report(**common, **_nothing(tables, run_id))
    quarters = _count_quarters(tables, period)
    volume, others = _callers(tables, alerts, suppressed, period)
    told = end_windows(shown)
    suspect_calls = read_suspect_calls(tables, told, period)
    behind = join_calls(suspect_calls, told)
    cells = gather_cells(suspect_calls, period)
    hours = _hours(quarters)
    quality = measure_quality(tables, period, run_id, hours)
    return Report(
        **common,
        volume={"calls": int(quarters["calls"].sum()), **volume},
        quality=quality,
        evidence=gather_evidence(tables, behind, told),
        hours=_local_hours(quarters, period, timezone),
        others=others,
        activity=_activity(suspect_calls, shown, period, timezone),
        calls=gather_calls(behind, shown.head(ALERTS_WITH_CALLS)),
        cells=cells.join(locate_cells(cells["cell"], desk.config), on="cell", how="left", maintain_order="left"),
    )


def _look_back(
    desk: Desk,
    period: Period | None,
    suspects: pl.DataFrame | None,
    night: Night | None,
    run_id: str | None,
    examined_by: str | None,
) -> dict[str, Any]:
    """What was lost, what is new, and how the night compares; all from the history of nights."""
    tables, nights = desk.tables, read_nights(desk.tables)
    told = night if night is not None else recall_night(nights, run_id)
    before = nights if night is not None or told is None else [past for past in nights if past.run_id < told.run_id]
    found: dict[str, Any] = {"night": told, "lost_files": find_lost_files(tables, told, nights, desk.config.timezone)}
    if told is not None:
        found["comparison"] = compare_nights(told.figures, told.started_at, before, desk.config.timezone)
    if suspects is not None and (nights or night is not None):
        baseline = find_baseline(nights, run_id, examined_by is not None)
        found["news"] = gather_news(tables, suspects, baseline, period)
    return found


def _alerts(tables: Snapshot, period: Period | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = tables.scan(FRAUD_ALERTS.name)
    if period is not None:
        rows = rows.filter((pl.col("first_seen") <= period.until) & (pl.col("last_seen") >= period.first_instant))
    found = (
        rows.filter(pl.col("merged_into").is_null() & pl.col("status").ne_missing("merged"))
        .sort(
            severity_rank(), "unique_destinations", "avg_duration_seconds", "id", descending=[True, True, False, False]
        )
        .collect()
    )
    silenced = pl.col("status").eq_missing("suppressed")
    return found.filter(~silenced), found.filter(silenced)


def _count_quarters(tables: Snapshot, period: Period) -> pl.DataFrame:
    """``quarter`` (of an hour since 1970, UTC) and ``calls``, in which anybody called."""
    moment = pl.col("call_timestamp")
    calls = scan_calls(tables, period.first_instant, period.until)
    quarter = moment.dt.epoch("us") // (_QUARTER * 1_000_000)
    counts = calls.group_by(quarter.alias("quarter")).agg(pl.len().cast(pl.Int64).alias("calls"))
    return counts.sort("quarter").collect(engine="streaming")


def _callers(
    tables: Snapshot, alerts: pl.DataFrame, suppressed: pl.DataFrame, period: Period
) -> tuple[dict[str, int], pl.DataFrame]:
    """How many callers there are, and the busiest without an alert, with the figures of their busiest day."""
    calls = scan_calls(tables, period.first_instant, period.until)
    days = calls.group_by("caller_number", "call_date").agg(pl.len().alias("calls")).collect(engine="streaming")
    suspects = pl.concat([alerts, suppressed])["suspect_number"].drop_nulls().unique()
    busiest = (
        days.filter(~pl.col("caller_number").is_in(suspects.implode()))
        .sort("calls", "call_date", descending=True)
        .unique("caller_number", keep="first", maintain_order=True)
        .sort("calls", "caller_number", descending=[True, False])
        .head(OTHER_CALLERS)
    )
    own = pl.col("caller_number").is_in(busiest["caller_number"].implode())
    columns = ("caller_number", "call_date", "callee_number", "duration_seconds")
    others = calls.filter(own).select(columns).collect().join(busiest, on=["caller_number", "call_date"], how="semi")
    figures = others.group_by("caller_number").agg(
        unique_destinations=pl.col("callee_number").n_unique().cast(pl.Int64),
        avg_duration_seconds=pl.col("duration_seconds").mean(),
    )
    return {"callers": days["caller_number"].n_unique()}, figures.sort("caller_number")


def _activity(calls: pl.DataFrame, shown: pl.DataFrame, period: Period, timezone: str) -> pl.DataFrame:
    """The worst suspects' calls in the period by wall-clock time, in steps that keep the chart small."""
    worst = shown.unique("suspect_number", keep="first", maintain_order=True).head(MAX_SUSPECTS)
    length = (period.until - period.since).total_seconds()
    step = next((s for s in _ACTIVITY_STEPS if length / s <= _MAX_STEPS), _ACTIVITY_STEPS[-1])
    counts = gather_activity(calls, worst["suspect_number"].to_list(), period, step)
    start = pl.from_epoch(pl.col("bucket") * step, "s").dt.replace_time_zone("UTC")
    ranked = worst.select("suspect_number", "alert_severity").with_row_index("rank")
    return (
        counts.join(ranked, left_on="caller_number", right_on="suspect_number")
        .sort("rank", "bucket")
        .select(
            pl.col("caller_number").alias("suspect_number"),
            "alert_severity",
            start.dt.convert_time_zone(timezone).dt.replace_time_zone(None).alias("start"),
            (start + timedelta(seconds=step)).dt.convert_time_zone(timezone).dt.replace_time_zone(None).alias("end"),
            "calls",
        )
    )


def _hours(quarters: pl.DataFrame) -> pl.DataFrame:
    start = pl.from_epoch(pl.col("quarter") // 4 * 3600, "s").dt.replace_time_zone("UTC")
    return quarters.group_by(start.alias("start")).agg(pl.col("calls").sum()).sort("start")


def _local_hours(quarters: pl.DataFrame, period: Period, timezone: str) -> pl.DataFrame:
    """Calls by local day and hour; quarters of an hour are the finest step between a zone and UTC."""
    first = int(period.first_instant.timestamp()) // _QUARTER
    last = int(period.until.timestamp()) // _QUARTER
    # The quarter that begins at the period's very end counts only if somebody called at that instant.
    every = pl.int_range(first, last, eager=True).alias("quarter").to_frame()
    every = pl.concat([every, quarters.select("quarter")]).unique()
    local = pl.from_epoch(pl.col("quarter") * _QUARTER, "s").dt.replace_time_zone("UTC").dt.convert_time_zone(timezone)
    return (
        every.join(quarters, on="quarter", how="left")
        .group_by(local.dt.date().alias("local_date"), local.dt.hour().alias("local_hour"))
        .agg(pl.col("calls").fill_null(0).sum())
        .sort("local_date", "local_hour")
    )


def _nothing(tables: Snapshot, run_id: str | None) -> dict[str, Any]:
    return {
        "volume": {"calls": 0, "callers": 0},
        "quality": measure_quality(tables, None, run_id, pl.DataFrame({"start": []})),
        "evidence": {},
        "hours": pl.DataFrame({"local_date": [], "local_hour": [], "calls": []}),
        "others": pl.DataFrame(),
        "activity": pl.DataFrame(),
        "calls": {},
        "cells": pl.DataFrame(schema={"suspect_number": pl.String, "cell": pl.String}),
    }
