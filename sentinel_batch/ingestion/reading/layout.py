"""The layout of one file: its dialect, delimiter, columns and first data line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from sentinel_batch.ingestion.dialects.dialect import Dialect


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
    whole
        Whether columns that feed nothing are read too.
    preamble
        The lines before the header.
    """

    dialect: Dialect
    delimiter: str
    columns: tuple[str, ...]
    first_data_line: int
    header_text: str
    preamble_lines: int
    header_lines: int
    spans: tuple[tuple[int, int | None], ...] = ()
    whole: bool = False
    preamble: str = ""

    def positions(self, field: str) -> list[int]:
        """Return the places of the columns that feed a field, best first."""
        return [self.columns.index(name) for name in self.dialect.fields.get(field, ()) if name in self.columns]

    def place(self, column: str) -> int | None:
        """Return the place of a column, None where the file does not have it."""
        return self.columns.index(column) if column in self.columns else None

    @property
    def needed(self) -> int:
        """Number of leading columns that a row cannot do without."""
        required = ["caller_number", "callee_number"]
        required += ["duration_seconds"] if self.positions("duration_seconds") else ["end_timestamp"]
        required += ["call_timestamp"] if self.positions("call_timestamp") else ["call_date", "call_time"]
        return 1 + max(self.positions(field)[0] for field in required)

    @property
    def used(self) -> list[int]:
        """Places of the columns that are read."""
        if self.whole:
            return list(range(len(self.columns)))
        fields = {place for name in self.dialect.fields for place in self.positions(name)}
        return sorted(fields | self.extra)

    @property
    def extra(self) -> set[int]:
        """Places of the columns that feed no field, but say what a row is."""
        return {place for name in _extra_columns(self.dialect) if (place := self.place(name)) is not None}

    @cached_property
    def widths(self) -> frozenset[int]:
        """Numbers of fields that a row may have: the file's own, and of layouts that begin alike."""
        own = len(self.columns)
        alike = (names for names in self.dialect.layouts if names[:own] == self.columns[: len(names)])
        return frozenset({own, *map(len, alike)})

    @property
    def ignored(self) -> list[str]:
        """Columns of the file that feed nothing."""
        used = {name for names in self.dialect.fields.values() for name in names}
        used.update(_extra_columns(self.dialect), self.dialect.epoch)
        return [name for name in self.columns if name and name not in used]


def _extra_columns(dialect: Dialect) -> list[str]:
    several = (*dialect.answered_positive, *dialect.answered_present, *dialect.legs.columns, *dialect.other)
    single = (dialect.answered_column, dialect.offset, dialect.subject, dialect.outbound_caller)
    return [name for name in (*several, *single, *dialect.keep, *dialect.skip) if name]
