"""Many small files become few large ones; a reader sees the same rows.

Call records are sorted by caller on the way, in small row groups with statistics: a reader that wants the calls of one
number then decodes one group of each file. What that costs and saves is in docs/benchmarks.md.

Done here rather than with ``DeltaTable.optimize.compact``: delta-rs 1.6 cuts the ``call_timestamp`` statistics of what
it writes to milliseconds, downwards, and the newest call of the lake would no longer be known exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.errors import LakeDamagedError
from sentinel_batch.lake import SORTED_PREFIX, Lake, Snapshot, StagedFile, scan_parts
from sentinel_batch.maintenance.files import DataFile, group_by_partition, list_data_files
from sentinel_batch.schema import TABLES, Table, polars_schema

TARGET_BYTES = 256 * 1024 * 1024
"""Size of a compacted file; Delta Lake's own default for OPTIMIZE is of that order."""

SMALL_BYTES = TARGET_BYTES // 2
"""Files from this size on are left alone, so that a night's work is not rewritten every night."""

MIN_SMALL_FILES = 4
"""A partition with fewer small files is left alone, unless they hold much that is to be sorted."""

SORTED_ROWS = 2_000_000
"""Rows that are sorted at once, into one file: it bounds the memory of a packing."""

NIGHTLY_SMALL_FILES = 8
"""What a night waits for before it merges files of a table: a reader opens so many in two or three milliseconds."""

TIER = 4
"""A night does not merge a file with others that are, together, so many times smaller: each row is written again
some ten times in ten years, not every few nights."""

UNSORTED_BYTES = 8 * 1024 * 1024
"""Files with fewer bytes may wait: a reader goes through their rows (some 300,000) in a few milliseconds."""

GROUP_ROWS = 1 << 14
"""Rows of a group in a sorted file; a reader of one number decodes one or two of them. Fewer make scans slower."""


@dataclass(frozen=True)
class Compaction:
    """Small files of one partition that were, or would be, merged.

    Parameters
    ----------
    table, partition
        Where, such as ``call_records`` and ``call_date=2026-01-31`` (empty for a table without partitions).
    files_before, files_after
        Numbers of files.
    rows
        Rows in them, the same before and after.
    """

    table: str
    partition: str
    files_before: int
    files_after: int
    rows: int


def compact_table(
    lake: Lake,
    tables: Snapshot,
    name: str,
    staging: Path,
    run_id: str,
    *,
    dry_run: bool = False,
    most_rows: int | None = None,
    nightly: bool = False,
) -> list[Compaction]:
    """Merge the small files of each partition of a table; one atomic commit per partition.

    Parameters
    ----------
    lake
        Where to commit; the caller holds its lock.
    tables, name
        The table as it is, seen under the lock.
    staging
        A folder of :meth:`Lake.staging`.
    run_id
        Goes into the names of the new files.
    dry_run
        Only tell what would be merged.
    most_rows
        No further partition is begun once so many rows were merged, the newest partitions coming first; None is
        without a limit.
    nightly
        Merge only where there are :data:`NIGHTLY_SMALL_FILES`, and only those of like size.

    Raises
    ------
    LakeDamagedError
        If the rows written differ in number from the rows in the log; nothing is committed then.
    """
    done: list[Compaction] = []
    partitions = list(group_by_partition(list_data_files(tables, name)).items())
    for partition, files in partitions if most_rows is None else reversed(partitions):
        chosen = choose_alike(files) if nightly else files
        bins = plan_bins(chosen, in_order=bool(TABLES[name].sorted_by))
        if not bins:
            continue
        if most_rows is not None and sum(one.rows for one in done) >= most_rows:
            break
        if not dry_run:
            staged = [
                _merge(TABLES[name], group, staging / _name_file(name, partition, run_id, number))
                for number, group in enumerate(bins)
            ]
            lake.add_files(name, staged, commit_id=None, removed=[file.path for group in bins for file in group])
        done.append(
            Compaction(
                table=name,
                partition="/".join(f"{column}={value}" for column, value in partition),
                files_before=sum(len(group) for group in bins),
                files_after=len(bins),
                rows=sum(file.rows or 0 for group in bins for file in group),
            )
        )
    return done


def plan_bins(files: list[DataFile], *, in_order: bool = False) -> list[list[DataFile]]:
    """Choose which files of one partition to merge into which; empty when it is not worth it.

    Parameters
    ----------
    files
        Those of the partition.
    in_order
        Whether the table has an order: then files that are not in it count as small, whatever their size.
    """
    small = [file for file in files if is_small(file) or (in_order and not file.is_sorted)]
    unsorted = sum(file.size_bytes for file in small if in_order and not file.is_sorted)
    if len(small) < MIN_SMALL_FILES and unsorted < UNSORTED_BYTES:
        return []
    return [group for group in _fill(small) if len(group) > 1 or (in_order and not group[0].is_sorted)]


def choose_alike(files: list[DataFile]) -> list[DataFile]:
    """Choose files of like size: in order of size, none is :data:`TIER` times as large as those before it together.

    Returns
    -------
    list of DataFile
        The smallest such files that are :data:`NIGHTLY_SMALL_FILES` or more, in the order in which they were given;
        none where so few are alike that merging them is not worth a commit.
    """
    alike: list[DataFile] = []
    for file in sorted(files, key=lambda file: file.size_bytes):
        if alike and file.size_bytes > TIER * sum(one.size_bytes for one in alike):
            if len(alike) >= NIGHTLY_SMALL_FILES:
                break
            alike = []
        alike.append(file)
    return [file for file in files if file in alike] if len(alike) >= NIGHTLY_SMALL_FILES else []


def is_small(file: DataFile) -> bool:
    # A sorted file with many rows is as large as it gets, however few bytes they take.
    return file.size_bytes < SMALL_BYTES and not (file.is_sorted and (file.rows or 0) >= SORTED_ROWS // 2)


def _fill(files: list[DataFile]) -> Iterator[list[DataFile]]:
    group: list[DataFile] = []
    size = rows = 0
    for file in files:
        if group and (size + file.size_bytes > TARGET_BYTES or rows + (file.rows or 0) > SORTED_ROWS):
            yield group
            group, size, rows = [], 0, 0
        group.append(file)
        size += file.size_bytes
        rows += file.rows or 0
    yield group


def _name_file(name: str, partition: tuple[tuple[str, str], ...], run_id: str, number: int) -> str:
    label = "-".join(value for _, value in partition) or name
    return f"{SORTED_PREFIX if TABLES[name].sorted_by else 'compact-'}{run_id}-{label}-{number}.parquet"


def _merge(definition: Table, group: list[DataFile], target: Path) -> StagedFile:
    _write(definition, group, target)
    facts: list[pl.Expr] = [pl.len().alias("rows")]
    if "call_timestamp" in definition.columns:
        facts += [pl.col("call_timestamp").min().alias("first"), pl.col("call_timestamp").max().alias("last")]
    found: dict[str, Any] = pl.scan_parquet(target, glob=False).select(facts).collect().row(0, named=True)
    expected = sum(file.rows or 0 for file in group)
    if all(file.rows is not None for file in group) and found["rows"] != expected:
        raise LakeDamagedError(
            f"{len(group)} files of {group[0].path.parent} hold {found['rows']:,} rows, "
            f"but the log of table {definition.name} says {expected:,}; they were left as they are.",
            hint="Run sentinel-batch doctor to see which file differs, and restore it from a backup.",
        )
    return StagedFile(
        target, target.name, dict(group[0].partition), found["rows"], found.get("first"), found.get("last")
    )


def _write(definition: Table, group: list[DataFile], target: Path) -> None:
    kinds = {c: t for c, t in polars_schema(definition.columns).items() if c not in definition.partition_by}
    stored = scan_parts(definition.name, [file.path for file in group], partitions=False)
    frame = stored.select(pl.col(column).cast(kind) for column, kind in kinds.items())
    if definition.sorted_by:
        frame.sort(definition.sorted_by).sink_parquet(target, compression="zstd", row_group_size=GROUP_ROWS)
    else:
        frame.sink_parquet(target, compression="zstd")
