"""Records and rejects on their way to disk: held until there are enough for a file."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sentinel_batch.ingestion.loading.deduplication import write_part
from sentinel_batch.ingestion.values.timestamps import bounds_of
from sentinel_batch.lake import StagedFile
from sentinel_batch.schema import CALL_RECORDS

if TYPE_CHECKING:
    import polars as pl

THREADS = 3
"""So many parts are written at once."""
PART_ROWS = 250_000
SHELF_ROWS = 3_000_000
REJECTS_HELD = 200_000
EXAMPLES = 3


@dataclass(frozen=True)
class Stamp:
    """What all rows of a file have in common: the columns :data:`~sentinel_batch.ingestion.shaping.STAMPED`."""

    source_file: str
    sha256: str
    ingest_id: str
    processed_at: datetime


class Shelf:
    """Records by day, written as parts once there are enough of them.

    Parameters
    ----------
    folder
        Where parts are written.
    stamp
        What is written into every record; may still be worked out while rows are read.
    pool
        Threads that write.
    """

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
        """Add the records of one block."""
        for day, part in _by_day(records):
            part.drop_in_place("call_date")
            self._days.setdefault(day, []).append(part)
            self._rows[day] += part.height
            if self._rows[day] >= PART_ROWS:
                self._flush(day)
        while self._rows.total() > SHELF_ROWS:
            self._flush(self._rows.most_common(1)[0][0])

    def finish(self) -> list[StagedFile]:
        """Write what is held; return all parts."""
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


class RejectPile:
    """Rejected rows, written to disk once there are many.

    Parameters
    ----------
    folder
        Where files are written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[pl.DataFrame] = []
        self._files: list[Path] = []
        self.reasons: Counter[str] = Counter()
        self.examples: list[str] = []

    def add(self, rejects: pl.DataFrame, examples: Sequence[str]) -> None:
        """Add the rejects of one block, and the first ones of them in words."""
        if rejects.is_empty():
            return
        self.examples += examples[: EXAMPLES - len(self.examples)]
        self.reasons.update(rejects["reason"].to_list())
        self._held.append(rejects)
        if sum(frame.height for frame in self._held) > REJECTS_HELD:
            self._spill()

    def finish(self) -> list[Path]:
        """Write what is held; return all files."""
        if self._held:
            self._spill()
        return self._files

    def _spill(self) -> None:
        import polars as pl

        path = self._folder / f"rejects-{len(self._files):05d}.parquet"
        pl.concat(self._held).write_parquet(path)
        self._files.append(path)
        self._held = []
