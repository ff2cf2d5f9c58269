"""One opened input: its layout, and its rows as blocks of text columns."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from batch_base.names import name_of
from sentinel_batch.errors import UnreadableFileError
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.reading.blocks import (
    BLOCK_BYTES,
    Block,
    TextForm,
    read_blocks,
    recognise_text,
    repair_encoding,
)
from sentinel_batch.ingestion.reading.files import SAMPLE_BYTES, open_bytes
from sentinel_batch.ingestion.reading.given import NOTHING_GIVEN, Given
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.recognition import find_layout
from sentinel_batch.ingestion.reading.splitting import split_block
from sentinel_batch.ingestion.values.cells import is_missing_cell
from sentinel_batch.ingestion.values.timestamps import (
    decide_day_first,
    decide_order,
    has_short_years,
    is_time_of_day,
    may_need_day_first,
    needs_day_first,
)
from sentinel_batch.window import now

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

PARQUET_ROWS = 250_000
LEAST_BLOCK_BYTES = 1 << 20
EVEN_BLOCKS = 12
"""A smaller file is cut into so many blocks, so that the threads end at about the same time."""

_PROBE_LINES = 1000


@dataclass
class Rows:
    """A block of rows.

    Parameters
    ----------
    cells
        ``source_line`` and text columns ``c0``, ``c1``, ….
    ragged
        Line to raw text of rows that could not be split.
    raw
        Gives the raw text of a source line.
    skipped
        Kind of line to number, of lines that are no records.
    encoding
        What the block's bytes were.
    """

    cells: pl.DataFrame
    raw: Callable[[int], str]
    ragged: dict[int, str] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Pending:
    """A block that is still to be split: what may run in another thread."""

    split: Callable[[], Rows]
    bytes_read: int


class Source:
    """An input file whose layout is known. Made by :func:`open_source`."""

    def __init__(self, path: Path, layout: Layout, form: TextForm | None, probe: list[str]) -> None:
        self.path = path
        self.layout = layout
        self.form = form
        self._probe = probe
        self._order: tuple[str | None] | None = None

    @property
    def encoding(self) -> str:
        """Encoding found so far; single blocks may turn out otherwise."""
        return "parquet" if self.form is None else self.form.encoding

    def read(self) -> Iterator[Pending]:
        """Yield the file's rows, block after block."""
        return self._read_parquet() if self.form is None else self._read_text(self.form)

    def _read_text(self, form: TextForm) -> Iterator[Pending]:
        with open_bytes(self.path) as file:
            size = self.path.stat().st_size
            for block in read_blocks(file, form, max(LEAST_BLOCK_BYTES, min(BLOCK_BYTES, size // EVEN_BLOCKS))):
                yield Pending(partial(_split_text, block, self.layout), len(block.data))

    def _read_parquet(self) -> Iterator[Pending]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        line = 1
        try:
            with self.path.open("rb") as raw, pq.ParquetFile(raw, page_checksum_verification=True) as file:
                for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                    batch.validate(full=True)  # Polars does not, and stops the process at text that is not UTF-8.
                    yield Pending(partial(_split_parquet, batch, self.layout, line), batch.nbytes)
                    line += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise _damaged_parquet(name_of(self.path), error) from error

    def laid_out(self, layout: Layout) -> Source:
        """Return the same file, read by another layout."""
        return Source(self.path, layout, self.form, self._probe)

    def has_text_dates(self) -> bool:
        """Tell whether the probed times are written like 03/04/2026."""
        if self.layout.dialect.year_first:
            return False
        return may_need_day_first("\n".join(self._probe)) and needs_day_first(self._times())

    def example_date(self) -> tuple[int, str, str]:
        """Return line, column and text of the first such time."""
        place, times = self._time_place, self._probed().select("source_line", f"c{self._time_place}").rows()
        line, text = next((line, text) for line, text in times if needs_day_first([text]))
        return line, self.layout.columns[place], text

    @cached_property
    def _time_place(self) -> int:
        """The place of the column with the dates of the calls: not one with times of day only, if there is another."""
        fields = ("call_timestamp", "call_date") if self.layout.dialect.guess else ("call_timestamp",)
        places = [place for field in fields for place in self.layout.positions(field)]
        places = places or self.layout.positions("call_date")
        frame = self._probed()
        dated = (place for place in places if not _holds_times_of_day(frame[f"c{place}"]))
        return next(dated, places[0])

    def _probed(self, layout: Layout | None = None) -> pl.DataFrame:
        first = self.layout.first_data_line
        block = Block("\n".join(self._probe).encode(), first, len(self._probe) - 1, last=False)
        return split_block(block, layout or self.layout).frame

    def _times(self) -> list[str]:
        return [cell for cell in self._probed()[f"c{self._time_place}"].to_list() if cell]

    def sample(self) -> pl.DataFrame:
        """Return the first rows with all their columns, as ``c0``, ``c1``, …."""
        layout = replace(self.layout, whole=True)
        if self.form is not None:
            return self._probed(layout)
        pending = next(Source(self.path, layout, None, []).read(), None)
        return split_block(Block(b"", 1, 0, last=False), layout).frame if pending is None else pending.split().cells

    def decide_day_first(self, *, sampled: bool = False) -> bool | None:
        """Decide from all dates of the file, or from those of its first lines only, whether the day comes first."""
        if self.form is None:
            return None
        if has_short_years(self._times()):
            return {"day": True, "month": False}.get(self._decide_order(sampled=sampled) or "")
        with self._dated(sampled=sampled) as blocks:
            return decide_day_first(blocks)

    def with_date_order(self, *, sampled: bool = False) -> Source:
        """Return the same file, its dates read with the year first where that has two digits and comes first."""
        short = self.form is not None and self.has_text_dates() and has_short_years(self._times())
        if not short or self.layout.dialect.day_first is not None or self._decide_order(sampled=sampled) != "year":
            return self
        return self.laid_out(replace(self.layout, dialect=replace(self.layout.dialect, year_first=True)))

    def _decide_order(self, *, sampled: bool) -> str | None:
        if self._order is None:
            with self._dated(sampled=sampled) as blocks:
                self._order = (decide_order(blocks, now().year),)
        return self._order[0]

    @contextmanager
    def _dated(self, *, sampled: bool) -> Iterator[Iterator[bytes]]:
        """Yield the bytes of the file, or of its first lines, block after block."""
        with open_bytes(self.path) as file:
            read: BinaryIO = io.BytesIO(file.read(SAMPLE_BYTES)) if sampled else file
            yield iter(()) if self.form is None else (block.data for block in read_blocks(read, self.form))

    def count_rows(self) -> int:
        """Count the rows without reading their fields."""
        return sum(rows.cells.height + len(rows.ragged) for rows in (pending.split() for pending in self.read()))


def _holds_times_of_day(column: pl.Series) -> bool:
    cells = [cell for cell in column.cast(str).drop_nulls().unique().to_list() if not is_missing_cell(cell)]
    return all(is_time_of_day(cell.strip(" '\"")) for cell in cells)


def open_source(path: Path, name: str, dialect: Dialect | None, given: Given = NOTHING_GIVEN) -> Source | None:
    """Open a file and find its layout; None for a file with no line but blank ones.

    Parameters
    ----------
    path
        Where the file lies.
    name
        What to call it in errors.
    dialect
        The dialect that the user named; None finds it.
    given
        Options to repeat in the commands that errors name.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return _open_parquet(path, name, dialect, given)
    form, lines = _read_first_lines(path)
    layout = find_layout(lines, dialect, name, given)
    if layout is None:
        return None
    start = layout.first_data_line - 1
    return Source(path, layout, form, lines[start : start + _PROBE_LINES])


def _read_first_lines(path: Path) -> tuple[TextForm, list[str]]:
    with open_bytes(path) as file:
        sample = file.read(SAMPLE_BYTES)
    form = recognise_text(sample)
    blocks = list(read_blocks(io.BytesIO(sample), form))
    text = repair_encoding(b"".join(block.data for block in blocks))[0].decode()
    lines = text.split("\n")
    if len(sample) == SAMPLE_BYTES and len(lines) > 1:
        lines.pop()
    return form, lines


def read_first_lines(path: Path) -> list[str]:
    """Return the first lines of a text file, decompressed; of a Parquet file the columns and rows, as CSV.

    Raises
    ------
    UnreadableFileError
        If it is no Parquet file although it begins as one.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    return _read_first_lines(path)[1] if magic != b"PAR1" else _read_parquet_lines(path)


def _read_parquet_lines(path: Path) -> list[str]:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as raw, pq.ParquetFile(raw) as file:
            names = list(map(_write_name, file.schema_arrow.names))
            batch = next(file.iter_batches(batch_size=_PROBE_LINES), None)
            if batch is not None:
                batch.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise _damaged_parquet(name_of(path), error) from error
    text = pl.DataFrame() if batch is None else pl.DataFrame(_as_text(column) for column in pl.DataFrame(batch))
    return [",".join(names), *text.write_csv(include_header=False).splitlines()]


def _open_parquet(path: Path, name: str, dialect: Dialect | None, given: Given) -> Source | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            names = pq.read_schema(file).names
    except (pa.ArrowException, OSError) as error:
        raise _damaged_parquet(name, error) from error
    layout = find_layout([",".join(map(_write_name, names))], dialect, name, given)
    return Source(path, layout, None, []) if layout is not None else None


def _write_name(column: str) -> str:
    """Return a column's name as it can stand in a header, without what delimits; it is compared without that anyway."""
    return re.sub(r"[\s\"',;|]+", " ", column)


def _damaged_parquet(name: str, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(
        f"{name} is not readable Parquet: {error}", hint="Fetch it again; nothing of it was committed."
    )


def _split_text(block: Block, layout: Layout) -> Rows:
    data, encoding = repair_encoding(block.data)
    first, ends, skipped = block.first_line, block.line_ends, {}
    if first < layout.first_data_line:
        drop = min(layout.first_data_line - first, ends + (not data.endswith(b"\n")))
        preamble = min(max(layout.preamble_lines + 1 - first, 0), drop)
        skipped = {"preamble": preamble, "header": drop - preamble}
        data = data.split(b"\n", drop)[drop] if ends >= drop else b""
        first, ends = first + drop, max(ends - drop, 0)
    split = split_block(Block(data, first, ends, block.last), layout)
    skipped = {kind: count for kind, count in (*skipped.items(), *split.skipped.items()) if count}
    return Rows(split.frame, _RawLines(data, first, split.continued), split.ragged, skipped, encoding)


class _RawLines:
    """The raw text of a block's records, by line; the block is cut into lines at the first one asked for."""

    def __init__(self, data: bytes, first: int, continued: set[int]) -> None:
        self._data = data
        self._first = first
        self._continued = continued

    @cached_property
    def _lines(self) -> list[bytes]:
        return self._data.split(b"\n")

    def __call__(self, line: int) -> str:
        last = line + 1
        while last in self._continued:
            last += 1
        return b"\n".join(self._lines[line - self._first : last - self._first]).decode()


def _split_parquet(batch: Any, layout: Layout, first: int) -> Rows:
    import polars as pl

    frame = pl.DataFrame(batch)
    text = frame.select(_as_text(frame.to_series(place)).alias(f"c{place}") for place in range(frame.width))
    cells = text.select(f"c{place}" for place in layout.used).with_columns(
        source_line=pl.int_range(first, first + frame.height, dtype=pl.Int64)
    )
    return Rows(cells, lambda line: json.dumps(frame.row(line - first, named=True), default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _as_text(column: pl.Series) -> pl.Series:
    import polars as pl

    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00")
        return column.dt.strftime("%Y-%m-%d %H:%M:%S%.6f")
    if column.dtype == pl.Time:
        return column.dt.strftime("%H:%M:%S")
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        return pl.Series(
            column.name, [None if value is None else str(value) for value in column.to_list()], dtype=pl.String
        )
    return column.cast(pl.String)
