"""Ingest: files in, committed call records out, every input row accounted for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from batch_base.names import name_of
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import LakeNotFoundError
from sentinel_batch.ingestion.loading.file import FileIngest
from sentinel_batch.ingestion.loading.options import Options, Progress, read_options
from sentinel_batch.ingestion.reading.files import find_files
from sentinel_batch.ingestion.result import IngestResult
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.numbers import MODES, NumberBook
from sentinel_batch.runs import new_run_id, recorded_run


def ingest(
    paths: str | Path | Sequence[str | Path],
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    dialect: str | Path | None = None,
    timezone: str | None = None,
    region: str | None = None,
    numbers: str | None = None,
    strict: bool = False,
    max_reject_rate: float | None = None,
    dry_run: bool = False,
    day_first: bool | None = None,
    run_id: str | None = None,
    progress: Progress | None = None,
) -> IngestResult:
    """Load call detail records into the lake, making the lake if there is none.

    Each file is one atomic commit. A file that cannot be taken is reported in its entry of the result and does not
    stop the others. Loading a file again inserts nothing.

    Parameters
    ----------
    paths
        Files, folders, globs, or ``-`` for standard input: delimited text (also ``.gz``, ``.zst``) or Parquet.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    dialect
        Name of a dialect or path of a ``.toml`` file; None is the configured one, else it is found in each file.
    timezone
        Zone of times without an offset, where the dialect does not say; None is the configured one.
    region
        Where national numbers are read, such as ``NG``; None is the configured one.
    numbers
        How digits without ``+`` or exit code are read: ``auto`` (at home where they are valid there, else as
        international), ``national``, ``international``; None is the dialect's way, else the configured one.
    strict
        Refuse a file that has any reject.
    max_reject_rate
        Refuse a file with a larger share of rejects than this, 0 to 1; None is the configured one.
    dry_run
        Count what would happen, show how each file is read (``preview``), and write nothing.
    day_first
        How 03/04/2026 is read; None decides from the file.
    run_id
        Id of the run that this is part of; None makes one.
    progress
        Called as reading goes on.

    Returns
    -------
    IngestResult
        ``processed = inserted + duplicates + rejected + skipped + refused``, in total and for each file.

    Raises
    ------
    NoInputError
        If the paths name nothing.
    UsageError
        If an option is not allowed.
    LakeLockedError
        If another writer holds the lake for longer than the setting ``lock_timeout`` (seconds).
    DiskFullError
        If the disk is full; files committed before stay.
    """
    desk = open_desk(lake, config).configure(
        dialect=dialect, timezone=timezone, region=region, numbers=numbers, max_reject_rate=max_reject_rate
    )
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    options = read_options(desk.config, strict=strict, day_first=day_first, progress=progress, preview=dry_run)
    found = find_files(given)
    if dry_run:
        return _rehearse(found, desk, options)
    opened = desk.create_lake()
    parameters = {
        "paths": [name_of(path) for path in given],
        "dialect": dialect and name_of(dialect),
        "timezone": options.zone,
        "region": options.region,
        "numbers": options.numbers if options.numbers_named else None,
        "strict": strict,
        "max_reject_rate": options.max_reject_rate,
        "day_first": day_first,
    }
    with recorded_run(opened, "ingest", parameters, run_id=run_id) as run:
        result = IngestResult(run.run_id, dry_run=False)
        _ingest_files(found, opened, [], options, result)
        places = [_place(path) for path in found]
        run.inputs = {place: file.sha256 for place, file in zip(places, result.files, strict=True)}
        run.counts = {
            key: value for key, value in result.to_dict().items() if key.startswith(("records", "dup", "legs"))
        }
        run.counts["failed_files"] = [
            {"path": place, "given": file.path, "status": file.status, "error": file.error}
            for place, file in zip(places, result.files, strict=True)
            if file.error
        ]
    return result


def _place(path: Path) -> str:
    """Return the name under which a file is found from every folder; standard input keeps its own."""
    return "-" if str(path) == "-" else name_of(path.absolute())


def _rehearse(found: list[Path], desk: Desk, options: Options) -> IngestResult:
    result = IngestResult(new_run_id(), dry_run=True)
    with TemporaryDirectory(prefix="sentinel-dry-run-") as folder:
        known = []
        with suppress(LakeNotFoundError):
            known.append(desk.tables)

        _ingest_files(found, Lake.create(folder), known, options, result)
    return result


def _ingest_files(found: list[Path], lake: Lake, known: list[Snapshot], options: Options, result: IngestResult) -> None:
    """Ingest files one by one; ``known`` are further tables whose calls are there already."""
    clock = time.perf_counter()
    numbers = {mode: NumberBook(options.region, mode) for mode in MODES}
    for path in found:
        with lake.staging() as staging:
            result.files.append(FileIngest(path, staging, lake, known, options, numbers, result.run_id).run())
    result.processing_time_seconds = time.perf_counter() - clock
