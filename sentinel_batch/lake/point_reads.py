"""The calls of a few numbers, read without those of the others: packed files are sorted by caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl

from sentinel_batch.lake.damage import damage_reported
from sentinel_batch.lake.engine import REMEMBERED_SMALL
from sentinel_batch.lake.snapshot import Snapshot
from sentinel_batch.schema import CALL_RECORDS, polars_schema


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
    named = {f"number_{place}": number for place, number in enumerate(numbers)}
    chosen = f"caller_number IN ({', '.join(f'${name}' for name in named)})"
    inside = f"{chosen} AND call_timestamp > $since AND call_timestamp <= $until"
    bounds = {"since": since, "until": until}
    files = find_files(tables, numbers, since, until)
    found = tables.select(CALL_RECORDS.name, ", ".join(columns), inside, named | bounds, files)
    kinds = polars_schema(CALL_RECORDS.columns)
    typed = found.cast({column: kinds[column] for column in columns})
    return typed.sort("call_timestamp", "callee_number", maintain_order=True)


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
    if until is not None:
        condition += " AND call_timestamp <= $until"
    files = find_files(tables, [number], None, until)
    found = tables.select(CALL_RECORDS.name, "max(call_timestamp)", condition, {"number": number, **bounds}, files)
    last: datetime | None = found.item()
    return last


def find_files(
    tables: Snapshot, numbers: Sequence[str], since: datetime | None = None, until: datetime | None = None
) -> list[Path]:
    """List the files that may hold calls of some numbers: a packed day lies in several, by ranges of callers.

    To open a file takes a query a millisecond; what its end says of its callers is kept.

    Parameters
    ----------
    tables
        Where the calls are.
    numbers
        As the lake keeps them.
    since, until
        Bounds on ``call_timestamp``; None does not bound.
    """
    kept = []
    with damage_reported(tables.path):
        for file in tables.files(CALL_RECORDS.name, since, until):
            make = partial(_read_bounds, file)
            bounds = tables.engine.remember("callers", file, make, at_most=REMEMBERED_SMALL)
            if bounds is None or any(bounds[0] <= number <= bounds[1] for number in numbers):
                kept.append(file)
    return kept


def _read_bounds(file: Path) -> tuple[str, str] | None:
    """Return the first and the last caller of a file; None if it does not say so of all its rows."""
    import pyarrow.parquet as pq  # Late: lists of alerts are read without it.

    facts = pq.read_metadata(file)
    place = facts.schema.names.index("caller_number")
    groups = [facts.row_group(group).column(place).statistics for group in range(facts.num_row_groups)]
    if not groups or not all(group is not None and group.has_min_max for group in groups):
        return None
    return min(group.min for group in groups), max(group.max for group in groups)
