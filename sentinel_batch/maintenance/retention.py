"""Old days leave the lake for an archive folder, and only when asked to.

Copy, verify, then remove from the table: a run that is killed in between has copied a day that the table still holds;
the next run finds those rows in the archive, by their key, and does not copy them twice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from sentinel_batch.errors import LakeDamagedError, UsageError
from sentinel_batch.lake import Lake, Snapshot, count_equal_rows, full_disk_reported, scan_parts
from sentinel_batch.maintenance.files import DataFile, group_by_partition, list_data_files, partition_date
from sentinel_batch.schema import CALL_RECORDS


@dataclass(frozen=True)
class ArchivedDay:
    """One UTC day of call records that was, or would be, moved out of the lake.

    Parameters
    ----------
    call_date
        The day.
    rows
        Rows taken out of the table.
    already_archived
        Those of them that the archive held before, from an interrupted run or a file that repeats archived calls.
    path
        The day's folder in the archive.
    """

    call_date: date
    rows: int
    already_archived: int
    path: Path


def archive_folder(lake: Lake, archive: Path | None) -> Path:
    """Return the folder that old days go to: ``archive``, or ``LAKE-archive`` beside the lake.

    Raises
    ------
    UsageError
        If it lies inside the lake, where ``maintain`` would later remove it as unreferenced.
    """
    folder = (archive or lake.path.with_name(f"{lake.path.name}-archive")).absolute()
    if folder.resolve().is_relative_to(lake.path.resolve()):
        raise UsageError(
            f"The archive folder {folder} lies inside the lake {lake.path}.",
            hint="Name a folder outside the lake with --archive.",
        )
    return folder


def archive_days(
    lake: Lake, tables: Snapshot, keep_days: int, folder: Path, run_id: str, *, dry_run: bool = False
) -> list[ArchivedDay]:
    """Move every day that is more than ``keep_days`` days before the newest call's day to the archive.

    Parameters
    ----------
    lake
        Where to commit; the caller holds its lock.
    tables
        The tables as they are, seen under the lock.
    keep_days
        Days that stay, counted back from the day of the newest call (not from today: a lake that nobody feeds keeps
        its calls), which stays too.
    folder
        Gets plain Parquet files, ``call_date=YYYY-MM-DD/RUN.parquet``.
    run_id
        Names the new files.
    dry_run
        Only tell what would be moved.

    Raises
    ------
    UsageError
        If ``keep_days`` is below 1.
    LakeDamagedError
        If a copy does not hold what the table holds; nothing of that day is removed then.
    """
    if keep_days < 1:
        raise UsageError(
            f"keep_days is {keep_days}; it must be 1 or more.", hint="Keep at least the longest rule window, in days."
        )
    bounds = tables.bounds()
    if bounds is None:
        return []
    limit = bounds[1].date() - timedelta(days=keep_days)
    groups = group_by_partition(list_data_files(tables, CALL_RECORDS.name)).values()
    return [_archive_day(lake, files, folder, run_id, dry_run) for files in groups if partition_date(files[0]) < limit]


def _archive_day(lake: Lake, files: list[DataFile], folder: Path, run_id: str, dry_run: bool) -> ArchivedDay:
    day = partition_date(files[0])
    target = folder / f"call_date={day}"
    rows = sum(file.rows or 0 for file in files)
    earlier = sorted(target.glob("*.parquet"))
    calls = scan_parts(CALL_RECORDS.name, [file.path for file in files], partitions=False)
    fresh = _without(calls, earlier) if earlier else calls
    if dry_run:
        copied = _count(fresh) if earlier else rows
        return ArchivedDay(day, rows, rows - copied, target)
    with full_disk_reported(folder):
        copied = _copy(fresh, target / f"{run_id}.parquet")
    held = [*earlier, target / f"{run_id}.parquet"] if copied else earlier
    missing = _count(_without(calls, held)) if earlier else rows - copied
    if missing or _count(calls) != rows:
        raise LakeDamagedError(
            f"The archived copy of {day} in {target} lacks {missing:,} of {rows:,} rows; the day was left in the lake.",
            hint="Run sentinel-batch doctor, then maintain again.",
        )
    lake.add_files(CALL_RECORDS.name, [], commit_id=None, removed=[file.path for file in files])
    return ArchivedDay(day, rows, rows - copied, target)


def _copy(rows: pl.LazyFrame, target: Path) -> int:
    """Write rows to a file that appears whole or not at all, and return how many it holds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.parent / ".copy.tmp"
    rows.sink_parquet(draft, compression="zstd")
    copied = _count(pl.scan_parquet(draft, glob=False))
    if not copied:
        draft.unlink()
        return 0
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(target)
    return copied


def _without(calls: pl.LazyFrame, archived: list[Path]) -> pl.LazyFrame:
    """Return the calls that the archive lacks: the second of equal rows is there if the archive has two."""
    held = count_equal_rows(CALL_RECORDS.name, scan_parts(CALL_RECORDS.name, archived, partitions=False))
    counted = count_equal_rows(CALL_RECORDS.name, calls)
    return counted.join(held, on=[*CALL_RECORDS.key, "nth"], how="anti", nulls_equal=True).drop("nth")


def _count(rows: pl.LazyFrame) -> int:
    counted: int = rows.select(pl.len()).collect(engine="streaming").item()
    return counted
