"""Ingest: files in, committed call records out, every input row accounted for."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sentinel_batch.config import Config
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import (
    AmbiguousDatesError,
    RejectRateError,
    SentinelError,
    UnreadableFileError,
    UnrecognisedFileError,
    UsageError,
)
from sentinel_batch.ingestion.commit import commit_file, find_earlier, holds_content, may_be_known
from sentinel_batch.ingestion.dialect import Dialect, load_dialect
from sentinel_batch.ingestion.files import find_files, hash_file, name_of, spool_stream, unreadable_reported
from sentinel_batch.ingestion.result import FileResult, IngestResult
from sentinel_batch.ingestion.shaping import Shaping
from sentinel_batch.ingestion.source import Source, open_source
from sentinel_batch.ingestion.staging import Staged, Stamp, stage_rows
from sentinel_batch.ingestion.timestamps import check_zone
from sentinel_batch.lake import Lake, Snapshot, full_disk_reported
from sentinel_batch.numbers import MODES, NumberBook, is_region
from sentinel_batch.runs import new_run_id, recorded_run
from sentinel_batch.window import now

FORMAT = 2
"""Raised when the same file would give other records than before."""

FUTURE = timedelta(days=1)
"""Calls dated later than this after the ingest are implausible."""

_READ_BEFORE = (
    "The same content was ingested before, with other settings or by an earlier version: calls that are read otherwise "
    "now stand in the lake twice. To replace them, load the archive into a new lake (docs/numbers.md)."
)

Progress = Callable[[str, int, int], None]
"""Called with a file's name, bytes read of it, and its size."""


@dataclass(frozen=True)
class Options:
    """Settings of an ingest that hold for all its files."""

    dialect: Dialect | None
    zone: str
    region: str
    numbers: str
    numbers_named: bool
    strict: bool
    max_reject_rate: float
    day_first: bool | None
    earliest: datetime
    latest: datetime
    lock_timeout: float
    progress: Progress | None


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
        Count what would happen and write nothing.
    day_first
        How 03/04/2026 is read; None decides from the file.
    run_id
        Id of the run that this is part of; None makes one.
    progress
        Called as reading goes on.

    Returns
    -------
    IngestResult
        ``processed = inserted + duplicates + rejected + refused``, in total and for each file.

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
    options = _options(desk.config, strict=strict, day_first=day_first, progress=progress)
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
        run.inputs = {file.path: file.sha256 for file in result.files}
        run.counts = {
            key: value for key, value in result.to_dict().items() if key.startswith(("records", "dup", "legs"))
        }
    return result


def _rehearse(found: list[Path], desk: Desk, options: Options) -> IngestResult:
    result = IngestResult(new_run_id(), dry_run=True)
    with TemporaryDirectory(prefix="sentinel-dry-run-") as folder:
        known = [desk.tables] if (desk.config.lake / "call_records").is_dir() else []
        _ingest_files(found, Lake.create(folder), known, options, result)
    return result


def _options(config: Config, *, strict: bool, day_first: bool | None, progress: Progress | None) -> Options:
    if not is_region(config.region):
        raise UsageError(
            f"There is no region {config.region!r}.", hint="Use an ISO 3166 code such as NG, GH, FR or GB."
        )
    earliest = config.earliest_call
    return Options(
        dialect=load_dialect(config.dialect) if config.dialect else None,
        zone=check_zone(config.timezone),
        region=config.region,
        numbers=config.numbers,
        numbers_named=config.origin("numbers").startswith(("flag", "argument")),
        strict=strict,
        max_reject_rate=config.max_reject_rate,
        day_first=day_first,
        earliest=datetime(earliest.year, earliest.month, earliest.day, tzinfo=UTC),
        latest=now() + FUTURE,
        lock_timeout=config.lock_timeout,
        progress=progress,
    )


def _ingest_files(found: list[Path], lake: Lake, known: list[Snapshot], options: Options, result: IngestResult) -> None:
    """Ingest files one by one; ``known`` are further tables whose calls are there already."""
    clock = time.perf_counter()
    numbers = {mode: NumberBook(options.region, mode) for mode in MODES}
    for path in found:
        with ExitStack() as stack:
            staging = stack.enter_context(lake.staging())
            file = FileResult(name_of(path))
            result.files.append(file)
            try:
                with full_disk_reported(lake.path):
                    _ingest_file(path, file, staging, lake, known, options, numbers, result.run_id)
            except (UnreadableFileError, UnrecognisedFileError, AmbiguousDatesError, RejectRateError) as error:
                _refuse(file, error)
    result.processing_time_seconds = time.perf_counter() - clock


def _refuse(file: FileResult, error: SentinelError) -> None:
    file.status = "unreadable" if isinstance(error, UnreadableFileError) else "refused"
    file.error = {"code": error.code, "message": error.message, "hint": error.hint}
    file.records_refused = file.records_processed
    file.records_inserted = file.duplicates_skipped = file.legs_collapsed = file.records_rejected = 0


def _ingest_file(
    path: Path,
    file: FileResult,
    staging: Path,
    lake: Lake,
    known: list[Snapshot],
    options: Options,
    numbers: Mapping[str, NumberBook],
    run_id: str,
) -> None:
    with unreadable_reported(path):
        local = spool_stream(path, staging) if str(path) == "-" or path.is_fifo() else path
        file.size_bytes = local.stat().st_size
    with unreadable_reported(path), ThreadPoolExecutor(1) as hasher:
        digest = hasher.submit(hash_file, local)
        source = open_source(local, file.path, options.dialect)
        if source is None:
            file.sha256 = digest.result()
            file.notices.append("The file is empty.")
            return
        _describe(file, source)
        shaping = _shaping(file, source, options, numbers)
        stamp = hasher.submit(_identify, digest, file, shaping, options)
        tables = [lake.snapshot(), *known]
        if any(may_be_known(other, file.size_bytes) for other in tables):
            earlier = next((row for other in tables if (row := find_earlier(other, stamp.result().ingest_id))), None)
            if earlier is not None:
                _repeat(file, earlier)
                _check_rejects(file, options, [])
                return
            if any(holds_content(other, file.sha256) for other in tables):
                file.notices.append(_READ_BEFORE)
        staged = stage_rows(source, shaping, stamp, staging, file, options.progress)
    if not file.records_processed:
        file.notices.append("The file has no records.")
        return
    _check_rejects(file, options, staged.examples)
    _commit(staged, lake, known, file, shaping, stamp.result(), options, run_id)


def _describe(file: FileResult, source: Source) -> None:
    layout = source.layout
    file.dialect, file.encoding, file.delimiter = layout.dialect.name, source.encoding, layout.delimiter
    if layout.ignored:
        file.notices.append(f"Columns that are not used: {', '.join(layout.ignored)}.")


def _commit(
    staged: Staged,
    lake: Lake,
    known: list[Snapshot],
    file: FileResult,
    shaping: Shaping,
    stamp: Stamp,
    options: Options,
    run_id: str,
) -> None:
    with lake.lock(options.lock_timeout):
        tables = lake.snapshot()
        earlier = find_earlier(tables, stamp.ingest_id)
        if earlier is not None:
            _repeat(file, earlier)
        else:
            commit_file(staged, lake, [tables, *known], file, shaping, stamp, run_id)
            file.status = "inserted"


def _identify(digest: Future[str], file: FileResult, shaping: Shaping, options: Options) -> Stamp:
    """Name a file by its content and by all that its records depend on."""
    file.sha256 = digest.result()
    dialect = shaping.layout.dialect.fingerprint
    read = [options.region, shaping.numbers.mode]
    facts = [FORMAT, file.sha256, dialect, options.zone, *read, shaping.day_first, str(options.earliest)]
    file.ingest_id = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    return Stamp(file.path, file.ingest_id, now())


def _shaping(file: FileResult, source: Source, options: Options, numbers: Mapping[str, NumberBook]) -> Shaping:
    dialect = source.layout.dialect
    mode = options.numbers if options.numbers_named else dialect.numbers or options.numbers
    day_first = options.day_first if options.day_first is not None else dialect.day_first
    if day_first is None and source.has_text_dates():
        day_first = source.decide_day_first()
        if day_first is None:
            file.records_processed = source.count_rows()
            raise AmbiguousDatesError(
                f"{file.path}: dates such as {source.example_date()!r} can be read day first or month first, and no "
                "date in the file decides.",
                hint="Say which: --day-first or --month-first.",
            )
    return Shaping(
        layout=source.layout,
        numbers=numbers[mode],
        zone=check_zone(dialect.timezone or options.zone),
        local_zone=options.zone,
        day_first=day_first,
        earliest=options.earliest,
        latest=options.latest,
    )


def _repeat(file: FileResult, earlier: dict[str, object]) -> None:
    file.status = "already_ingested"
    file.records_processed = int(str(earlier["records_processed"]))
    file.records_rejected = int(str(earlier["records_rejected"]))
    file.rejects_by_reason = json.loads(str(earlier["rejects_by_reason"]))
    file.records_inserted, file.legs_collapsed = 0, int(str(earlier["legs_collapsed"]))
    file.encoding = str(earlier["encoding"])
    file.duplicates_skipped = file.records_processed - file.records_rejected
    file.notices.append(f"The same content was ingested before, from {earlier['source_file']}.")


def _check_rejects(file: FileResult, options: Options, examples: list[str]) -> None:
    rejected, rows = file.records_rejected, file.records_processed
    allowed = 0.0 if options.strict else options.max_reject_rate
    if not rejected or rejected <= allowed * rows:
        return
    reasons = ", ".join(f"{reason}: {count}" for reason, count in file.rejects_by_reason.items())
    limit = "--strict allows none" if options.strict else f"--max-reject-rate allows {allowed:.1%}"
    shown = "".join(f"\n  {example}" for example in examples[:3])
    raise RejectRateError(
        f"{file.path}: {rejected} of {rows} rows ({rejected / rows:.1%}) were rejected, {limit}; nothing of the file "
        f"was committed. {reasons}.{shown}",
        hint="Check the dialect, the region and the time zone; or allow more with --max-reject-rate.",
    )
