"""A file's rows, shaped in parallel and written as Parquet parts that are not yet part of the lake."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sentinel_batch.ingestion.deduplication import KeySpill, bounds_of, sort_hashes, write_part
from sentinel_batch.ingestion.result import FileResult
from sentinel_batch.ingestion.shaping import REASONS, Shaping, has_legs, shape_rows
from sentinel_batch.ingestion.source import Pending, Rows, Source
from sentinel_batch.lake import StagedFile
from sentinel_batch.numbers import Tally
from sentinel_batch.schema import CALL_RECORDS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

THREADS = 3
PART_ROWS = 250_000
SHELF_ROWS = 3_000_000
REJECTS_HELD = 200_000
EXAMPLES = 3


@dataclass(frozen=True)
class Stamp:
    """What all rows of a file have in common: the columns :data:`~sentinel_batch.ingestion.shaping.STAMPED`."""

    source_file: str
    ingest_id: str
    processed_at: datetime


@dataclass
class Staged:
    """A file's rows, ready to be committed.

    Parameters
    ----------
    files
        Parquet parts of call records, one partition each.
    rejects
        Parquet files of rejected rows.
    keys
        Key hashes of all records (none where legs are collapsed first).
    examples
        The first rejected rows, worded for the user.
    """

    files: list[StagedFile]
    rejects: list[Path]
    keys: KeySpill
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _ShapedBlock:
    records: pl.DataFrame
    rejects: pl.DataFrame
    keys: NDArray[np.uint64] | None
    rows: int
    skipped: dict[str, int]
    encoding: str
    bytes_read: int
    tally: Tally


def stage_rows(
    source: Source,
    shaping: Shaping,
    stamp: Future[Stamp],
    folder: Path,
    file: FileResult,
    progress: Callable[[str, int, int], None] | None = None,
) -> Staged:
    """Read a file's rows, shape them, and write them below ``folder``; counts go into ``file``.

    Parameters
    ----------
    source
        The opened file.
    shaping
        What the records depend on.
    stamp
        What is written into every record; may still be worked out while rows are read.
    folder
        Where parts are written.
    file
        Receives processed, rejected and skipped counts.
    progress
        Called after each block.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        shelf = _Shelf(folder, stamp, pool)
        staged = Staged([], [], KeySpill(folder / "keys"))
        rejects = _RejectPile(folder, staged)
        encodings: Counter[str] = Counter()
        done, tally = 0, Tally()
        for block in _shape_in_order(source, shaping, pool):
            file.records_processed += block.rows
            _count(file.lines_skipped, block.skipped)
            tally.add(block.tally)
            encodings[block.encoding] += 1
            rejects.add(block.rejects)
            if block.keys is not None:
                staged.keys.add(block.keys)
            shelf.add(block.records)
            done += block.bytes_read
            if progress is not None:
                progress(file.path, done, file.size_bytes)
        staged.files = shelf.finish()
        rejects.finish(file)
    file.encoding = _name_encoding(source.encoding, encodings)
    _say_how_read(file, tally)
    return staged


def _say_how_read(file: FileResult, tally: Tally) -> None:
    file.number_readings, file.number_types = tally.readings, tally.kinds
    if said := tally.describe():
        file.notices.append(said)


def _shape_in_order(source: Source, shaping: Shaping, pool: ThreadPoolExecutor) -> Iterator[_ShapedBlock]:
    waiting: deque[Future[_ShapedBlock]] = deque()
    for pending in source.read():
        waiting.append(pool.submit(_shape, pending, shaping))
        if len(waiting) > THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _shape(pending: Pending, shaping: Shaping) -> _ShapedBlock:
    rows = pending.split()
    shaped = shape_rows(rows.cells, shaping)
    rejects, skipped, repeated = shaped.rejects, dict(rows.skipped), 0
    if rejects.height or rows.ragged:
        rejects, repeated = _describe_rejects(rejects, rows, shaping.layout.header_text.strip())
    if repeated:
        skipped["header"] = skipped.get("header", 0) + repeated
    keys = None if has_legs(shaping.layout) else sort_hashes(shaped.records)
    total = rows.cells.height + len(rows.ragged) - repeated
    return _ShapedBlock(shaped.records, rejects, keys, total, skipped, rows.encoding, pending.bytes_read, shaped.tally)


def _describe_rejects(rejects: pl.DataFrame, rows: Rows, header: str) -> tuple[pl.DataFrame, int]:
    """Return a block's rejects with their raw text, ragged rows included, and the number of headers left out."""
    import polars as pl

    lines = rejects["source_line"].to_list()
    rejects = rejects.with_columns(raw=pl.Series([rows.raw(line) for line in lines], dtype=pl.String))
    ragged = pl.DataFrame(
        {
            "source_line": list(rows.ragged),
            "column": [None] * len(rows.ragged),
            "reason": ["ragged_row"] * len(rows.ragged),
            "raw": list(rows.ragged.values()),
        },
        schema=rejects.schema,
    )
    rejects = pl.concat([rejects, ragged]).sort("source_line")
    kept = rejects.filter(pl.col("raw").str.strip_chars().ne_missing(header)) if header else rejects
    return kept, rejects.height - kept.height


def _count(totals: dict[str, int], more: dict[str, int]) -> None:
    for kind, count in more.items():
        totals[kind] = totals.get(kind, 0) + count


def _name_encoding(declared: str, blocks: Counter[str]) -> str:
    odd = [name for name in ("utf-8 with stray bytes", "windows-1252") if blocks[name]]
    return odd[0] if odd and declared == "utf-8" else declared


class _Shelf:
    """Records by day, written as parts once there are enough of them."""

    def __init__(self, folder: Path, stamp: Future[Stamp], pool: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._stamp = stamp
        self._pool = pool
        self._days: dict[date, list[pl.DataFrame]] = {}
        self._rows: Counter[date] = Counter()
        self._writing: deque[Future[StagedFile]] = deque()
        self._files: list[StagedFile] = []
        self._number = 0

    def add(self, records: pl.DataFrame) -> None:
        for day, part in _by_day(records):
            part.drop_in_place("call_date")
            self._days.setdefault(day, []).append(part)
            self._rows[day] += part.height
            if self._rows[day] >= PART_ROWS:
                self._flush(day)
        while self._rows.total() > SHELF_ROWS:
            self._flush(self._rows.most_common(1)[0][0])

    def finish(self) -> list[StagedFile]:
        for day in sorted(self._days):
            self._flush(day)
        while self._writing:
            self._files.append(self._writing.popleft().result())
        return self._files

    def _flush(self, day: date) -> None:
        parts = self._days.pop(day)
        del self._rows[day]
        self._number += 1
        stamp = self._stamp.result()
        path = self._folder / f"{stamp.ingest_id}-{self._number:05d}.parquet"
        self._writing.append(self._pool.submit(_write, parts, day, stamp, path))
        while len(self._writing) > THREADS:
            self._files.append(self._writing.popleft().result())


def _by_day(records: pl.DataFrame) -> Iterator[tuple[date, pl.DataFrame]]:
    days = records["call_date"]
    first, last = cast(date | None, days.min()), cast(date | None, days.max())
    if first is None or last is None:
        return
    if first == last:
        yield first, records
    else:
        for day in days.unique().sort().to_list():
            yield day, records.filter(days == day)


def _write(parts: list[pl.DataFrame], day: date, stamp: Stamp, path: Path) -> StagedFile:
    import polars as pl

    frame = pl.concat(_alike(parts), rechunk=False).with_columns(
        # Constant text as categories: the writer need not hash it row by row. Parquet has plain text with a dictionary.
        source_file=pl.lit(stamp.source_file, dtype=pl.Categorical),
        ingest_id=pl.lit(stamp.ingest_id, dtype=pl.Categorical),
        processed_at=pl.lit(stamp.processed_at).cast(pl.Datetime("us", "UTC")),
    )
    frame = frame[[name for name in CALL_RECORDS.columns if name in frame.columns]]
    write_part(frame, path)
    first, last = bounds_of(frame)
    return StagedFile(path, path.name, {"call_date": day.isoformat()}, frame.height, first, last)


def _alike(parts: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Return the parts with plain text in every column that is plain text in any of them."""
    import polars as pl

    mixed = [name for name in parts[0].columns if len({part.schema[name] for part in parts}) > 1]
    return [part.with_columns(pl.col(mixed).cast(pl.String)) for part in parts] if mixed else parts


class _RejectPile:
    """Rejected rows, written to disk once there are many."""

    def __init__(self, folder: Path, staged: Staged) -> None:
        self._folder = folder
        self._staged = staged
        self._held: list[pl.DataFrame] = []
        self._reasons: Counter[str] = Counter()

    def add(self, rejects: pl.DataFrame) -> None:
        if rejects.is_empty():
            return
        for row in rejects.head(EXAMPLES - len(self._staged.examples)).iter_rows(named=True):
            self._staged.examples.append(f"line {row['source_line']}: {row['reason']}: {row['raw'][:160]!r}")
        self._reasons.update(rejects["reason"].to_list())
        self._held.append(rejects)
        if sum(frame.height for frame in self._held) > REJECTS_HELD:
            self._spill()

    def _spill(self) -> None:
        import polars as pl

        path = self._folder / f"rejects-{len(self._staged.rejects):05d}.parquet"
        pl.concat(self._held).write_parquet(path)
        self._staged.rejects.append(path)
        self._held = []

    def finish(self, file: FileResult) -> None:
        if self._held:
            self._spill()
        file.rejects_by_reason = {reason: self._reasons[reason] for reason in REASONS if self._reasons[reason]}
        file.records_rejected = self._reasons.total()
