"""Housekeeping of a lake, under its lock: sweep, archive, compact, vacuum, checkpoint.

``maintain`` does all of it; a night does as much as keeps files and logs from growing with the nights.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from audio_batch.batch import CHECKPOINT_FOLDER, remove_stale
from batch_base.progress import follow
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import STAGING, Lake, full_disk_reported
from sentinel_batch.maintenance.compaction import Compaction, compact_table
from sentinel_batch.maintenance.retention import ArchivedDay, archive_days, archive_folder
from sentinel_batch.runs import new_run_id, recorded_run
from sentinel_batch.schema import CALL_RECORDS, TABLES

if TYPE_CHECKING:
    from deltalake import DeltaTable

DEFAULT_RETENTION_HOURS = 168
"""Hours that a file which left a table stays on disk; Delta Lake's own default (a week)."""

MIN_RETENTION_HOURS = 24
"""No reader runs for longer: below it, a file could vanish under one."""

NIGHTLY_ROWS = 20_000_000
"""Calls after which a night packs no further day (some 28 s of processor time); ``maintain`` does the rest."""

NIGHTLY_COMMITS = 8
"""Commits after which a night looks at a table and condenses its log: whoever opens it reads no more entries."""

NIGHTLY_UNNEEDED = 16
"""Files that no reader needs any more from which a night removes them: it takes two commits."""

NIGHTLY_UNNEEDED_BYTES = 256 * 1024 * 1024
"""Bytes of such files from which it does so, however few they are."""

_DUCKDB_SPILL_HOURS = 24


@dataclass
class MaintenanceResult:
    """What :func:`maintain` did, or would do.

    Parameters
    ----------
    run_id
        Id of the row in ``runs``; a dry run writes none.
    dry_run
        True when nothing was changed.
    archived
        Days moved to the archive.
    compacted
        Partitions whose small files were merged.
    vacuumed_files, vacuumed_bytes
        Unreferenced files removed from the disk.
    staging_removed
        Working folders of killed runs that were removed.
    results_removed
        Results of recordings that no batch had used within the retention, removed from ``audio_checkpoints``.
    checkpoints
        Tables whose log was condensed.
    processing_time_seconds
        Wall time.
    """

    run_id: str
    dry_run: bool
    archived: list[ArchivedDay] = field(default_factory=list)
    compacted: list[Compaction] = field(default_factory=list)
    vacuumed_files: int = 0
    vacuumed_bytes: int = 0
    staging_removed: int = 0
    results_removed: int = 0
    checkpoints: list[str] = field(default_factory=list)
    processing_time_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts."""
        facts: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return {"status": "success", **facts, "rows_archived": sum(day.rows for day in self.archived)}


def maintain(
    lake: DeskLike = None,
    *,
    keep_days: int | None = None,
    archive: str | Path | None = None,
    dry_run: bool = False,
    retention_hours: int = DEFAULT_RETENTION_HOURS,
    config: ConfigLike = None,
) -> MaintenanceResult:
    """Compact and clean a lake; readers see the same rows before and after.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    keep_days
        Move call records of days more than this many days before the newest call's day to ``archive``. None, the
        default, archives nothing: no call record ever leaves the lake unasked.
    archive
        Folder for them, outside the lake; default ``LAKE-archive`` beside it.
    dry_run
        Change nothing; tell what would be done. Takes no lock.
    retention_hours
        Files that left a table stay on disk this long, for readers under way; so do results of recordings that no
        batch uses any more, for a killed one to go on with. At least 24.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    MaintenanceResult

    Raises
    ------
    UsageError
        If ``retention_hours`` or ``keep_days`` is too small, the archive lies inside the lake, or none is named for
        old days of a lake in object storage.
    LakeLockedError
        If another run holds the lock.
    LakeDamagedError
        If files and log disagree; the table is left as it was.
    """
    if retention_hours < MIN_RETENTION_HOURS:
        raise UsageError(
            f"retention_hours is {retention_hours}; it must be {MIN_RETENTION_HOURS} or more.",
            hint="A reader that started before may still need the files.",
        )
    desk = open_desk(lake, config)
    target = desk.lake
    if keep_days is not None and archive is None and target.store is not None:
        raise UsageError(
            f"Old days of {target.place} need a folder of this machine.",
            hint="Name it with --archive, and copy it to where it is safe.",
        )
    folder = archive_folder(target, Path(archive) if archive is not None else None)
    result = MaintenanceResult(new_run_id(), dry_run)
    clock = time.perf_counter()
    if dry_run:
        result.staging_removed = len(stale_staging(target))
        _work(target, result, keep_days, folder, retention_hours, staging=target.path)
    else:
        parameters = {"keep_days": keep_days, "archive": str(folder), "retention_hours": retention_hours}
        with (
            full_disk_reported(target.path),
            target.lock(desk.config.lock_timeout),
            recorded_run(target, "maintain", parameters, run_id=result.run_id) as run,
        ):
            result.staging_removed = len(stale_staging(target))
            with target.staging() as staging:
                _work(target, result, keep_days, folder, retention_hours, staging)
            _sweep(target)
            run.counts = {name: value for name, value in result.to_dict().items() if isinstance(value, int)}
    result.processing_time_seconds = time.perf_counter() - clock
    return result


def pack_calls(lake: DeskLike = None, *, most_rows: int = NIGHTLY_ROWS, config: ConfigLike = None) -> list[Compaction]:
    """Pack the call records of the newest days, so that the calls of a number are found at once; the night's last step.

    Nothing else of :func:`maintain` is done; a day that is packed already costs nothing.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    most_rows
        No further day is begun once so many calls were packed.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    list of Compaction
        One for each day that was packed.

    Raises
    ------
    LakeLockedError
        If another run holds the lock.
    LakeDamagedError
        If files and log disagree; the day is left as it was.
    """
    desk = open_desk(lake, config)
    with desk.lake.lock(desk.config.lock_timeout), desk.lake.staging() as staging:
        tables = desk.lake.snapshot()
        return compact_table(desk.lake, tables, CALL_RECORDS.name, staging, new_run_id(), most_rows=most_rows)


def tidy_lake(lake: DeskLike = None, *, config: ConfigLike = None) -> MaintenanceResult:
    """Keep files and logs of all tables bounded, however many nights there were; the night's last step on the lake.

    Of a table with :data:`NIGHTLY_COMMITS` or more since its last checkpoint, small files are merged (but for call
    records, which :func:`pack_calls` has packed), files that left it more than :data:`DEFAULT_RETENTION_HOURS` ago are
    removed, if they are :data:`NIGHTLY_UNNEEDED` or more, or large, and the log is condensed. So most nights look at
    few tables. What is left to :func:`maintain` is what killed runs left, and the archive.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    MaintenanceResult
        No row of ``runs`` is written: the night has its own.

    Raises
    ------
    LakeLockedError
        If another run holds the lock.
    LakeDamagedError
        If files and log disagree; the table is left as it was.
    """
    desk = open_desk(lake, config)
    result, clock = MaintenanceResult(new_run_id(), dry_run=False), time.perf_counter()
    with desk.lake.lock(desk.config.lock_timeout), desk.lake.staging() as staging:
        tables = desk.lake.snapshot()
        for name, version in tables.versions.items():
            if version is None or version - last_checkpoint(desk.lake, name) < NIGHTLY_COMMITS:
                continue
            if name != CALL_RECORDS.name:
                result.compacted += compact_table(desk.lake, tables, name, staging, result.run_id, nightly=True)
            _remove_unneeded(desk.lake, name, result, DEFAULT_RETENTION_HOURS, NIGHTLY_UNNEEDED)
            _condense_log(desk.lake, name, result)
    result.processing_time_seconds = time.perf_counter() - clock
    return result


def stale_staging(lake: Lake) -> list[Path]:
    """List working folders below the lake that no live process holds."""
    stale = []
    for folder in sorted((lake.path / STAGING).glob("run-*")):
        with suppress(Timeout, OSError):
            if (folder / "owner.lock").exists():
                with FileLock(str(folder / "owner.lock"), timeout=0):
                    pass
            stale.append(folder)
    return stale


def _work(
    lake: Lake, result: MaintenanceResult, keep_days: int | None, folder: Path, retention_hours: int, staging: Path
) -> None:
    dry_run = result.dry_run
    result.results_removed = _remove_results(lake, retention_hours, dry_run)
    for name in TABLES:
        # First of all: who is short of room is told to run this.
        _remove_unneeded(lake, name, result, retention_hours)
    tables = lake.snapshot()
    if keep_days is not None:
        result.archived = archive_days(lake, tables, keep_days, folder, result.run_id, dry_run=dry_run)
        tables = tables if dry_run else lake.snapshot()
    for name in follow(tuple(TABLES)):
        result.compacted += compact_table(lake, tables, name, staging, result.run_id, dry_run=dry_run)
        _condense_log(lake, name, result)


def _remove_unneeded(
    lake: Lake, name: str, result: MaintenanceResult, retention_hours: int, least_files: int = 1
) -> None:
    """Remove what no version of a table needs.

    Parameters
    ----------
    lake, name
        The table.
    result
        Gets what was done.
    retention_hours
        What left the table so long ago is not needed.
    least_files
        Files to remove from which it is worth two commits.
    """
    table = lake.open_table(name)
    if table is None:
        return
    files, size = _vacuum(lake, name, table, retention_hours, least_files, result.dry_run)
    result.vacuumed_files += files
    result.vacuumed_bytes += size


def _condense_log(lake: Lake, name: str, result: MaintenanceResult) -> None:
    """Put a checkpoint of the newest version, the removal of files included, in place of old entries."""
    table = lake.open_table(name)
    if table is not None and table.version() > last_checkpoint(lake, name):
        result.checkpoints.append(name)
        if not result.dry_run:
            table.create_checkpoint()
            table.cleanup_metadata()


def _remove_results(lake: Lake, hours: int, dry_run: bool) -> int:
    folder = lake.path / CHECKPOINT_FOLDER
    return remove_stale(folder, hours, dry_run=dry_run) if folder.is_dir() else 0


def _vacuum(
    lake: Lake, name: str, table: DeltaTable, retention_hours: int, least: int, dry_run: bool
) -> tuple[int, int]:
    """Remove files that no version within the retention needs, those of killed runs included, if there are enough."""
    unneeded = table.vacuum(retention_hours, dry_run=True, enforce_retention_duration=False, full=True)
    known = lake.list_sizes(name) if unneeded else {}
    sizes = [known.get(lake.path / name / file, 0) for file in unneeded]
    if len(unneeded) < least and sum(sizes) < NIGHTLY_UNNEEDED_BYTES:
        return 0, 0
    if unneeded and not dry_run:
        table.vacuum(retention_hours, dry_run=False, enforce_retention_duration=False, full=True)
    return len(unneeded), sum(sizes)


def last_checkpoint(lake: Lake, name: str) -> int:
    """Return the version that a table's last checkpoint holds; -1 where there is none that can be read."""
    pointer = f"{name}/_delta_log/_last_checkpoint"
    try:
        if lake.store is None:
            content = (lake.path / pointer).read_bytes()
        else:
            content, _ = lake.store.read(pointer) or (b"", None)
        return int(json.loads(content)["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1


def _sweep(lake: Lake) -> None:
    """Remove what killed queries spilled, and the folders of days that are gone."""
    limit = time.time() - _DUCKDB_SPILL_HOURS * 3600
    for path in (lake.path / STAGING / "duckdb").glob("*"):
        with suppress(OSError):
            if path.is_file() and path.stat().st_mtime < limit:
                path.unlink()
    for folder in (lake.path / "call_records").glob("call_date=*"):
        with suppress(OSError):
            folder.rmdir()
