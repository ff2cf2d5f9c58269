"""What the calls of one caller look like, and how it compares with all other callers of a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.profiles import day_bounds, read_spread

SHOWN = 10
"""Calls and callees shown of each kind."""

_INSTANT = timedelta(microseconds=1)
_ORDER = ("call_timestamp", "callee_number")

_PLACES = ("location_code", "imei", "imsi", "trunk")

_FIGURES = {
    "call_count": "call_count",
    "unique_destinations": "unique_callees",
    "avg_duration_seconds": "mean_duration",
}
"""What a figure is called in profiles."""


@dataclass(frozen=True)
class Standing:
    """How the calls of one day compare with those of the day's other callers.

    Parameters
    ----------
    day
        The local day; None if nothing was called, and so nothing is compared.
    callers
        The others.
    values
        The figures of that day: ``call_count``, ``unique_destinations``, ``avg_duration_seconds``.
    percentiles
        Percent (0 to 100) of the others whose figure is lower, by name; empty without others.
    """

    day: date | None = None
    callers: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    percentiles: Mapping[str, float] = field(default_factory=dict)


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


def widen(start: datetime, end: datetime, zone: str) -> tuple[datetime, datetime]:
    """Return bounds, ``(start, end]``, that hold all local days that a span touches."""
    first, last = (moment.astimezone(ZoneInfo(zone)).date() for moment in (start, end))
    earliest, latest = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
    return earliest - _INSTANT, latest


def compare_callers(tables: Snapshot, zone: str, calls: pl.DataFrame, inside: pl.DataFrame) -> Standing:
    """Compare numbers with all other callers, on the local day of most of the calls that are to be explained.

    Parameters
    ----------
    tables
        Where the other callers are.
    zone
        IANA zone whose midnights bound the days.
    calls
        All calls of the numbers on all days of ``inside``.
    inside
        Those that are to be explained.
    """
    if inside.is_empty():
        return Standing()
    [(day, _), *_] = count_days(inside, zone).rows()
    calls = calls.filter(_local_day(zone) == day)
    values = summarise(calls)
    others = read_spread(tables, zone, day)
    own = [summarise(part) for part in calls.partition_by("caller_number")]
    callers = others.callers - len(own)
    percentiles = {
        name: 100 * (others.below(_FIGURES[name], value) - sum(one[name] < value for one in own)) / callers
        for name, value in values.items()
        if callers > 0
    }
    return Standing(day, callers, values, percentiles)


def count_days(calls: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Return the local days of the calls and the calls of each, most first; of equals the latest first."""
    counted = calls.group_by(day=_local_day(zone)).agg(calls=pl.len())
    return counted.sort("calls", "day", descending=True)


def _local_day(zone: str) -> pl.Expr:
    return pl.coalesce("local_date", pl.col("call_timestamp").dt.convert_time_zone(zone).dt.date())


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
        for kind in _PLACES
        # Most operators send one or two of them; the first keeps the columns of an answer without any.
        if kind == _PLACES[0] or calls[kind].null_count() < calls.height
    ]
    return pl.concat(kinds)
