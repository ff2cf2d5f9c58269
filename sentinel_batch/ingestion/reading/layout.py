"""The layout of one file: its dialect, delimiter, columns and first data line, found from its first lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from sentinel_batch.errors import UnrecognisedFileError
from sentinel_batch.ingestion.dialects.catalogue import DIALECTS, load_dialect
from sentinel_batch.ingestion.dialects.dialect import Dialect, normalise_name
from sentinel_batch.ingestion.reading.splitting import split_line

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 200
_RULER = re.compile(r"^[\s|+=-]*-{2,}[\s|+=-]*$")
_MOMENT = re.compile(
    r"\d{4}-\d\d?-\d\d?[ T]\d\d?:\d\d|^\d{10}(\d{3})?$|\d{1,2}[/.]\d{1,2}[/.]\d{4}|\d\d:\d\d:\d\d \d{4}"
)


@dataclass(frozen=True)
class Layout:
    """Where the fields of a file stand.

    Parameters
    ----------
    dialect
        The file's dialect.
    delimiter
        One character, or ``fixed``.
    columns
        Normalised column names, in the file's order.
    first_data_line
        Number of the first line that may be a record, from 1.
    header_text
        The header line as it stands, empty where there is none.
    preamble_lines, header_lines
        Lines before the header, and lines of the header (ruler and type rows included).
    spans
        For ``fixed``: start and end (None is the line's end) of each column, in characters.
    """

    dialect: Dialect
    delimiter: str
    columns: tuple[str, ...]
    first_data_line: int
    header_text: str
    preamble_lines: int
    header_lines: int
    spans: tuple[tuple[int, int | None], ...] = ()

    def positions(self, field: str) -> list[int]:
        """Return the places of the columns that feed a field, best first."""
        return [self.columns.index(name) for name in self.dialect.fields.get(field, ()) if name in self.columns]

    def place(self, column: str) -> int | None:
        """Return the place of a column, None where the file does not have it."""
        return self.columns.index(column) if column in self.columns else None

    @property
    def needed(self) -> int:
        """Number of leading columns that a row cannot do without."""
        required = ["caller_number", "callee_number", "duration_seconds"]
        required += ["call_timestamp"] if self.positions("call_timestamp") else ["call_date", "call_time"]
        return 1 + max(self.positions(field)[0] for field in required)

    @cached_property
    def widths(self) -> frozenset[int]:
        """Numbers of fields that a row may have: the file's own, and of layouts that begin alike."""
        own = len(self.columns)
        alike = (names for names in self.dialect.layouts if names[:own] == self.columns[: len(names)])
        return frozenset({own, *map(len, alike)})

    @property
    def ignored(self) -> list[str]:
        """Columns of the file that feed nothing."""
        dialect = self.dialect
        used = {name for names in dialect.fields.values() for name in names}
        used.update(dialect.answered_positive, dialect.answered_present, dialect.leg_columns, dialect.leg_pair)
        used.add(dialect.answered_column or "")
        return [name for name in self.columns if name and name not in used]


def find_layout(lines: Sequence[str], dialect: Dialect | None, source: str) -> Layout | None:
    """Find a file's layout from its first lines.

    Parameters
    ----------
    lines
        The first lines of the file, without their ends.
    dialect
        The dialect that the user named, None to find it.
    source
        The file's name, for the error.

    Returns
    -------
    Layout or None
        None for a file that has no line but blank ones.

    Raises
    ------
    UnrecognisedFileError
        If no dialect fits.
    """
    if not any(line.strip() for line in lines):
        return None
    for candidate in [dialect] if dialect is not None else map(load_dialect, DIALECTS):
        layout = _find_header(lines, candidate)
        if layout is None and candidate.header != "required":
            layout = _find_headerless(lines, candidate)
        if layout is not None:
            return layout
    names = ", ".join(DIALECTS if dialect is None else [dialect.name])
    first = next(line for line in lines if line.strip())
    raise UnrecognisedFileError(
        f"{source}:1: no dialect fits (tried {names}). The file starts with {first[:120]!r}.",
        hint="Name the dialect with --dialect NAME, or describe the file in a TOML file: see docs/dialects.md.",
    )


def _find_header(lines: Sequence[str], dialect: Dialect) -> Layout | None:
    if dialect.header == "none":
        return None
    wanted = [dialect.delimiter] if dialect.delimiter else [*DELIMITERS, "fixed"]
    for number, line in enumerate(lines[:60]):
        if not line.strip():
            continue
        for delimiter in wanted:
            spans: tuple[tuple[int, int | None], ...] = ()
            if delimiter == "fixed":
                spans = _find_spans(lines, number)
                names = tuple(normalise_name(line[start:end]) for start, end in spans)
            else:
                names = tuple(normalise_name(cell) for cell in split_line(line, delimiter))
            if len(names) > 1 and dialect.recognises(set(names)):
                header_lines = 1 + _count_extra_rows(lines[number + 1 : number + 3], dialect, delimiter)
                names = _first_only(names)
                return Layout(dialect, delimiter, names, number + 1 + header_lines, line, number, header_lines, spans)
    return None


def _first_only(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name if name not in names[:place] else "" for place, name in enumerate(names))


def _count_extra_rows(lines: Sequence[str], dialect: Dialect, delimiter: str) -> int:
    count = 0
    for line in lines:
        ruler = bool(_RULER.match(line))
        types = dialect.type_row and line.upper().lstrip('"').startswith(("INTEGER", "VARCHAR", "UNIQUEIDENTIFIER"))
        if not (ruler or types):
            break
        count += 1
    return count


def _find_headerless(lines: Sequence[str], dialect: Dialect) -> Layout | None:
    body = [line for line in lines if line.strip()][:SAMPLE_LINES]
    for delimiter in [dialect.delimiter] if dialect.delimiter else DELIMITERS:
        fitting, longest = 0, None
        for columns in sorted(dialect.layouts, key=len):
            layout = Layout(dialect, delimiter, columns, 1, "", 0, 0)
            rows = [split_line(line, delimiter, (len(columns),)) for line in body]
            count = sum(len(row) == len(columns) and _looks_right(row, layout) for row in rows)
            fitting += count
            longest = layout if count else longest
        if fitting * 2 > len(body):
            return longest
    return None


def _looks_right(row: list[str], layout: Layout) -> bool:
    times = layout.positions("call_timestamp")
    timed = not times or bool(_MOMENT.search(row[times[0]].strip()))
    duration = row[layout.positions("duration_seconds")[0]].strip().lstrip("-")
    return timed and (duration.isdigit() or duration in ("", "NULL"))


def _find_spans(lines: Sequence[str], header: int) -> tuple[tuple[int, int | None], ...]:
    ruler = lines[header + 1] if header + 1 < len(lines) else ""
    if _RULER.match(ruler) and " " in ruler.strip() and "|" not in ruler and "+" not in ruler:
        starts = [match.start() for match in re.finditer(r"-+", ruler)]
        return tuple((start, end) for start, end in zip(starts, [*starts[1:], None], strict=True))
    titles = list(re.finditer(r"\S+(?: \S+)*", lines[header]))
    if len(titles) < 4:
        return ()
    sample = [line for line in lines[header : header + SAMPLE_LINES] if len(line.split()) >= len(titles) // 2]
    width = max(map(len, sample))
    blank = [all(place >= len(line) or line[place] == " " for line in sample) for place in range(width)]
    starts = [0]
    for left, right in pairwise(titles):
        gaps = [place for place in range(left.start() + 1, right.end()) if place < width and blank[place]]
        if not gaps:
            return ()
        starts.append(_widest_run(gaps) + 1)
    return tuple((start, end) for start, end in zip(starts, [*starts[1:], None], strict=True))


def _widest_run(places: list[int]) -> int:
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return max(runs, key=len)[-1]
