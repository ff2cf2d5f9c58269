"""Many small files become few large ones; a reader sees the same rows.

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
from sentinel_batch.lake import Lake, Snapshot, StagedFile, scan_parts
from sentinel_batch.maintenance.files import DataFile, group_by_partition, list_data_files
from sentinel_batch.schema import TABLES, polars_schema

TARGET_BYTES = 256 * 1024 * 1024
"""Size of a compacted file; Delta Lake's own default for OPTIMIZE is of that order."""

SMALL_BYTES = TARGET_BYTES // 2
"""Files from this size on are left alone, so that a night's work is not rewritten every night."""

MIN_SMALL_FILES = 4
"""A partition with fewer small files is left alone."""


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
    lake: Lake, tables: Snapshot, name: str, staging: Path, run_id: str, *, dry_run: bool = False
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

    Raises
    ------
    LakeDamagedError
        If the rows written differ in number from the rows in the log; nothing is committed then.
    """
    done = []
    for partition, files in group_by_partition(list_data_files(tables, name)).items():
        bins = plan_bins(files)
        if not bins:
            continue
        if not dry_run:
            label = "-".join(value for _, value in partition)
            staged = [
                _merge(name, group, staging / f"compact-{run_id}-{label or name}-{number}.parquet")
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


def plan_bins(files: list[DataFile]) -> list[list[DataFile]]:
    """Choose which files of one partition to merge into which; empty when it is not worth it."""
    small = [file for file in files if file.size_bytes < SMALL_BYTES]
    if len(small) < MIN_SMALL_FILES:
        return []
    return [group for group in _fill(small) if len(group) > 1]


def _fill(files: list[DataFile]) -> Iterator[list[DataFile]]:
    group: list[DataFile] = []
    size = 0
    for file in files:
        if group and size + file.size_bytes > TARGET_BYTES:
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    yield group


def _merge(name: str, group: list[DataFile], target: Path) -> StagedFile:
    definition = TABLES[name]
    kinds = {c: t for c, t in polars_schema(definition.columns).items() if c not in definition.partition_by}
    frame = scan_parts(name, [file.path for file in group], partitions=False)
    frame.select(pl.col(column).cast(kind) for column, kind in kinds.items()).sink_parquet(target, compression="zstd")
    facts: list[pl.Expr] = [pl.len().alias("rows")]
    if "call_timestamp" in kinds:
        facts += [pl.col("call_timestamp").min().alias("first"), pl.col("call_timestamp").max().alias("last")]
    found: dict[str, Any] = pl.scan_parquet(target, glob=False).select(facts).collect().row(0, named=True)
    expected = sum(file.rows or 0 for file in group)
    if all(file.rows is not None for file in group) and found["rows"] != expected:
        raise LakeDamagedError(
            f"{len(group)} files of {group[0].path.parent} hold {found['rows']:,} rows, "
            f"but the log of table {name} says {expected:,}; they were left as they are.",
            hint="Run sentinel-batch doctor to see which file differs, and restore it from a backup.",
        )
    return StagedFile(
        target, target.name, dict(group[0].partition), found["rows"], found.get("first"), found.get("last")
    )
