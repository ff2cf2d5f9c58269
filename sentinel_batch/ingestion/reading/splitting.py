"""Lines to columns: regular lines by Polars' CSV reader, the others one by one by a tolerant splitter.

A stock CSV reader given a damaged line shifts fields, joins lines, or returns one column, in silence. So a line reaches
it only after its number of fields has been counted; every other line is taken apart here, or reported as ragged.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.blocks import JOINED_LINES, count_byte
from sentinel_batch.ingestion.reading.marks import hide_escaped_bytes, show_escaped

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.ingestion.reading.blocks import Block
    from sentinel_batch.ingestion.reading.layout import Layout

TRAILER_LINES = 5
"""So many lines at the end of a file may be a trailer."""

FEW_VALUES = ("call_direction", "termination_cause", "location_code")
"""Fields read as categories, which cost less to hold and to write; as plain text if they have above 65,535 values."""

_TRAILER = re.compile(
    r"^\W*(grand total|totals?|totaux|sum|summary|count|nombre|records?|rows?|lignes?|end of|end$|eof|fin|trailer"
    r"|footer|generated|\d+ (rows?|records?|lignes?|enregistrements?)\b)|^\s*#|^[\s|+=*-]{3,}$",
    re.IGNORECASE,
)
_BEGINS = ("call_timestamp", "call_date", "call_time")
_MOMENT = re.compile(r"\d\d?:\d\d|\d{9}")


@dataclass
class SplitBlock:
    """A block's fields.

    Parameters
    ----------
    frame
        ``source_line`` and a text column ``c0``, ``c1``, … for each place that is used.
    ragged
        Line number to raw text of rows whose fields cannot be told apart.
    skipped
        Kind of line (``blank``, ``trailer``, ``marker``) to how many were no records.
    continued
        Lines that end a record that began on the line before.
    """

    frame: pl.DataFrame
    ragged: dict[int, str] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    continued: set[int] = field(default_factory=set)


def split_line(line: str, delimiter: str, widths: Collection[int] = ()) -> list[str]:
    """Split one line, however its quotes are damaged.

    Parameters
    ----------
    line
        The line, without its end.
    delimiter
        One character.
    widths
        Numbers of fields that a good line may have; the first of four readings that gives one is taken: quotes as in
        RFC 4180; the same, but plain characters in a field that is not quoted as a whole; quotes that end a field only
        before a delimiter; quotes as plain characters. Without it, the first
        reading that is well formed.
    """
    if '"' not in line:
        return line.split(delimiter)
    ways = (_split_strict, _split_mixed, _split_lenient)
    readings = [cells for way in ways if (cells := way(line, delimiter))]
    readings.append(line.split(delimiter))
    return next((cells for cells in readings if not widths or len(cells) in widths), readings[0])


@lru_cache(maxsize=16)
def _strict_field(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'\s*"((?:[^"]|"")*)"\s*(?:{mark}|$)|([^"{mark}]*)(?:{mark}|$)')


def _split_strict(line: str, delimiter: str) -> list[str] | None:
    return _split_by(_strict_field(delimiter), line, delimiter)


def _split_by(pattern: re.Pattern[str], line: str, delimiter: str) -> list[str] | None:
    cells: list[str] = []
    place = 0
    while True:
        match = pattern.match(line, place)
        if match is None:
            return None
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        place = match.end()
        if place == len(line):
            return [*cells, ""] if match.group().endswith(delimiter) else cells


@lru_cache(maxsize=16)
def _mixed_field(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'\s*"((?:[^"]|"")*+)"\s*(?:{mark}|$)|([^{mark}]*)(?:{mark}|$)')


def _split_mixed(line: str, delimiter: str) -> list[str] | None:
    """Split a line where ``"User 9" <113>`` stands unquoted beside a quoted field that holds a delimiter."""
    return _split_by(_mixed_field(delimiter), line, delimiter)


@lru_cache(maxsize=16)
def _lenient_field(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'\s*"(.*?)"\s*(?:{mark}|$)|([^{mark}]*)(?:{mark}|$)', re.DOTALL)


def _split_lenient(line: str, delimiter: str) -> list[str]:
    pattern, place = _lenient_field(delimiter), 0
    cells: list[str] = []
    while True:
        match = pattern.match(line, place)
        if match is None:
            return [*cells, line[place:]]
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted)
        place = match.end()
        if place >= len(line):
            return [*cells, ""] if match.group().endswith(delimiter) else cells


def split_block(block: Block, layout: Layout) -> SplitBlock:
    """Split a block's lines into the columns that its layout uses.

    Parameters
    ----------
    block
        Whole lines in UTF-8.
    layout
        The file's layout.
    """
    if layout.dialect.escape:
        hidden = replace(block, data=hide_escaped_bytes(block.data, layout.delimiter))
        return show_escaped(_split_plain(hidden, layout), layout.delimiter)
    return _split_plain(block, layout)


def _split_plain(block: Block, layout: Layout) -> SplitBlock:
    data, skipped = block.data, {}
    if block.last:
        data, trailer = _cut_trailer(data, layout)
        if trailer:
            cut = block.data[len(data) :]
            blank = cut.count(b"\n") + (not cut.endswith(b"\n")) - trailer
            skipped = {"trailer": trailer} | ({"blank": blank} if blank else {})
    frame = None
    if layout.delimiter != "fixed" and layout.dialect.markers is None and b'"' not in data:
        ends = block.line_ends if data is block.data else data.count(b"\n")
        frame = _read_rectangle(data, layout, block.first_line, ends)
    if frame is not None:
        return SplitBlock(frame, skipped=skipped)
    split = _split_lines(data, layout, block)
    for kind, count in skipped.items():
        split.skipped[kind] = split.skipped.get(kind, 0) + count
    return split


def _cut_trailer(data: bytes, layout: Layout) -> tuple[bytes, int]:
    count, end = 0, len(data)
    while count < TRAILER_LINES:
        last = end
        while last and data[last - 1] in b" \t\n":
            last -= 1
        start = data.rfind(b"\n", 0, last) + 1
        line = data[start:last].decode("utf-8", "replace")
        if not line or len(line) > 500 or not _TRAILER.search(line) or _may_be_call(line, layout):
            break
        end, count = start, count + 1
    return data[:end] if count else data, count


def _may_be_call(line: str, layout: Layout) -> bool:
    """Tell whether a line that begins as a trailer may be a call: it has a long number, or when the call began."""
    if not _MOMENT.search(line):
        return False
    cells = split_line(line, layout.delimiter) if layout.delimiter != "fixed" else []
    places = [place for field in _BEGINS for place in layout.positions(field)]
    told = [cells[place] for place in places if place < len(cells)]
    return not told or any(cell.strip() for cell in told) or re.search(r"\d{9}", line) is not None


def _read_rectangle(data: bytes, layout: Layout, first_line: int, line_ends: int) -> pl.DataFrame | None:
    lines = line_ends + (not data.endswith(b"\n"))
    if not data or count_byte(data, layout.delimiter.encode()) != lines * (len(layout.columns) - 1):
        return None
    few = {f"c{places[0]}" for name in FEW_VALUES if len(places := layout.positions(name)) == 1}
    few -= {f"c{place}" for place in layout.extra}
    frame = _read(data, layout, lines, first_line, few=few) if few else None
    return frame if frame is not None else _read(data, layout, lines, first_line)


def _read(
    data: bytes, layout: Layout, lines: int, first_line: int, *, quoted: bool = False, few: Collection[str] = ()
) -> pl.DataFrame | None:
    import polars as pl

    category = pl.Categorical(pl.Categories("cell", "sentinel_batch", pl.UInt16)) if few else pl.String()
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            separator=layout.delimiter,
            quote_char='"' if quoted else None,
            infer_schema=False,
            schema_overrides=dict.fromkeys(few, category),
            new_columns=[f"c{place}" for place in range(len(layout.columns))],
            truncate_ragged_lines=False,
            low_memory=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != lines or frame.width != len(layout.columns):
        return None
    frame = frame.select(f"c{place}" for place in layout.used).rechunk()
    return frame.with_columns(source_line=pl.int_range(first_line, first_line + lines, dtype=pl.Int64))


def _split_lines(data: bytes, layout: Layout, block: Block) -> SplitBlock:
    import polars as pl

    cut_short = block.last and not data.endswith(b"\n")
    text_lines = data.decode().removesuffix("\n").split("\n") if data else []
    lines = pl.DataFrame({"line": text_lines}, schema={"line": pl.String}).with_columns(
        source_line=pl.int_range(block.first_line, block.first_line + pl.len(), dtype=pl.Int64)
    )
    if layout.delimiter == "fixed":
        return _cut_spans(lines, layout)
    if layout.dialect.markers is not None:
        lines = lines.filter(~pl.col("line").str.contains(f"^(?:{layout.dialect.markers})$"))
    markers = len(text_lines) - lines.height
    text, width, mark = lines["line"], len(layout.columns), layout.delimiter
    fits = text.str.count_matches(mark, literal=True) == width - 1
    if b'"' in data:
        cell = f'(?:"(?:[^"]|"")*"|[^"{re.escape(mark)}]*)'
        well_quoted = text.str.contains(f"^{cell}(?:{re.escape(mark)}{cell}){{{width - 1}}}$")
        fits = well_quoted | (fits & ~text.str.contains('"', literal=True))
    lines = lines.with_columns(regular=fits & (text.str.strip_chars() != ""))
    regular = lines.filter("regular")
    frame = None
    if regular.height:
        body = "\n".join(regular["line"].to_list()).encode()
        frame = _read(body, layout, regular.height, 0, quoted=True)
        if frame is not None:
            frame = frame.with_columns(regular["source_line"])
    rest = lines if frame is None else lines.filter(~pl.col("regular"))
    split = _split_one_by_one(rest, layout, cut_short, block.first_line + len(text_lines) - 1)
    if markers:
        split.skipped["marker"] = markers
    if frame is not None:
        split.frame = pl.concat([frame, split.frame]).sort("source_line")
    return split


def _cut_spans(lines: pl.DataFrame, layout: Layout) -> SplitBlock:
    import polars as pl

    kept = lines.filter(pl.col("line").str.strip_chars() != "")
    cells = []
    for place in layout.used:
        start, end = layout.spans[place]
        length = None if end is None else end - start
        cells.append(pl.col("line").str.slice(start, length).str.strip_chars().alias(f"c{place}"))
    blanks = lines.height - kept.height
    return SplitBlock(kept.select(*cells, "source_line"), skipped={"blank": blanks} if blanks else {})


def _split_one_by_one(rest: pl.DataFrame, layout: Layout, cut_short: bool, last_line: int) -> SplitBlock:
    import polars as pl

    places = layout.used
    rows: dict[str, list[str | None]] = {f"c{place}": [] for place in places}
    numbers: list[int] = []
    split = SplitBlock(pl.DataFrame())
    queue = list(zip(rest["line"].to_list(), rest["source_line"].to_list(), strict=True))
    index = 0
    while index < len(queue):
        line, number = queue[index]
        if not line.strip():
            split.skipped["blank"] = split.skipped.get("blank", 0) + 1
            index += 1
            continue
        cells, span = _gather(queue, index, layout)
        index += span
        unfinished = cut_short and number == last_line and len(cells) < len(layout.columns)
        if unfinished or not _fits(cells, layout):
            split.ragged[number] = line
            continue
        split.continued.update(number for _, number in queue[index - span + 1 : index])
        numbers.append(number)
        for place in places:
            rows[f"c{place}"].append(cells[place] if place < len(cells) else None)
    schema = dict.fromkeys(rows, pl.String()) | {"source_line": pl.Int64()}
    split.frame = pl.DataFrame({**rows, "source_line": numbers}, schema=schema)
    return split


def _gather(queue: list[tuple[str, int]], index: int, layout: Layout) -> tuple[list[str], int]:
    line, number = queue[index]
    width = len(layout.columns)
    if line.count('"') % 2:
        joined = line
        for span in range(2, JOINED_LINES + 1):
            if index + span > len(queue) or queue[index + span - 1][1] != number + span - 1:
                break
            joined += "\n" + queue[index + span - 1][0]
            together = _split_strict(joined, layout.delimiter)
            if together is not None and len(together) == width:
                return together, span
    return split_line(line, layout.delimiter, layout.widths), 1


def _fits(cells: list[str], layout: Layout) -> bool:
    width = len(layout.columns)
    if len(cells) == width:
        return True
    if len(cells) < width:
        return len(cells) >= layout.needed
    return len(cells) in layout.widths or not any(cell.strip() for cell in cells[width:])
