"""A file that no dialect fits, as far as it is a table: its delimiter, its columns, and what each holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sentinel_batch.errors import UnrecognisedFileError
from sentinel_batch.ingestion.preview.spelling import LONGEST_NAME
from sentinel_batch.ingestion.reading.headerless import DELIMITERS
from sentinel_batch.ingestion.reading.splitting import split_line
from sentinel_batch.ingestion.values.cells import is_missing_cell
from sentinel_batch.ingestion.values.durations import read_duration
from sentinel_batch.ingestion.values.timestamps import is_date_alone, is_time_of_day, read_times
from sentinel_batch.ingestion.values.words import fold_word

_LINES = 200
_LEAST_COLUMNS = 3
_ALIKE = 0.6
"""So large a share of the lines must have the same number of columns."""
_MOST = 0.9
_NUMBER = re.compile(r"(?:sips?:|tel:)?\+?\(?\d[\d ()./-]{7,19}(?:@.*)?")
_MOMENT = re.compile(r".*\d:\d\d.*|.*\d[/.-]\d{1,2}[/.-]\d.*|(?:19|20)\d{12}|1[0-9]{9}(?:\.\d+)?")
_LONGEST_CALL = 7 * 86_400


@dataclass(frozen=True)
class Table:
    """The first lines of a file as a table.

    Parameters
    ----------
    delimiter
        One character.
    header_line
        Number of the line with the names, None where there is none.
    names
        Of its columns, as they are spelt; ``column_1``, ``column_2``, … without a header.
    rows
        Cells of the first rows, as many as there are names.
    """

    delimiter: str
    header_line: int | None
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """Return what a column holds, without what stands for nothing."""
        return [cell for cell in self._cells(name) if not is_missing_cell(cell)]

    def _cells(self, name: str) -> list[str]:
        place = self.names.index(name)
        return [row[place].strip().strip("'\"") for row in self.rows]

    def holds_dates(self, name: str) -> bool:
        """Tell whether a column holds dates without a time of day."""
        cells = self.column(name)
        return bool(cells) and all(map(is_date_alone, cells))

    def holds_clocks(self, name: str) -> bool:
        """Tell whether a column holds times of day without a date."""
        cells = self.column(name)
        return bool(cells) and all(map(is_time_of_day, cells))

    def holds_times(self, name: str) -> bool:
        """Tell whether a column holds times, with a date or without."""
        return "time" in self.describe(self.names.index(name)) or self.holds_clocks(name)

    def read_moments(self, name: str) -> list[datetime | None] | None:
        """Return the times of a column, row by row; None for a column of anything else."""
        import polars as pl

        if "time" not in self.describe(self.names.index(name)):
            return None
        cells = pl.Series(self._cells(name), dtype=pl.String)
        read = [read_times(cells, "UTC", order) for order in (True, False)]
        return min(read, key=pl.Series.null_count).to_list()

    def read_lengths(self, name: str) -> list[int | None]:
        """Return the durations of a column in seconds, row by row."""
        return list(map(read_duration, self._cells(name)))

    def describe(self, place: int) -> dict[str, str]:
        """Return what a column may be (``number``, ``time``, ``duration``), and in words what it holds."""
        cells = [row[place].strip().strip("'\"") for row in self.rows if not is_missing_cell(row[place])]
        if not cells:
            return {}
        moments = _find_moments(cells)
        kinds = {
            "number": (
                [_NUMBER.fullmatch(cell) is not None and cell not in moments for cell in cells],
                "telephone numbers",
            ),
            "time": ([cell in moments for cell in cells], "times"),
            "duration": (list(map(_is_length, cells)), _describe_lengths(cells)),
        }
        return {kind: held for kind, (fits, held) in kinds.items() if sum(fits) >= _MOST * len(cells)}


def find_table(lines: Sequence[str], source: str) -> Table:
    """Find the table in a file's first lines.

    Raises
    ------
    UnrecognisedFileError
        If there is none.
    """
    body = [(number, line) for number, line in enumerate(lines, 1) if line.strip()][:_LINES]
    best: tuple[float, int, str] | None = None
    for delimiter in DELIMITERS:
        widths = Counter(len(split_line(line, delimiter)) for _, line in body)
        width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0])) if widths else (0, 0)
        if width >= _LEAST_COLUMNS and count >= _ALIKE * len(body) and (best is None or (count, width) > best[:2]):
            best = (count, width, delimiter)
    if best is None:
        raise UnrecognisedFileError(
            f"{source}: there is no table in it: no delimiter (, ; tab |) gives most lines the same number of columns, "
            f"{_LEAST_COLUMNS} or more.",
            hint="Export the calls as delimited text, one row a call, with a header.",
        )
    return _build(body, best[2], best[1])


def _build(body: Sequence[tuple[int, str]], delimiter: str, width: int) -> Table:
    split = [(number, split_line(line, delimiter)) for number, line in body]
    rows = [(number, tuple(row)) for number, row in split if len(row) == width]
    number, first = rows[0]
    if not _is_header(first):
        names = tuple(f"column_{place}" for place in range(1, width + 1))
        return Table(delimiter, None, names, tuple(row for _, row in rows))
    names = tuple(cell.strip().strip("'\"").strip()[:LONGEST_NAME] for cell in first)
    return Table(delimiter, number, names, tuple(row for _, row in rows[1:]))


def _is_header(cells: Sequence[str]) -> bool:
    """Tell whether these are names: at least two words, no number of a party, and no time."""
    words = [cell for cell in cells if re.search(r"[A-Za-z]{2}", fold_word(cell))]
    plain = [cell.strip().strip("'\"") for cell in cells]
    return len(words) >= 2 and not any(map(_NUMBER.fullmatch, plain)) and not _find_moments(plain)


def _find_moments(cells: Iterable[str]) -> set[str]:
    """Return the cells that are times as a whole column of such would be read, whichever comes first in 03/04/2026."""
    import polars as pl

    likely = pl.Series([cell for cell in dict.fromkeys(cells) if _MOMENT.fullmatch(cell)], dtype=pl.String)
    if likely.is_empty():
        return set()
    read = [likely.filter(read_times(likely, "UTC", order).is_not_null()) for order in (True, False)]
    return {cell for series in read for cell in series.to_list()}


def _is_length(cell: str) -> bool:
    seconds = read_duration(cell)
    return seconds is not None and -1 <= seconds <= _LONGEST_CALL


def _describe_lengths(cells: Sequence[str]) -> str:
    if any(":" in cell for cell in cells):
        return "times of day"
    return "numbers with fractions" if any("." in cell for cell in cells) else "whole numbers"
