"""Dialects: how one kind of CDR file is laid out, as a TOML file each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

FIELDS = (
    "caller_number",
    "callee_number",
    "call_timestamp",
    "call_date",
    "call_time",
    "duration_seconds",
    "call_direction",
    "termination_cause",
    "location_code",
    "imei",
    "imsi",
    "trunk",
    "call_id",
)
"""Fields that a dialect can fill. A time is either ``call_timestamp`` or ``call_date`` with ``call_time``."""


CLOCKS = ("answer_timestamp", "end_timestamp")
"""Further times of a call: where there is no duration, talk time is end - answer, or else end - start."""

UNITS = ("seconds", "milliseconds", "microseconds", "tenths", "minutes", "hhmmss", "hhmm")
"""Units of a duration; ``tenths`` are of a second, ``hhmmss`` is 000135 for 1 min 35 s, and ``hhmm``
0135 or 01:35 for 1 h 35 min.

Times of day with seconds, such as 0:01:35, are read under each, 01:35 as minutes and seconds under all but the last.
"""

TALK_RULES = ("longest", "sum", "first", "last")
"""Which leg's talk time is the call's."""

REPEATS = ("copies", "calls")
"""What rows of one file are that are equal and have no call id: copies of one call, or calls of their own."""

PLACEHOLDER = "FILL IN the column of {}"
"""Stands in a proposed dialect for the column of a field that none seems to hold."""

LEG_GAP_SECONDS = 86_400
"""Rows with one call id that start further apart are different calls: switches use ids again."""


@dataclass(frozen=True)
class Legs:
    """Which rows are legs of one call.

    Parameters
    ----------
    call_id
        Columns whose values joined name the call that a row belongs to.
    otherwise
        A column that names it where those are empty, or not in the file.
    pair
        A leg's own id and the other leg's, naming each other.
    talk
        Which leg's talk time counts, one of :data:`TALK_RULES`.
    within
        Rows of one id are of one call if each starts at most so many seconds after the one before ended.
    share_number
        Whether they must share a number with the first leg too.
    """

    call_id: tuple[str, ...] = ()
    otherwise: str | None = None
    pair: tuple[str, ...] = ()
    talk: str = "longest"
    within: int = LEG_GAP_SECONDS
    share_number: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read for legs."""
        return (*self.call_id, *self.pair, *([self.otherwise] if self.otherwise else []))


@dataclass(frozen=True)
class Dialect:
    """The layout of one kind of CDR file.

    Parameters
    ----------
    name, description
        What the dialect is called and what writes it.
    fields
        Field to the columns that may feed it; where several are present, the first that is not empty counts.
    recognised_by
        Columns that must all be in the header for the dialect to be chosen by itself.
    delimiter
        ``","``, ``";"``, ``"|"``, a tab or ``"fixed"`` (aligned columns); None finds it in the file.
    header
        ``required``, ``optional`` or ``none``.
    layouts
        Column names of files without a header, one list for each possible number of columns.
    type_row
        Whether a row of column types may follow the header.
    wider
        Whether rows of a file without a header may have further columns, which are not read.
    escape
        Whether a delimiter inside a field has a backslash before it.
    markers
        A regular expression of whole lines that are no records, such as those that begin and end a file; None for none.
    content
        Column to a regular expression; a file without a header is taken for this dialect by itself only if most rows
        have such values.
    keep, skip
        Column to values of the rows that are calls, or are not; see also
        :data:`~sentinel_batch.ingestion.values.words.NOT_CALLS`.
    repeats
        What equal rows without a call id are, one of :data:`REPEATS`; None takes them for calls of their own where
        the clock has no seconds.
    timezone
        Zone of times without an offset; None is the run's.
    epoch
        Columns of which one begins with the time in epoch seconds: the zone is measured by it.
    offset
        A column with each row's offset from UTC, such as ``+0100``.
    offset_unit
        Of numbers in it: ``hours``, ``minutes`` or ``seconds``; None reads ``+1`` and ``+0130``.
    day_first
        Whether 03/04/2026 is the third of April; None finds it in the file.
    year_first
        Whether dates begin with a year of two digits, such as 26/04/03; where not, the file may show it.
    unit
        Of durations, one of :data:`UNITS`; None finds it in the file.
    answered_column, answered_values, unanswered_values
        A call is answered when this column has one of the former values (in any case), and not when it has one of the
        latter. Without values, the words known of outcomes count.
    codes
        What numbers of an outcome are, one of :data:`~sentinel_batch.ingestion.values.codes.CODES`; None finds it in
        the file.
    answered_positive
        A call is answered when any of these columns has a number above 0.
    answered_present
        A call is answered when any of these columns is not empty.
    directions
        Value in the file (lower case) to ``inbound``, ``outbound`` or ``internal``; the usual words, if not given.
    own_directions
        Whether those are the dialect's own.
    subject, other
        The column of the party that the row is about, and those of the other one, best first: the caller of an inbound
        call is the other.
    served_device
        Whether device, SIM and cell are those of the party that the row is about: on an inbound row they are the
        callee's, and are left out.
    number_pattern
        A regular expression of what stands in the columns of caller and callee, with one group for the number; text
        that does not fit counts as it is, where no other column of the field fits. None takes all text as it is.
    outbound_caller
        A column that names the caller where an outbound row has none.
    legs
        Which rows are legs of one call.
    numbers
        How digits without ``+`` are read (``sentinel_batch.numbers.MODES``); None is the run's way.
    short_callers
        Whether a short code (an extension) may be a caller.
    guess
        Whether columns are found by their likely names: then the best column of a field is read alone.
    fingerprint
        Hash of the dialect's file: results depend on it.
    """

    name: str
    description: str
    fields: Mapping[str, tuple[str, ...]]
    recognised_by: tuple[str, ...]
    delimiter: str | None
    header: str
    layouts: tuple[tuple[str, ...], ...]
    type_row: bool
    wider: bool
    escape: bool
    markers: str | None
    content: Mapping[str, str]
    keep: Mapping[str, tuple[str, ...]]
    skip: Mapping[str, tuple[str, ...]]
    repeats: str | None
    timezone: str | None
    epoch: tuple[str, ...]
    offset: str | None
    offset_unit: str | None
    day_first: bool | None
    year_first: bool
    unit: str | None
    answered_column: str | None
    answered_values: tuple[str, ...]
    unanswered_values: tuple[str, ...]
    codes: str | None
    answered_positive: tuple[str, ...]
    answered_present: tuple[str, ...]
    directions: Mapping[str, str]
    own_directions: bool
    subject: str | None
    other: tuple[str, ...]
    served_device: bool
    number_pattern: str | None
    outbound_caller: str | None
    legs: Legs
    numbers: str | None
    short_callers: bool
    guess: bool
    fingerprint: str

    @cached_property
    def named(self) -> frozenset[str]:
        """Columns that feed a field or say what a row is."""
        return frozenset({name for names in self.fields.values() for name in names}.union(self.keep, self.skip))

    def misses(self, columns: set[str]) -> list[str]:
        """Return the fields that a call needs and that no column of a header with these (normalised) names feeds."""
        fed = {field for field, names in self.fields.items() if columns.intersection(names)}
        missing = [field for field in ("caller_number", "callee_number") if field not in fed]
        if "call_timestamp" not in fed and not {"call_date", "call_time"} <= fed:
            missing.append("call_timestamp")
        if not fed & {"duration_seconds", "end_timestamp"}:
            missing.append("duration_seconds")
        return missing

    def finds_required(self, columns: set[str]) -> bool:
        """Tell whether a header with these (normalised) columns feeds every field that a call needs."""
        return not self.misses(columns)

    def recognises(self, columns: set[str]) -> bool:
        """Tell whether a header with these (normalised) columns is of this dialect."""
        return set(self.recognised_by) <= columns and self.finds_required(columns)
