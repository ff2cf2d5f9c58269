"""Recordings into the lake: nothing twice, side tables first, then one atomic commit."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.schema import AUDIO_FEATURES, AUDIO_SEGMENTS, RECORDINGS

_SIDE_TABLES = (AUDIO_SEGMENTS.name, AUDIO_FEATURES.name)


def find_new(tables: Snapshot, recordings: pl.DataFrame) -> pl.DataFrame:
    """Return those recordings whose id the tables do not hold."""
    known = tables.scan(RECORDINGS.name).select("recording_id").collect()
    return recordings.join(known, on="recording_id", how="anti", maintain_order="left")


def commit_recordings(
    desk: Desk,
    recordings: pl.DataFrame,
    shape_side_tables: Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]],
    *,
    batch_id: str,
) -> int:
    """Store the recordings that are new, with their segments and features; return how many they were.

    Segments and features are written first: they count only once the log of ``recordings`` holds ``batch_id``, so a
    run that is killed in between leaves nothing half-visible. What it did leave is removed here.

    Parameters
    ----------
    desk
        Where to commit.
    recordings
        Rows of table ``recordings``.
    shape_side_tables
        Gives the segments and the features of the recordings that are stored.
    batch_id
        Name of the commit; a fresh one.
    """
    lake = desk.lake
    with lake.lock(desk.config.lock_timeout):
        tables = lake.snapshot()
        new = find_new(tables, recordings)
        _sweep(lake, tables)
        if new.is_empty():
            return 0
        new = new.with_columns(batch_id=pl.lit(batch_id))
        for name, rows in zip(_SIDE_TABLES, shape_side_tables(new), strict=True):
            if not rows.is_empty():
                lake.append(name, rows)
        lake.append(RECORDINGS.name, new, commit_id=batch_id)
    return new.height


def _sweep(lake: Lake, tables: Snapshot) -> None:
    """Remove the segments and features of runs that were killed before their commit."""
    for name in _SIDE_TABLES:
        batches = tables.scan(name).select("batch_id").unique().collect()["batch_id"].drop_nulls().to_list()
        for batch_id in sorted(set(batches) - tables.committed(RECORDINGS.name, batches)):
            lake.delete(name, "batch_id", batch_id)
