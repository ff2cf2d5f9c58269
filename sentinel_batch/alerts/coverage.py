"""How many callers of the lake a number or a prefix covers."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.numbers.reading import list_readings
from sentinel_batch.schema import CALL_RECORDS, PROFILES


@dataclass(frozen=True)
class Coverage:
    """Callers that a pattern covers.

    Parameters
    ----------
    callers
        Those that it covers.
    known
        All of the lake.
    """

    callers: int
    known: int


def count_covered(desk: Desk, pattern: str) -> Coverage:
    """Count the callers of the profiles, or of the calls where there are none yet, that a checked pattern covers."""
    tables = desk.lake.snapshot()
    profiled = bool(tables.files(PROFILES.name))
    table, column = (PROFILES.name, "number") if profiled else (CALL_RECORDS.name, "caller_number")
    name = pl.col(column)
    fits = name.str.starts_with(pattern[:-1]) if pattern.endswith("*") else name == pattern
    counts = tables.scan(table).select(name).unique().select(fits.sum().alias("callers"), pl.len().alias("known"))
    return Coverage(*counts.collect().row(0))


def begin_abroad(digits: str, desk: Desk) -> str:
    """Return the prefix, as the lake keeps numbers, of those that begin with the digits at home: ``0705`` there."""
    return max(list_readings(f"{digits}*", desk.config.region), key=lambda reading: reading.startswith("+")) + "*"
