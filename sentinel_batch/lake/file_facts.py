"""What was worked out of single files of a table, kept beside the tables: files never change, so it is done once each.

A night asks how many calls each local day has, of all days; without this it would read a year of files to say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from batch_base.files import replaced_file
from sentinel_batch.lake.snapshot import Snapshot

CACHE = ".cache"
"""Folder of a lake that can be deleted at any time."""

_AT_ONCE = 20
"""Files of one query: the plan of many takes longer than their rows."""


def recall_facts(
    tables: Snapshot,
    name: str,
    files: Sequence[Path],
    compute: Callable[[Path], pl.LazyFrame],
    *asked: object,
) -> pl.DataFrame:
    """Return rows that follow from single files of a table; what is known of a file is not worked out again.

    Parameters
    ----------
    tables
        A snapshot.
    name
        The table.
    files
        Some of its :meth:`~sentinel_batch.lake.Snapshot.files`.
    compute
        Works out the few rows of one file.
    *asked
        All else that the rows depend on, ``compute`` included: a version of it, and what it is given.

    Returns
    -------
    polars.DataFrame
        The rows of all files, and ``file``: the place of the file among those of the table.
    """
    marks = tables.mark_files(name, files)
    key = hashlib.sha256(repr((name, asked)).encode()).hexdigest()[:24]
    kept = tables.path / CACHE / f"files-{key}.parquet"
    known = _read(kept)
    have = set() if known is None else set(known["file"])
    missing = [file for file in files if marks[file] not in have]
    parts = [] if known is None else [known]
    for begin in range(0, len(missing), _AT_ONCE):
        scans = [_with_mark(compute(file), marks[file]) for file in missing[begin : begin + _AT_ONCE]]
        parts.append(pl.concat(scans).collect(engine="streaming"))
    if not parts:
        return pl.DataFrame(schema={"file": pl.String})
    every = pl.concat(parts) if len(parts) > 1 else parts[0]
    if missing:
        _keep(kept, every, set(tables.mark_files(name, tables.files(name)).values()))
    return every.filter(pl.col("file").is_in([marks[file] for file in files]))


def _with_mark(rows: pl.LazyFrame, mark: str) -> pl.LazyFrame:
    return rows.with_columns(file=pl.lit(mark))


def _read(kept: Path) -> pl.DataFrame | None:
    with suppress(OSError, pl.exceptions.PolarsError):
        return pl.read_parquet(kept)
    return None


def _keep(kept: Path, rows: pl.DataFrame, current: set[str]) -> None:
    """Write what is known of the files that the table still has; another process may do the same, and win."""
    # Polars wraps what the system says of a full disk in an error of its own.
    with suppress(OSError, pl.exceptions.PolarsError):
        kept.parent.mkdir(exist_ok=True)
        with replaced_file(kept) as fresh:
            rows.filter(pl.col("file").is_in(list(current))).write_parquet(fresh)
