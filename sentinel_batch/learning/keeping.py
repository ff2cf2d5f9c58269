"""Scores that were worked out before, kept beside the lake's tables: a morning's lists ask for the night's again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl

from batch_base.files import replaced_file
from sentinel_batch.lake import CACHE, Snapshot
from sentinel_batch.schema import CALL_RECORDS, PROFILES

_KEPT = 3
_READ = (CALL_RECORDS.name, PROFILES.name)


def keep_rows(tables: Snapshot, kind: str, *asked: object, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    """Return rows that follow from a lake's calls and profiles, worked out once for each version of both.

    Parameters
    ----------
    tables
        The lake as it is read; its versions are part of what is asked.
    kind
        What the rows are, a word; the last few of each kind are kept, if the lake can be written and has room.
    *asked
        All else that the rows depend on.
    compute
        Works them out.
    """
    tables.touched.update(_READ)
    versions = [tables.versions[name] for name in _READ]
    key = hashlib.sha256(repr((versions, asked)).encode()).hexdigest()[:24]
    file = tables.path / CACHE / f"{kind}-{key}.parquet"
    # Another process may be replacing or deleting it.
    with suppress(OSError, pl.exceptions.PolarsError):
        return pl.read_parquet(file)
    rows = compute()
    # On a full disk they are worked out each time; Polars wraps the system's error in one of its own.
    with suppress(OSError, pl.exceptions.PolarsError):
        file.parent.mkdir(exist_ok=True)
        with replaced_file(file) as fresh:
            rows.write_parquet(fresh)
        _forget(file.parent, kind)
    return rows


def _forget(folder: Path, kind: str) -> None:
    """Delete all but the newest of a kind."""
    kept = sorted(folder.glob(f"{kind}-*.parquet"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    for file in kept[_KEPT:]:
        file.unlink(missing_ok=True)
