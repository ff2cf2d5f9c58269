"""How long was talked, and whether a call was answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.shaping.fields import read_clocks, read_field
from sentinel_batch.ingestion.values.cells import is_missing
from sentinel_batch.ingestion.values.durations import MISSED, read_durations
from sentinel_batch.ingestion.values.words import fold_value, read_outcome

if TYPE_CHECKING:
    import polars as pl


_FRACTION = re.compile(r"^[^-]*[1-9]")
_NO_TIME = (
    r"^[0\s:/.T-]*$"
    r"|^\s*(?:0001|1601|1899|1900|1969|1970)[-/.]?(?:01[-/.]?01|12[-/.]?3[01])(?:\D|\d{6}$|$)"
    r"|^\s*(?:0?1[-/.]0?1|3[01][-/.]12|12[-/.]3[01])[-/.](?:0001|1601|1899|1900|1969|1970)(?:\D|$)"
)
"""What databases and switches write instead of a time: zeros, or the first moment that they count from."""


def read_talk(
    cells: pl.DataFrame, layout: Layout, begun: pl.Series, zone: str, day_first: bool | None
) -> tuple[pl.Series, pl.Series]:
    """Return talk time in seconds, and whether each call was answered.

    A call is answered if the file says so; where it says neither, if its duration is above 0, be it a fraction of a
    second. One that was not has no talk time, whatever its duration.

    Parameters
    ----------
    cells
        Split rows.
    layout
        The file's layout.
    begun
        When the calls began, UTC.
    zone, day_first
        How times are read.
    """
    import polars as pl

    duration = _read_length(cells, layout, begun, zone, day_first)
    said = read_said(cells, layout)
    talked = (duration > 0).fill_null(False) | _has_fraction(cells, layout, duration)
    answered = talked if said is None else said.fill_null(talked) & (duration != MISSED).fill_null(True)
    quiet = duration == MISSED if said is None else ~answered & (duration.fill_null(0) >= MISSED)
    if said is not None and said.null_count():
        quiet &= said.is_not_null() | (duration == MISSED).fill_null(False)
    if quiet.any():
        duration = duration.zip_with(~quiet.fill_null(False), pl.zeros(len(duration), pl.Int64, eager=True))
    return duration, answered


def _has_fraction(cells: pl.DataFrame, layout: Layout, duration: pl.Series) -> pl.Series:
    """Tell which durations of 0 s were more than 0 before their fraction was cut off: somebody answered."""
    none = (duration == 0).fill_null(False)
    if not layout.positions("duration_seconds") or not none.any():
        return none & False
    text = read_field(cells, layout, "duration_seconds")
    parts = [cell for cell in text.filter(none).unique().drop_nulls().to_list() if _FRACTION.search(cell)]
    return none & text.cast(str).is_in(parts) if parts else none & False


def _read_length(cells: pl.DataFrame, layout: Layout, begun: pl.Series, zone: str, day_first: bool | None) -> pl.Series:
    import polars as pl

    if layout.positions("duration_seconds"):
        return read_durations(read_field(cells, layout, "duration_seconds"), layout.dialect.unit or "seconds")
    answer = layout.positions("answer_timestamp")
    since = read_clocks(cells, layout, "answer_timestamp", begun, zone, day_first) if answer else begun
    until = read_clocks(cells, layout, "end_timestamp", begun, zone, day_first)
    frame = pl.DataFrame({"since": since, "until": until})
    return frame.select((pl.col("until") - pl.col("since")).dt.total_seconds().alias("duration_seconds")).to_series()


def read_said(cells: pl.DataFrame, layout: Layout) -> pl.Series | None:
    """Return what the file says of each call, null where it says nothing; None where it never does."""
    dialect = layout.dialect
    place = layout.place(dialect.answered_column) if dialect.answered_column else None
    if place is not None:
        return _or_by_time(_said_by_values(cells[f"c{place}"], layout), cells, layout)
    told = [name for name in (*dialect.answered_positive, *dialect.answered_present) if layout.place(name) is not None]
    if told:
        return _said_by_columns(cells, layout)
    said = _by_distinct(read_field(cells, layout, "termination_cause"), lambda cell: read_outcome(cell, dialect.codes))
    return _or_by_time(said, cells, layout)


def _or_by_time(said: pl.Series | None, cells: pl.DataFrame, layout: Layout) -> pl.Series | None:
    """Return what was said of each call, and where nothing was, whether there is a time of answer."""
    if not layout.positions("answer_timestamp"):
        return said
    present = ~is_no_time(read_field(cells, layout, "answer_timestamp"))
    return present if said is None else said.fill_null(present)


def is_no_time(text: pl.Series) -> pl.Series:
    """Tell which cells stand for no time: empty ones, zeros, and the first moment of a calendar."""
    import polars as pl

    return is_missing(text) | text.cast(pl.String).str.contains(_NO_TIME).fill_null(True)


def _said_by_values(text: pl.Series, layout: Layout) -> pl.Series | None:
    answered, unanswered = set(layout.dialect.answered_values), set(layout.dialect.unanswered_values)

    def say(cell: str) -> bool | None:
        value = fold_value(cell)
        if value in answered or value in unanswered:
            return value in answered
        return read_outcome(cell, layout.dialect.codes) if not answered else None if unanswered else False

    said = _by_distinct(text, say)
    return said if not answered or unanswered or said is None else said.fill_null(False)


def _by_distinct(text: pl.Series, say: Callable[[str], bool | None]) -> pl.Series | None:
    """Apply a function to each distinct value; None where it says nothing of any."""
    import polars as pl

    known = {value: said for value in text.unique().drop_nulls().to_list() if (said := say(value)) is not None}
    if not known:
        return None
    values = pl.Series(list(known), dtype=pl.String)
    return text.cast(pl.String).replace_strict(
        values, pl.Series(list(known.values())), default=None, return_dtype=pl.Boolean
    )


def _said_by_columns(cells: pl.DataFrame, layout: Layout) -> pl.Series | None:
    import polars as pl

    said = None
    for name in layout.dialect.answered_positive:
        if (place := layout.place(name)) is not None:
            positive = (cells[f"c{place}"].cast(pl.Float64, strict=False) > 0).fill_null(False)
            said = positive if said is None else said | positive
    for name in layout.dialect.answered_present:
        if (place := layout.place(name)) is not None:
            present = ~is_missing(cells[f"c{place}"])
            said = present if said is None else said | present
    return said
