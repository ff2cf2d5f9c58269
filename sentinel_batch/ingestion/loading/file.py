"""One file into the lake, stage by stage; each says its part of the result as soon as it is done."""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from batch_base.names import name_of
from sentinel_batch.errors import (
    AmbiguousDatesError,
    DefectError,
    RejectRateError,
    SentinelError,
    UnreadableFileError,
    UnrecognisedFileError,
)
from sentinel_batch.ingestion.loading.commit import commit_file, find_earlier, list_like
from sentinel_batch.ingestion.loading.options import Options
from sentinel_batch.ingestion.loading.parts import (
    Counted,
    Identified,
    Opened,
    Part,
    Previewed,
    Repeated,
    Resolved,
    RowCounts,
    Sized,
    compose_file,
    refuse,
)
from sentinel_batch.ingestion.loading.settling import resolve_source, shape_by
from sentinel_batch.ingestion.loading.shelf import Stamp
from sentinel_batch.ingestion.loading.staging import RowStaging, Staged
from sentinel_batch.ingestion.preview.advice import advise
from sentinel_batch.ingestion.preview.view import view_layout
from sentinel_batch.ingestion.reading.files import hash_file, spool_stream, unreadable_reported
from sentinel_batch.ingestion.reading.given import NOTHING_GIVEN, Given
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.source import Source, open_source
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.result import FileResult
from sentinel_batch.ingestion.shaping.rows import Shaping
from sentinel_batch.lake import Lake, Snapshot, full_disk_reported
from sentinel_batch.numbers import NumberBook
from sentinel_batch.window import now

FORMAT = 2
"""Raised when the same file would give other records than before."""


@dataclass(frozen=True)
class FileIngest:
    """One file on its way into the lake.

    Parameters
    ----------
    path
        The file, ``-`` for standard input.
    staging
        A folder for what is not yet part of the lake.
    lake
        Where to commit.
    known
        Further tables whose calls are there already.
    options
        Settings of the ingest.
    numbers
        Normal forms of telephone numbers, by the way in which they are read.
    run_id
        The run that this is part of.
    """

    path: Path
    staging: Path
    lake: Lake
    known: list[Snapshot]
    options: Options
    numbers: Mapping[str, NumberBook]
    run_id: str

    @property
    def name(self) -> str:
        """The file's name in results and errors."""
        return name_of(self.path)

    def run(self) -> FileResult:
        """Load the file, or say why it was not taken."""
        parts: list[Part] = []
        try:
            with full_disk_reported(self.lake.path):
                for part in self._stages(parts):
                    parts.append(part)
        except (UnreadableFileError, UnrecognisedFileError, AmbiguousDatesError, RejectRateError) as error:
            parts.append(refuse(error, parts))
        except (SentinelError, OSError, MemoryError):  # Of the lake or the machine: no other file would fare better.
            raise
        except Exception as error:
            parts.append(refuse(_defect(self.name, error), parts))
        return compose_file(self.name, parts)

    def _stages(self, before: Sequence[Part]) -> Iterator[Part]:
        """Go through the stages; ``before`` grows by every part that this yields."""
        with unreadable_reported(self.path):
            if self.path.is_dir():  # Only folders that cannot be listed are taken for files; this says why.
                os.scandir(self.path).close()
            stream = str(self.path) == "-" or self.path.is_fifo()
            local = spool_stream(self.path, self.staging) if stream else self.path
            size = local.stat().st_size
        yield Sized(size)
        with unreadable_reported(self.path), ThreadPoolExecutor(1) as hasher:
            digest = hasher.submit(hash_file, local)
            source = open_source(local, self.name, self.options.dialect, self.options.given)
            if source is None:
                yield Identified(digest.result(), notices=["The file is empty."])
                return
            yield _describe(source)
            source = source if self.options.day_first is not None else source.with_date_order()
            day_first = self._day_first(source)
            if day_first is None and source.has_text_dates():
                yield Counted(source.count_rows())
                raise _ambiguous_dates(self.name, source, self.options.given)
            resolution = resolve_source(source, self.options, day_first)
            yield Resolved(resolution.zone, notices=[*_list_unused(source.layout, resolution), *resolution.notices])
            shaping = shape_by(resolution, self.options, self.numbers, day_first)
            if self.options.preview:
                yield Previewed(view_layout(self.name, source, resolution, shaping, self.options.given).to_dict())
            source = source.laid_out(resolution.layout)
            stamp = hasher.submit(self._identify, digest, shaping)
            earlier = self._find_earlier(stamp, size)
            if earlier is not None:
                yield Identified(stamp.result().sha256, stamp.result().ingest_id)
                yield earlier
                self._check_rejects(earlier, [], source)
                return
            rows = RowStaging(source, shaping, stamp, self.staging, self._report_progress(size))
            try:
                staged = rows.run()
            finally:  # A file that breaks off has a name, and rows before that.
                yield Identified(stamp.result().sha256, stamp.result().ingest_id)
                yield rows.counts
        if not rows.counts.records_processed:
            return
        self._check_rejects(rows.counts, staged.examples, source)
        yield self._commit(staged, before, shaping, stamp.result())

    def _find_earlier(self, stamp: Future[Stamp], size: int) -> Repeated | None:
        # One look at what was ingested, for files of this size; the hash is waited for only if there are any.
        alike = [(tables, list_like(tables, size)) for tables in (self.lake.snapshot(), *self.known)]
        candidates = [(tables, ingests) for tables, ingests in alike if not ingests.is_empty()]
        if not candidates:
            return None
        ingest_id = stamp.result().ingest_id
        found = (find_earlier(tables, ingest_id, ingests) for tables, ingests in candidates)
        return next((part for part in found if part is not None), None)

    def _commit(self, staged: Staged, before: Sequence[Part], shaping: Shaping, stamp: Stamp) -> Part:
        with self.lake.lock(self.options.lock_timeout):
            tables = self.lake.snapshot()
            earlier = find_earlier(tables, stamp.ingest_id)
            if earlier is not None:
                return earlier
            return commit_file(staged, self.lake, [tables, *self.known], before, shaping, stamp, self.run_id)

    def _identify(self, digest: Future[str], shaping: Shaping) -> Stamp:
        """Name the file by its content and by all that its records depend on."""
        options, dialect, sha256 = self.options, shaping.layout.dialect.fingerprint, digest.result()
        read = [options.region, shaping.numbers.mode]
        facts = [FORMAT, sha256, dialect, options.zone, *read, shaping.day_first, str(options.earliest)]
        ingest_id = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
        return Stamp(self.name, sha256, ingest_id, now())

    def _day_first(self, source: Source) -> bool | None:
        for said in (self.options.day_first, source.layout.dialect.day_first):
            if said is not None:
                return said
        return source.decide_day_first() if source.has_text_dates() else None

    def _report_progress(self, size: int) -> Callable[[int], None] | None:
        progress = self.options.progress
        return None if progress is None else lambda done: progress(self.name, done, size)

    def _check_rejects(self, counts: RowCounts | Repeated, examples: Sequence[str], source: Source) -> None:
        rejected, rows = counts.records_rejected, counts.records_processed
        allowed = 0.0 if self.options.strict else self.options.max_reject_rate
        if not rejected or rejected <= allowed * rows:
            return
        reasons = ", ".join(f"{reason}: {count}" for reason, count in counts.rejects_by_reason.items())
        limit = "--strict allows none" if self.options.strict else f"--max-reject-rate allows {allowed:.1%}"
        shown = "".join(f"\n  {self.name}:{example}" for example in examples[:3])
        given = self.options.given
        advice = advise(counts.rejects_by_reason, source.layout, source.sample(), self.name, given)
        raise RejectRateError(
            f"{self.name}: {rejected} of {rows} rows ({rejected / rows:.1%}) were rejected, {limit}; nothing of the "
            f"file was committed. {reasons}.{shown}",
            hint=f"{advice} Or allow more with --max-reject-rate. To see all of it: "
            f"{given.type('ingest', self.name, '--dry-run', '--max-reject-rate 1')}",
        )


def _defect(name: str, error: Exception) -> DefectError:
    first = next(iter(str(error).splitlines()), "")
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if "sentinel_batch" in frame.filename]
    place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return DefectError(
        f"{name}: a defect of Sentinel Batch ({type(error).__name__}: {first}{place}) kept this file from being read; "
        "nothing of it was committed, and the other files are read.",
        hint="Please report it with the file's first lines, numbers made up. A dialect of your own may read the file: "
        f"{NOTHING_GIVEN.type('dialects propose', name)}",
    )


def _describe(source: Source) -> Opened:
    return Opened(source.layout.dialect.name, source.encoding, source.layout.delimiter)


def _list_unused(found: Layout, resolution: Resolution) -> list[str]:
    unused = [name for name in found.ignored if name in resolution.layout.ignored]
    return [f"Columns that are not used: {', '.join(unused)}."] if unused else []


def _ambiguous_dates(name: str, source: Source, given: Given) -> AmbiguousDatesError:
    line, column, text = source.example_date()
    return AmbiguousDatesError(
        f"{name}:{line}: dates such as {text!r} in {column} can be read day first or month first, and no date in the "
        "file decides.",
        hint=f"Say which: {given.type('ingest', name, '--day-first')}, or: "
        f"{given.type('ingest', name, '--month-first')}",
    )
