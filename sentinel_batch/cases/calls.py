"""The calls that cases are made from, read once: those of suspects and members, and where everybody else calls from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.window import Period

TRAFFIC_LENGTH = timedelta(days=3)
"""How much of the period tells how busy a cell is: a few days are enough, and cost the same every night."""

_CALL = {
    "number": "caller_number",
    "callee": "callee_number",
    "begun": "call_timestamp",
    "seconds": "duration_seconds",
    "answered": "answered",
    "cell": "location_code",
    "imei": "imei",
    "hour": "local_hour",
    "day": "local_date",
}


def read_calls(tables: Snapshot, numbers: Iterable[str], period: Period) -> pl.DataFrame:
    """Return the calls that some numbers made in the period: ``number``, ``callee``, ``begun``, and others."""
    made = pl.col("caller_number").is_in(pl.Series(sorted(set(numbers)), dtype=pl.String).implode())
    scan = _scan(tables, period).filter(made).select(**_CALL)
    # A streaming scan looks for the numbers while it decodes: a quarter of what a join in SQL takes.
    return scan.collect(engine="streaming").sort("number", "begun", "callee", "seconds")


def measure_traffic(tables: Snapshot, suspects: pl.Series, period: Period) -> pl.DataFrame:
    """Return ``cell`` and its ``share`` of the calls of all others, at the end of the period."""
    last = min(period.until, tables.newest_call or period.until)
    end = Period(max(period.since, last - TRAFFIC_LENGTH), period.until)
    others = ~pl.col("caller_number").is_in(suspects.implode())
    scan = _scan(tables, end).filter(others & pl.col("location_code").is_not_null())
    counts = scan.group_by(cell="location_code").agg(pl.len()).collect(engine="streaming").sort("cell")
    return counts.select("cell", share=pl.col("len") / pl.col("len").sum())


def _scan(tables: Snapshot, period: Period) -> pl.LazyFrame:
    at = pl.col("call_timestamp")
    scan = tables.scan(CALL_RECORDS.name, period.since, period.until)
    return scan.filter((at > period.since) & (at <= period.until))
