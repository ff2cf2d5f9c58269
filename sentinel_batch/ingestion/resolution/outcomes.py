"""Whether a call was answered, where a column of yes and no or numbers that are codes say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.shaping.fields import read_field
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.codes import find_codes
from sentinel_batch.ingestion.values.words import fold_value, list_words

if TYPE_CHECKING:
    import polars as pl

_NAMES = {"sip": "SIP status codes", "q850": "causes of Q.850"}


def settle_outcomes(found: Resolution, calls: pl.DataFrame) -> Resolution:
    """Find a column that says yes or no of each call, or else what the numbers of its outcomes are."""
    layout, dialect = found.layout, found.layout.dialect
    if dialect.answered_column or dialect.answered_positive or dialect.answered_present or dialect.codes:
        return found
    flag = _find_flag(layout, calls) if dialect.guess else None
    if flag is not None:
        column, missed = flag
        yes, no = (tuple(sorted(list_words("flag", kind))) for kind in ("yes", "no"))
        said = f"Whether a call was answered is read from {column}."
        answered, unanswered = ((), yes) if missed else (yes, no)  # Busy is not missed, and not answered either.
        return found.note(said).settle(answered_column=column, answered_values=answered, unanswered_values=unanswered)
    places = layout.positions("termination_cause")
    if not places:
        return found
    column = layout.columns[places[0]]
    codes = find_codes(column, _list(read_field(calls, layout, "termination_cause")))
    if codes is None:
        return found
    return found.note(f"Numbers in {column} are read as {_NAMES[codes]}.").settle(codes=codes)


def _find_flag(layout: Layout, calls: pl.DataFrame) -> tuple[str, bool] | None:
    """Return the column that says yes or no of each call, and whether yes is missed."""
    flags = list_words("flag", "yes") | list_words("flag", "no")
    for kind in ("answered", "missed"):
        for name in sorted(list_words("header", kind)):
            place = layout.place(name)
            values = _list(calls[f"c{place}"]) if place is not None else []
            if values and all(fold_value(value) in flags for value in values):
                return name, kind == "missed"
    return None


def _list(text: pl.Series) -> list[str]:
    return tidy(text).cast(str).unique().drop_nulls().to_list()
