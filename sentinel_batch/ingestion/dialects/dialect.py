"""Dialects: how one kind of CDR file is laid out, as a TOML file each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

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
    timezone
        Zone of times without an offset; None is the run's.
    day_first
        Whether 03/04/2026 is the third of April; None finds it in the file.
    answered_column, answered_values
        A call is answered when this column has one of these values (in any case).
    answered_positive
        A call is answered when any of these columns has a number above 0.
    answered_present
        A call is answered when any of these columns is not empty.
    directions
        Value in the file (lower case) to ``inbound``, ``outbound`` or ``internal``; the usual words, if not given.
    leg_columns, leg_pair
        Columns whose values joined name the call that a leg belongs to, or a pair of leg ids naming each other.
    short_callers
        Whether a short code (an extension) may be a caller.
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
    timezone: str | None
    day_first: bool | None
    answered_column: str | None
    answered_values: tuple[str, ...]
    answered_positive: tuple[str, ...]
    answered_present: tuple[str, ...]
    directions: Mapping[str, str]
    leg_columns: tuple[str, ...]
    leg_pair: tuple[str, ...]
    short_callers: bool
    fingerprint: str

    def finds_required(self, columns: set[str]) -> bool:
        """Tell whether a header with these (normalised) columns feeds every field that a call needs."""
        fed = {field for field, names in self.fields.items() if columns.intersection(names)}
        timed = "call_timestamp" in fed or {"call_date", "call_time"} <= fed
        return timed and {"caller_number", "callee_number", "duration_seconds"} <= fed

    def recognises(self, columns: set[str]) -> bool:
        """Tell whether a header with these (normalised) columns is of this dialect."""
        return set(self.recognised_by) <= columns and self.finds_required(columns)


def normalise_name(name: str) -> str:
    """Return a column name as dialects compare it: lower case, no accents, ``_`` between words."""
    plain = unicodedata.normalize("NFKD", name.strip().strip("'\"")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")
