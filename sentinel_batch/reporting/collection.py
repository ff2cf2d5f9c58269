"""Everything that a report says, read from the lake in a handful of set-based queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.detection import read_guidance
from sentinel_batch.reporting.boxes import gather_boxes
from sentinel_batch.reporting.charts import MAX_SUSPECTS
from sentinel_batch.reporting.evidence import gather_activity, gather_evidence
from sentinel_batch.reporting.investigation import gather_investigation
from sentinel_batch.reporting.quality import measure_coverage, measure_quality
from sentinel_batch.reporting.queries import fetch_frame
from sentinel_batch.reporting.recordings import gather_voices
from sentinel_batch.schema import CALL_RECORDS, FRAUD_ALERTS
from sentinel_batch.severity import severity_rank

if TYPE_CHECKING:
    import duckdb

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

_CALLER_DAYS = """
CREATE TEMP TABLE caller_days AS
SELECT caller_number, call_date, count(*) AS calls, sum(duration_seconds) AS seconds
FROM call_records WHERE call_timestamp BETWEEN $first AND $last GROUP BY ALL
"""

_QUARTERS = f"""
SELECT epoch_us(call_timestamp) // {_QUARTER * 1_000_000} AS quarter, count(*) AS calls
FROM call_records WHERE call_timestamp BETWEEN $first AND $last GROUP BY ALL ORDER BY ALL
"""

_BUSIEST = f"""
CREATE TEMP TABLE busiest AS
SELECT caller_number, arg_max(call_date, (calls, call_date)) AS call_date, max(calls) AS calls
FROM caller_days WHERE caller_number NOT IN (SELECT suspect_number FROM all_suspects)
GROUP BY caller_number ORDER BY calls DESC, caller_number LIMIT {OTHER_CALLERS}
"""

_OTHERS = """
SELECT c.caller_number, count(DISTINCT c.callee_number) AS unique_destinations,
       avg(c.duration_seconds) AS avg_duration_seconds
FROM call_records AS c JOIN busiest USING (caller_number, call_date)
WHERE c.call_timestamp BETWEEN $first AND $last GROUP BY ALL ORDER BY ALL
"""


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
    voices: Voices
    investigation: Investigation
    boxes: BoxShelf
    failed_rules: Sequence[Mapping[str, str]] = ()
    guidance: Sequence[Mapping[str, str]] = ()


def collect_report(
    desk: Desk,
    period: Period | None,
    *,
    run_id: str | None,
    generated_at: datetime,
    max_alerts: int,
    examined_by: str | None = None,
    failed_rules: Sequence[Mapping[str, str]] = (),
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
    """
    tables, timezone = desk.tables, desk.config.timezone
    alerts, suppressed = _alerts(tables, period)
    shown = alerts.head(max_alerts)
    common: dict[str, Any] = {
        "period": period, "run_id": run_id, "timezone": timezone, "generated_at": generated_at,
        "detection": measure_coverage(tables, period, examined_by),
        "alerts": alerts, "suppressed": suppressed, "shown": shown,
        "voices": gather_voices(desk, period, generated_at),
        "investigation": gather_investigation(desk, period),
        "boxes": gather_boxes(desk, period),
        "failed_rules": failed_rules,
        "guidance": read_guidance(alerts["detection_rule"].drop_nulls().unique(), desk.config),
    }  # fmt: skip
    if period is None:
        return Report(**common, **_nothing(tables, run_id))
    first = min([period.first_instant, *shown["window_start"].drop_nulls().to_list()])
    last = max([period.until, *shown["window_end"].drop_nulls().to_list()])
    with tables.connect(CALL_RECORDS.name, since=first, until=last) as connection:
        bounds = {"first": period.first_instant, "last": period.until}
        quarters = fetch_frame(connection, _QUARTERS, bounds)
        volume, others = _callers(connection, alerts, suppressed, bounds)
        evidence = gather_evidence(tables, connection, shown, period)
        activity = _activity(connection, shown, period, timezone)
    hours = _hours(quarters)
    quality = measure_quality(tables, period, run_id, hours)
    return Report(
        **common,
        volume={"calls": int(quarters["calls"].sum()), **volume},
        quality=quality,
        evidence=evidence,
        hours=_local_hours(quarters, period, timezone),
        others=others,
        activity=activity,
    )


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


def _callers(
    connection: duckdb.DuckDBPyConnection, alerts: pl.DataFrame, suppressed: pl.DataFrame, bounds: dict[str, datetime]
) -> tuple[dict[str, int], pl.DataFrame]:
    suspects = pl.concat([alerts, suppressed]).select("suspect_number").drop_nulls().unique().sort("suspect_number")
    connection.register("all_suspects", suspects.to_arrow())
    connection.execute(_CALLER_DAYS, bounds)
    callers = connection.execute("SELECT count(DISTINCT caller_number) FROM caller_days").fetchall()[0][0]
    connection.execute(_BUSIEST)
    return {"callers": int(callers)}, fetch_frame(connection, _OTHERS, bounds)


def _activity(
    connection: duckdb.DuckDBPyConnection, shown: pl.DataFrame, period: Period, timezone: str
) -> pl.DataFrame:
    """The worst suspects' calls in the period by wall-clock time, in steps that keep the chart small."""
    worst = shown.unique("suspect_number", keep="first", maintain_order=True).head(MAX_SUSPECTS)
    length = (period.until - period.since).total_seconds()
    step = next((s for s in _ACTIVITY_STEPS if length / s <= _MAX_STEPS), _ACTIVITY_STEPS[-1])
    counts = gather_activity(connection, worst["suspect_number"].to_list(), period, step)
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
    }
