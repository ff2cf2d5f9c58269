"""What lies behind each alert: read for all alerts at once, in one pass over the call records."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.alerts.events import ALERT_HISTORY
from sentinel_batch.reporting.queries import fetch_frame

if TYPE_CHECKING:
    import duckdb

    from sentinel_batch.lake import Snapshot
    from sentinel_batch.reporting.period import Period

TOP_CALLEES = 5
EDGE_CALLS = 3
"""Calls shown at either end of the window."""

SOURCE_FILES = 3
EVENTS = 5
MAX_BUCKETS = 48
"""Windows longer than 48 hours are counted in 48 equal parts instead of hours."""

_HOUR_US = 3_600_000_000

_GATHER = """
CREATE TEMP TABLE suspect_calls AS
SELECT caller_number, call_timestamp, callee_number, duration_seconds, source_file, source_line
FROM call_records
WHERE caller_number IN (SELECT suspect_number FROM scope) AND call_timestamp BETWEEN $first AND $last
"""

_JOIN = """
CREATE TEMP TABLE evidence_calls AS
SELECT s.id, s.bucket_us, s.window_start, c.*
FROM suspect_calls AS c JOIN scope AS s
  ON c.caller_number = s.suspect_number AND c.call_timestamp > s.window_start AND c.call_timestamp <= s.window_end
"""

_BUCKETS = """
SELECT id, (epoch_us(call_timestamp) - epoch_us(window_start) - 1) // bucket_us AS bucket, count(*) AS calls
FROM evidence_calls GROUP BY ALL ORDER BY ALL
"""

_FIGURES = """
SELECT id, count(*) AS calls, count(DISTINCT callee_number) AS callees, min(duration_seconds) AS shortest,
       max(duration_seconds) AS longest, avg(duration_seconds) AS average,
       count(*) FILTER (WHERE duration_seconds = 0) AS zero_seconds
FROM evidence_calls GROUP BY id ORDER BY id
"""

_CALLEES = f"""
SELECT id, callee_number, count(*) AS calls FROM evidence_calls GROUP BY id, callee_number
QUALIFY row_number() OVER (PARTITION BY id ORDER BY calls DESC, callee_number) <= {TOP_CALLEES}
ORDER BY id, calls DESC, callee_number
"""

_EDGES = f"""
SELECT id, call_timestamp, callee_number, duration_seconds,
       row_number() OVER early AS nth, row_number() OVER late AS nth_last
FROM evidence_calls
WINDOW early AS (PARTITION BY id ORDER BY call_timestamp, callee_number, duration_seconds),
       late AS (PARTITION BY id ORDER BY call_timestamp DESC, callee_number DESC, duration_seconds DESC)
QUALIFY nth <= {EDGE_CALLS} OR nth_last <= {EDGE_CALLS}
ORDER BY id, nth
"""

_SOURCES = f"""
SELECT id, source_file, min(source_line) AS first_line, max(source_line) AS last_line, count(*) AS calls,
       count(*) OVER (PARTITION BY id) AS files
FROM evidence_calls GROUP BY id, source_file
QUALIFY row_number() OVER (PARTITION BY id ORDER BY calls DESC, source_file) <= {SOURCE_FILES}
ORDER BY id, calls DESC, source_file
"""


def gather_evidence(
    tables: Snapshot, connection: duckdb.DuckDBPyConnection, alerts: pl.DataFrame, period: Period
) -> dict[int, dict[str, Any]]:
    """Read the evidence of some alerts.

    Leaves the suspects' calls in the connection's table ``suspect_calls``, for :func:`gather_activity`.

    Parameters
    ----------
    tables
        Where the alerts' history is.
    connection
        A connection of the tables whose files cover the alerts' windows and the period.
    alerts
        Rows of ``fraud_alerts``.
    period
        The report's period.

    Returns
    -------
    dict
        Alert id to evidence, as in ``report.schema.json``.
    """
    width = (pl.col("window_end") - pl.col("window_start")).dt.total_microseconds()
    scope = alerts.select(
        "id",
        "suspect_number",
        "window_start",
        "window_end",
        pl.max_horizontal(pl.lit(_HOUR_US), (width + MAX_BUCKETS - 1) // MAX_BUCKETS).alias("bucket_us"),
    )
    first, last = _covering(alerts, period)
    connection.register("scope", scope.to_arrow())
    connection.execute(_GATHER, {"first": first, "last": last})
    connection.execute(_JOIN)
    found: dict[int, dict[str, Any]] = {row["id"]: _blank(row) for row in scope.iter_rows(named=True)}
    for row in _read(connection, _FIGURES):
        evidence = found[row.pop("id")]
        evidence["figures"] = {**row, "average": round(row["average"], 4)}
    for row in _read(connection, _BUCKETS):
        found[row["id"]]["calls_by_time"]["counts"][row["bucket"]] = row["calls"]
    for row in _read(connection, _CALLEES):
        found[row["id"]]["top_callees"].append({"callee_number": row["callee_number"], "calls": row["calls"]})
    for row in _read(connection, _EDGES):
        call = {key: row[key] for key in ("call_timestamp", "callee_number", "duration_seconds")}
        found[row["id"]]["first_calls" if row["nth"] <= EDGE_CALLS else "last_calls"].append(call)
    for row in _read(connection, _SOURCES):
        evidence = found[row.pop("id")]
        evidence["source_files"] = row.pop("files")
        evidence["sources"].append(row)
    for alert_id, events in _history(tables, list(found)).items():
        found[alert_id]["events"] = events
    return found


def gather_activity(
    connection: duckdb.DuckDBPyConnection, suspects: list[str], period: Period, bucket_seconds: int
) -> pl.DataFrame:
    """Count the calls of some suspects by time, from ``suspect_calls``.

    Returns
    -------
    polars.DataFrame
        ``caller_number``, ``bucket`` (number of buckets since 1970, UTC), ``calls``.
    """
    return fetch_frame(
        connection,
        "SELECT caller_number, epoch_us(call_timestamp) // $width AS bucket, count(*) AS calls"
        " FROM suspect_calls WHERE list_contains($suspects, caller_number)"
        " AND call_timestamp BETWEEN $first AND $last GROUP BY ALL ORDER BY ALL",
        {
            "width": bucket_seconds * 1_000_000,
            "suspects": suspects,
            "first": period.first_instant,
            "last": period.until,
        },
    )


def _covering(alerts: pl.DataFrame, period: Period) -> tuple[datetime, datetime]:
    starts = [period.first_instant, *alerts["window_start"].drop_nulls().to_list()]
    ends = [period.until, *alerts["window_end"].drop_nulls().to_list()]
    return min(starts), max(ends)


def _blank(row: dict[str, Any]) -> dict[str, Any]:
    start, end, width = row["window_start"], row["window_end"], row["bucket_us"]
    known = start is not None and end is not None
    length = int((end - start).total_seconds() * 1_000_000) if known else 0
    return {
        "figures": None,
        "calls_by_time": {"bucket_seconds": (width or _HOUR_US) / 1e6, "counts": [0] * -(-length // (width or 1))},
        "top_callees": [],
        "first_calls": [],
        "last_calls": [],
        "sources": [],
        "source_files": 0,
        "events": [],
    }


def _history(tables: Snapshot, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """The latest changes of each alert that were committed."""
    latest = (
        ALERT_HISTORY.read(tables, pl.col("alert_id").is_in(ids))
        .sort("alert_id", "at", "event", "field", nulls_last=True, maintain_order=True)
        .group_by("alert_id", maintain_order=True)
        .tail(EVENTS)
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in latest.drop("commit_id").iter_rows(named=True):
        found[row.pop("alert_id")].append(row)
    return found


def _read(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return fetch_frame(connection, query).to_dicts()
