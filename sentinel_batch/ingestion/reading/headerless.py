"""Files without a header: recognised by what their columns hold, never by how many there are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from sentinel_batch.errors import UnrecognisedFileError
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.reading.given import Given
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.marks import hide_escaped, is_marker
from sentinel_batch.ingestion.reading.splitting import split_line
from sentinel_batch.ingestion.values.cells import is_missing_cell
from sentinel_batch.ingestion.values.durations import read_duration
from sentinel_batch.ingestion.values.timestamps import is_time

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 200
"""So many lines are looked at."""

_PLAIN_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def find_headerless(lines: Sequence[str], dialect: Dialect, source: str, given: Given | None) -> Layout | None:
    """Find the layout of lines without a header, None where they are not of this dialect.

    A dialect that was named is believed: only the number of columns must be one of its layouts, and at least every
    second row must hold a time and a duration where it says.

    Parameters
    ----------
    lines
        The first lines of the file.
    dialect
        The dialect to try.
    source
        The file's name, for the error.
    given
        Options to repeat in the command that the error names; None where the user did not name the dialect.

    Raises
    ------
    UnrecognisedFileError
        If it was named, and the file has other columns, or other things in them.
    """
    numbered = enumerate(lines, 1)
    body = [(number, line) for number, line in numbered if line.strip() and not is_marker(line, dialect)][:SAMPLE_LINES]
    for delimiter in [dialect.delimiter] if dialect.delimiter else DELIMITERS:
        fitting, longest = 0, None
        texts = [hide_escaped(line, delimiter) if dialect.escape else line for _, line in body]
        for columns in sorted(dialect.layouts, key=len):
            likely = [line for line in texts if _may_have(line, delimiter, len(columns), dialect)]
            rows = [split_line(line, delimiter, (len(columns),)) for line in likely]
            columns = _widen(columns, rows) if dialect.wider else columns
            layout = Layout(dialect, delimiter, columns, 1, "", 0, 0)
            count = sum(len(row) == len(columns) and _find_misfit(row, layout) is None for row in rows)
            fitting += count
            longest = layout if count else longest
        if fitting * 2 > len(body):
            return longest
    if given is not None:
        raise _misfit(body, dialect, source, given)
    return None


def _may_have(line: str, delimiter: str, width: int, dialect: Dialect) -> bool:
    """Tell whether a line may have so many fields: to count delimiters costs far less than to split."""
    count = line.count(delimiter) + 1
    return count == width or (count > width and (dialect.wider or '"' in line))


def _widen(columns: tuple[str, ...], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return columns without a name after the known ones, as many as most of the longer rows have."""
    lengths = Counter(len(row) for row in rows if len(row) >= len(columns))
    return columns + ("",) * (lengths.most_common(1)[0][0] - len(columns) if lengths else 0)


def _find_misfit(row: list[str], layout: Layout) -> tuple[str, str, str] | None:
    """Return the first field that a row's column cannot feed, that column, and what it holds."""
    for column, pattern in layout.dialect.content.items():
        place = layout.place(column)
        if place is not None and not re.fullmatch(pattern, row[place].strip(), re.IGNORECASE):
            return "the content of a call", column, row[place]
    length = "duration_seconds" if layout.positions("duration_seconds") else "end_timestamp"
    for field in ("call_timestamp", length):
        for place in layout.positions(field)[:1]:
            if not _fits(field, row[place], layout.dialect.day_first):
                return field, layout.columns[place], row[place]
    return None


@lru_cache(maxsize=4096)
def _fits(field: str, cell: str, day_first: bool | None) -> bool:
    if field == "duration_seconds":
        return is_missing_cell(cell) or read_duration(cell) is not None
    if _PLAIN_MOMENT.fullmatch(cell) or (field == "end_timestamp" and is_missing_cell(cell)):
        return True
    orders = (True, False) if day_first is None else (day_first,)
    return any(is_time(cell, order) for order in orders)


def _misfit(body: Sequence[tuple[int, str]], dialect: Dialect, source: str, given: Given) -> UnrecognisedFileError:
    """Return the error for the first line that is not as a named dialect says."""
    widths = {len(columns): columns for columns in dialect.layouts}
    delimiters = [dialect.delimiter] if dialect.delimiter else DELIMITERS
    for delimiter in delimiters:
        for number, line in body:
            row = split_line(line, delimiter, widths)
            if len(row) not in widths:
                continue
            layout = Layout(dialect, delimiter, widths[len(row)], 1, "", 0, 0)
            misfit = _find_misfit(row, layout)
            if misfit is not None:
                field, column, value = misfit
                return _refuse(
                    source, number, dialect, given, f"takes {field} from {column}, which holds {value[:80]!r}"
                )
    number, line = body[0]
    counts = {len(split_line(line, delimiter, widths)): delimiter for delimiter in delimiters}
    allowed = " or ".join(map(str, sorted(widths)))
    found = f"has {allowed} columns, and this line {max(counts)} at {counts[max(counts)]!r}: {line[:120]!r}"
    return _refuse(source, number, dialect, given, found)


def _refuse(source: str, number: int, dialect: Dialect, given: Given, text: str) -> UnrecognisedFileError:
    header = "Without" if dialect.header == "none" else "No line is a header of the dialect, and without"
    return UnrecognisedFileError(
        f"{source}:{number}: no dialect fits (tried {dialect.name}). {header} a header it {text}.",
        hint=f"See what fits: {given.type_anew('dialects show', source)}. Or mend [rows] layouts, [fields] or [time] "
        f"of the dialect, then: {given.type('ingest', source, '--dry-run')}",
    )
