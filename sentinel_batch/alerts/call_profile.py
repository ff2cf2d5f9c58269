"""What the calls of one caller look like, and how it compares with all other callers of the same window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import CALL_RECORDS

SHOWN = 10
"""Calls and callees shown of each kind."""

_ORDER = ("call_timestamp", "callee_number")

_STANDING = """
WITH callers AS (
    SELECT
        caller_number,
        count(*) AS call_count,
        count(DISTINCT callee_number) AS unique_destinations,
        avg(duration_seconds) AS avg_duration_seconds
    FROM call_records
    WHERE call_timestamp > $start AND call_timestamp <= $end AND caller_number <> $number
    GROUP BY caller_number
)
SELECT
    count(*),
    count(*) FILTER (WHERE call_count < $call_count),
    count(*) FILTER (WHERE unique_destinations < $unique_destinations),
    count(*) FILTER (WHERE avg_duration_seconds < $avg_duration_seconds)
FROM callers
"""


def calls_of(tables: Snapshot, numbers: Sequence[str], start: datetime, end: datetime) -> pl.DataFrame:
    """Return the calls that some numbers made in (start, end], oldest first."""
    calls = tables.scan(CALL_RECORDS.name, start, end).filter(pl.col("caller_number").is_in(list(numbers)))
    return between(calls.collect(), start, end).sort(_ORDER)


def between(calls: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the calls in (start, end]."""
    return calls.filter(pl.col("call_timestamp") > start, pl.col("call_timestamp") <= end)


def summarise(calls: pl.DataFrame) -> dict[str, Any]:
    """Return the figures of the calls; the average (seconds) is None without calls."""
    return {
        "call_count": calls.height,
        "unique_destinations": calls["callee_number"].n_unique(),
        "avg_duration_seconds": calls["duration_seconds"].mean(),
    }


def compare_callers(
    tables: Snapshot, number: str, start: datetime, end: datetime, values: dict[str, float | None]
) -> dict[str, Any]:
    """Return for each value the percent (0 to 100) of the window's other callers below it, and their number.

    Parameters
    ----------
    tables
        Where the calls are.
    number
        The caller to compare with the others.
    start, end
        The window, ``(start, end]``.
    values
        ``call_count``, ``unique_destinations`` and ``avg_duration_seconds``.

    Returns
    -------
    dict
        The same keys, with None where there is nothing to compare, and ``callers``.
    """
    with tables.connect(CALL_RECORDS.name, since=start, until=end) as connection:
        row = connection.execute(_STANDING, {"start": start, "end": end, "number": number, **values}).fetchone()
    callers, *lower = row or (0, 0, 0, 0)
    standing: dict[str, Any] = {"callers": callers}
    for measure, count in zip(("call_count", "unique_destinations", "avg_duration_seconds"), lower, strict=True):
        standing[measure] = 100 * count / callers if callers and values[measure] is not None else None
    return standing


def count_by_hour(calls: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """Return calls, unique destinations and average duration (seconds) of every hour of the window, silent ones too."""
    first, last = start.replace(minute=0, second=0, microsecond=0), end.replace(minute=0, second=0, microsecond=0)
    hours = pl.DataFrame({"hour": pl.datetime_range(first, last, "1h", time_unit="us", time_zone="UTC", eager=True)})
    counted = calls.group_by(hour=pl.col("call_timestamp").dt.truncate("1h")).agg(
        calls=pl.len().cast(pl.Int64),
        unique_destinations=pl.col("callee_number").n_unique().cast(pl.Int64),
        avg_duration_seconds=pl.col("duration_seconds").mean(),
    )
    return (
        hours.join(counted, on="hour", how="left")
        .sort("hour")
        .with_columns(pl.col("calls", "unique_destinations").fill_null(0))
    )


def rank_callees(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the most called numbers, most calls first, then by number."""
    return (
        calls.group_by("callee_number")
        .agg(
            calls=pl.len().cast(pl.Int64),
            total_duration_seconds=pl.col("duration_seconds").sum(),
            first_call=pl.col("call_timestamp").min(),
            last_call=pl.col("call_timestamp").max(),
        )
        .sort(["calls", "callee_number"], descending=[True, False])
        .head(SHOWN)
    )


def pick_extremes(calls: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the first, last, shortest and longest calls; ties go to the earlier call."""
    shown = calls.select(
        "call_timestamp", "callee_number", "duration_seconds", "call_direction", "termination_cause", "location_code"
    ).sort(_ORDER)
    return {
        "first_calls": shown.head(SHOWN),
        "last_calls": shown.tail(SHOWN),
        "shortest_calls": shown.sort("duration_seconds", maintain_order=True).head(SHOWN),
        "longest_calls": shown.sort("duration_seconds", descending=True, maintain_order=True).head(SHOWN),
    }


def count_cells(calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls of each location code, IMEI, IMSI and trunk, most calls first; unknown ones are left out."""
    kinds = [
        calls.filter(pl.col(kind).is_not_null())
        .group_by(value=pl.col(kind))
        .agg(
            calls=pl.len().cast(pl.Int64),
            first_call=pl.col("call_timestamp").min(),
            last_call=pl.col("call_timestamp").max(),
        )
        .sort(["calls", "value"], descending=[True, False])
        .select(pl.lit(kind).alias("kind"), "value", "calls", "first_call", "last_call")
        for kind in ("location_code", "imei", "imsi", "trunk")
    ]
    return pl.concat(kinds)
