"""The calls of a few numbers, read without those of the others: packed files are sorted by caller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

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
    found = tables.select(CALL_RECORDS.name, ", ".join(columns), inside, named | bounds, since, until)
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
    found = tables.select(
        CALL_RECORDS.name, "max(call_timestamp)", condition, {"number": number, **bounds}, until=until
    )
    last: datetime | None = found.item()
    return last
