"""Words of outcome and direction that are not understood: said, because a call's meaning may hang on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.shaping.fields import read_directions, read_field
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.codes import split_code
from sentinel_batch.ingestion.values.words import is_odd_outcome

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 5


def note_outcomes(found: Resolution, calls: pl.DataFrame) -> Resolution:
    """Note outcomes that decide nothing although they are words."""
    layout, dialect = found.layout, found.layout.dialect
    decides = (dialect.answered_column, *dialect.answered_positive, *dialect.answered_present)
    if any(name and layout.place(name) is not None for name in decides) or layout.positions("answer_timestamp"):
        return found
    outcomes = tidy(read_field(calls, layout, "termination_cause")).cast(str).unique().drop_nulls().to_list()
    shown = _show(outcome for outcome in outcomes if _is_odd(outcome, layout))
    if not shown:
        return found
    return found.note(
        f"Outcomes that are not understood: {shown}. Such a call counts as answered if its duration is above 0; a "
        "dialect's [answered] can say better."
    )


def _is_odd(outcome: str, layout: Layout) -> bool:
    """Tell whether an outcome is not understood; of a number that is said where nobody has vouched for the column."""
    dialect = layout.dialect
    code = split_code(outcome) if dialect.guess and dialect.codes is None else None
    return is_odd_outcome(outcome, dialect.codes) or (code is not None and code[2] == "")


def note_directions(found: Resolution, calls: pl.DataFrame) -> Resolution:
    """Note directions that are none of the known ones where they tell who called."""
    directions = read_directions(calls, found.layout)
    if directions is None or found.layout.dialect.subject is None:
        return found
    odd = set(directions.unique().drop_nulls().to_list()) - {"inbound", "outbound", "internal"}
    if not odd:
        return found
    return found.note(f"Directions that are not understood: {_show(odd)}. Their rows are read as outgoing.")


def _show(values: Iterable[str]) -> str:
    listed = sorted(repr(value[:40]) for value in values)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
