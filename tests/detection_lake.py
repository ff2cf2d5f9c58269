"""Lakes for the tests of detection: a handful of calls, written straight into the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.lake import Lake
from sentinel_batch.schema import CALL_RECORDS, polars_schema

CALL_COLUMNS = ("caller_number", "callee_number", "call_timestamp", "duration_seconds")


def make_lake(path: Path, calls: Iterable[Sequence[Any]], **columns: Sequence[Any]) -> Lake:
    """Return a new lake that holds the calls: (caller, callee, time, seconds); further columns by name."""
    schema = polars_schema(CALL_RECORDS.columns)
    rows = list(calls)
    frame = pl.DataFrame(
        {name: [row[i] for row in rows] for i, name in enumerate(CALL_COLUMNS)} | columns,
        schema={name: schema[name] for name in (*CALL_COLUMNS, *columns)},
    )
    frame = frame.with_columns(
        [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in frame.columns]
    ).with_columns(pl.col("call_timestamp").dt.date().alias("call_date"))
    lake = Lake.create(path)
    lake.append(CALL_RECORDS.name, frame)
    return lake


def spread_calls(
    caller: str, start: datetime, end: datetime, destinations: int, seconds: Sequence[int]
) -> list[tuple[str, str, datetime, int]]:
    """Return calls of one caller, evenly spread from start to end, to so many numbers, with these durations in turn."""
    step = (end - start) / max(1, len(seconds) - 1)
    return [
        (caller, f"+23480{index % destinations:08d}", start + index * step, duration)
        for index, duration in enumerate(seconds)
    ]
