"""The calls of a few numbers, read without those of the others: packed files are sorted by caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.lake.damage import damage_reported
from sentinel_batch.lake.mirror import fetch_files
from sentinel_batch.lake.snapshot import Snapshot
from sentinel_batch.lake.tables import SORTED_PREFIX, scan_parts
from sentinel_batch.schema import CALL_RECORDS, polars_schema

_KINDS = polars_schema(CALL_RECORDS.columns)
_REMEMBERED_ROWS, _REMEMBERED_READS = 2000, 128
"""What was read stays with the engine, if it is not much: an alert is looked at more than once."""

_REMEMBERED_SCANS = 24
"""A scan holds the ends of its files, a megabyte each."""


def read_calls_of(
    tables: Snapshot,
    numbers: Sequence[str],
    since: datetime,
    until: datetime,
    columns: Sequence[str] = tuple(CALL_RECORDS.columns),
) -> pl.DataFrame:
    """Return the calls that some numbers made in ``(since, until]``, oldest first, then by callee.

    Parameters
    ----------
    tables
        Where the calls are.
    numbers
        As the lake keeps them.
    since, until
        Bounds on ``call_timestamp``.
    columns
        What is wanted, ``call_timestamp`` and ``callee_number`` among it; the time of a read grows with them.

    Raises
    ------
    DeadlineError
        If the snapshot's deadline passes.
    LakeDamagedError
        If files are missing or broken.
    """
    files = tuple(tables.files(CALL_RECORDS.name, since, until))
    make = partial(_read, tables, numbers, since, until, columns, files)
    return tables.engine.remember(
        "calls",
        (files, tuple(numbers), since, until, tuple(columns)),
        make,
        at_most=_REMEMBERED_READS,
        worth=lambda calls: calls.height <= _REMEMBERED_ROWS,
    )


def find_last_call(tables: Snapshot, number: str, until: datetime | None = None) -> datetime | None:
    """Return when a number called last, None if it never did; errors are those of :func:`read_calls_of`.

    Parameters
    ----------
    tables
        Where the calls are.
    number
        As the lake keeps it.
    until
        Later calls do not count; None counts all.
    """
    condition, bounds = "caller_number = $number", {} if until is None else {"until": until}
    packed, others = _divide(tables.files(CALL_RECORDS.name, until=until))
    time, found = pl.col("call_timestamp"), []
    if packed:
        rows = [pl.col("caller_number") == number, *([] if until is None else [time <= until])]
        found.append(_collect(tables, _scan(tables, packed).filter(*rows).select(time.max())))
    if others:
        if until is not None:
            condition += " AND call_timestamp <= $until"
        asked: dict[str, Any] = {"number": number, **bounds}
        found.append(tables.select(CALL_RECORDS.name, "max(call_timestamp)", condition, asked, others))
    last: list[datetime] = [frame.item() for frame in found if frame.item() is not None]
    return max(last, default=None)


def _read(
    tables: Snapshot,
    numbers: Sequence[str],
    since: datetime,
    until: datetime,
    columns: Sequence[str],
    files: Sequence[Path],
) -> pl.DataFrame:
    packed, others = _divide(files)
    parts = []
    if packed:
        time = pl.col("call_timestamp")
        chosen = pl.col("caller_number").is_in(list(numbers)), time > since, time <= until
        parts.append(_collect(tables, _scan(tables, packed).filter(*chosen).select(columns)))
    if others or not packed:
        named = {f"number_{place}": number for place, number in enumerate(numbers)}
        condition = f"caller_number IN ({', '.join(f'${name}' for name in named)})"
        condition += " AND call_timestamp > $since AND call_timestamp <= $until"
        asked = {**named, "since": since, "until": until}
        parts.append(tables.select(CALL_RECORDS.name, ", ".join(columns), condition, asked, others))
    kinds = pl.Schema({column: _KINDS[column] for column in columns})
    found = pl.concat([part.cast(kinds) for part in parts])
    return found.sort("call_timestamp", "callee_number", maintain_order=True)


def _divide(files: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return files that are sorted by caller, and others.

    Polars reads the first in half of the time: their ends are kept with the scan, and say which few rows to decode. It
    cannot be interrupted, though, and the others may take long.
    """
    packed = tuple(file for file in files if file.name.startswith(SORTED_PREFIX))
    return packed, tuple(file for file in files if not file.name.startswith(SORTED_PREFIX))


def _scan(tables: Snapshot, files: tuple[Path, ...]) -> pl.LazyFrame:
    fetch_files(files)
    make = partial(scan_parts, CALL_RECORDS.name, files)
    return tables.engine.remember("scan", files, make, at_most=_REMEMBERED_SCANS)


def _collect(tables: Snapshot, rows: pl.LazyFrame) -> pl.DataFrame:
    with damage_reported(tables.path):
        found = rows.collect()
    if tables.deadline is not None:
        tables.deadline.check()
    return found
