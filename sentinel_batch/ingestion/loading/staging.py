"""A file's rows, shaped in parallel and written as Parquet parts that are not yet part of the lake."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.loading.deduplication import KeySpill, sort_hashes
from sentinel_batch.ingestion.loading.examples import describe_examples
from sentinel_batch.ingestion.loading.parts import RowCounts
from sentinel_batch.ingestion.loading.shelf import EXAMPLES, THREADS, RejectPile, Shelf, Stamp
from sentinel_batch.ingestion.reading.source import Pending, Rows, Source
from sentinel_batch.ingestion.shaping.rows import REASONS, Shaping, shape_rows
from sentinel_batch.lake import StagedFile
from sentinel_batch.numbers import Tally

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


TYPES_NAMED = 20
"""So many types of skipped rows are listed by name."""
OTHER_TYPES = "(other)"


@dataclass(frozen=True)
class Staged:
    """A file's rows, ready to be committed.

    Parameters
    ----------
    files
        Parquet parts of call records, one partition each.
    rejects
        Parquet files of rejected rows.
    keys
        Key hashes of all records.
    examples
        The first rejected rows, worded for the user.
    """

    files: list[StagedFile]
    rejects: list[Path]
    keys: KeySpill
    examples: list[str]


@dataclass(frozen=True)
class _ShapedBlock:
    records: pl.DataFrame
    rejects: pl.DataFrame
    examples: list[str]
    keys: NDArray[np.uint64]
    rows: int
    skipped: dict[str, int]
    encoding: str
    bytes_read: int
    tally: Tally
    skipped_types: dict[str, int]


class RowStaging:
    """Reads a file's rows, shapes them, and writes them below a folder.

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
    progress
        Called after each block with the bytes read.
    """

    def __init__(
        self,
        source: Source,
        shaping: Shaping,
        stamp: Future[Stamp],
        folder: Path,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._source = source
        self._shaping = shaping
        self._stamp = stamp
        self._folder = folder
        self._progress = progress
        self._rows = 0
        self._skipped: Counter[str] = Counter()
        self._tally = Tally()
        self._skipped_types: Counter[str] = Counter()
        self._encodings: Counter[str] = Counter()
        self._rejects = RejectPile(folder)

    @property
    def counts(self) -> RowCounts:
        """What became of the rows read so far."""
        reasons = self._rejects.reasons
        said = self._tally.describe() if self._rows else "The file has no records."
        return RowCounts(
            records_processed=self._rows,
            records_rejected=reasons.total(),
            rejects_by_reason={reason: reasons[reason] for reason in REASONS if reasons[reason]},
            records_skipped=self._skipped_types.total(),
            skipped_by_type=_largest(self._skipped_types),
            lines_skipped=dict(self._skipped),
            number_readings=self._tally.readings,
            number_types=self._tally.kinds,
            encoding=_name_encoding(self._source.encoding, self._encodings),
            notices=[said] if said else [],
        )

    def run(self) -> Staged:
        """Read all rows."""
        with ThreadPoolExecutor(THREADS) as pool:
            shelf = Shelf(self._folder, self._stamp, pool)
            keys = KeySpill(self._folder / "keys")
            done = 0
            for block in _shape_in_order(self._source, self._shaping, pool):
                self._count(block)
                keys.add(block.keys)
                shelf.add(block.records)
                done += block.bytes_read
                if self._progress is not None:
                    self._progress(done)
            return Staged(shelf.finish(), self._rejects.finish(), keys, self._rejects.examples)

    def _count(self, block: _ShapedBlock) -> None:
        self._rows += block.rows
        self._skipped.update(block.skipped)
        self._skipped_types.update(block.skipped_types)
        self._encodings[block.encoding] += 1
        self._tally.add(block.tally)
        self._rejects.add(block.rejects, block.examples)


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
    rejects, skipped, repeated, examples = shaped.rejects, dict(rows.skipped), 0, list[str]()
    if rejects.height or rows.ragged:
        rejects, repeated = _describe_rejects(rejects, rows, shaping.layout.header_text.strip())
        examples = describe_examples(rejects.head(EXAMPLES), rows.cells, shaping.layout)
    if repeated:
        skipped["header"] = skipped.get("header", 0) + repeated
    keys = sort_hashes(shaped.records)
    total = rows.cells.height + len(rows.ragged) - repeated
    return _ShapedBlock(
        shaped.records,
        rejects,
        examples,
        keys,
        total,
        skipped,
        rows.encoding,
        pending.bytes_read,
        shaped.tally,
        shaped.skipped,
    )


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


def _largest(types: Counter[str]) -> dict[str, int]:
    """Return the most frequent types; the rest, which a strange file may have by the thousand, together."""
    named = dict(types.most_common(TYPES_NAMED))
    rest = types.total() - sum(named.values())
    return named | ({OTHER_TYPES: named.get(OTHER_TYPES, 0) + rest} if rest else {})


def _name_encoding(declared: str, blocks: Counter[str]) -> str:
    odd = [name for name in ("utf-8 with stray bytes", "windows-1252") if blocks[name]]
    return odd[0] if odd and declared == "utf-8" else declared
