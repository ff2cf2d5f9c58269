"""Which of several likely columns feeds a field, and which id names a call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.resolution.moments import settle_times
from sentinel_batch.ingestion.values.cells import is_missing, tidy
from sentinel_batch.ingestion.values.codes import find_codes
from sentinel_batch.ingestion.values.words import fold_value, read_outcome, read_way

if TYPE_CHECKING:
    import polars as pl

_PAIR = ("own", "other")
_TIMES = ("call_timestamp", "call_date", "call_time")
MOST_LEGS = 4
"""An id that more rows than this share on average names something else than a call, such as a customer."""


def settle_columns(found: Resolution, sample: pl.DataFrame) -> Resolution:
    """Let the best column alone feed each field, the first in the dialect's order that holds anything."""
    layout, passed = found.layout, list[str]()
    fields: dict[str, tuple[str, ...]] = {}
    for field in layout.dialect.fields:
        names = [layout.columns[place] for place in layout.positions(field)]
        if field == "call_direction":
            names = _directing(layout, sample, names)
        if field == "termination_cause":
            names = sorted(names, key=lambda name: not _tells_outcomes(layout, sample, name))
        if not names:
            continue
        best = next((name for name in names if not _is_empty(layout, sample, name)), names[0])
        fields[field] = (best,)
        others = [name for name in names if name != best]
        if others and field not in _TIMES:
            passed.append(f"{field} is read from {best}, not from {' or '.join(others)}")
    fields, said = settle_times(layout, sample, fields)
    passed = [said, *passed] if said else passed
    if passed:
        found = found.note(f"Of several columns that could serve, one is read: {'; '.join(passed)}.")
    return found.settle(fields=fields)


def _directing(layout: Layout, sample: pl.DataFrame, names: list[str]) -> list[str]:
    """Return the columns that hold directions, first those with known words; a record's type serves only with such.

    One letter in a column of types is no direction: ``I`` may be international.
    """
    ways, known, others = layout.dialect.directions, [], []
    for name in names:
        typed = name in layout.dialect.skip
        words = sample[f"c{layout.place(name)}"].cast(str).unique().drop_nulls().to_list()
        if any(read_way(word, ways) and (not typed or len(fold_value(word)) > 1) for word in words):
            known.append(name)
        elif not typed:
            others.append(name)
    return known + others


def _tells_outcomes(layout: Layout, sample: pl.DataFrame, name: str) -> bool:
    """Tell whether some value of a column is understood as answered or unanswered."""
    values = sample[f"c{layout.place(name)}"].cast(str).unique().drop_nulls().to_list()
    codes = find_codes(name, values)
    return any(read_outcome(value, codes) is not None for value in values)


def _is_empty(layout: Layout, sample: pl.DataFrame, name: str) -> bool:
    return bool(is_missing(sample[f"c{layout.place(name)}"]).all())


def settle_pairs(found: Resolution, calls: pl.DataFrame) -> Resolution:
    """Where only one leg of two names the other, join them by the id of the leg that is named."""
    import polars as pl

    legs = found.layout.dialect.legs
    places = [found.layout.place(name) for name in legs.pair]
    if len(places) != len(_PAIR) or None in places:
        return found
    ids = pl.DataFrame({name: tidy(calls[f"c{place}"]).cast(str) for name, place in zip(_PAIR, places, strict=True)})
    named = ids["other"].drop_nulls()
    others = ids.filter(ids["own"].is_in(named.implode()))
    if not others.height or others["other"].null_count() * 2 <= others.height:
        return found
    own, other = legs.pair
    return found.settle(legs=replace(legs, pair=(), call_id=(other,), otherwise=own))


def settle_legs(found: Resolution, calls: pl.DataFrame) -> Resolution:
    """Take the column of the call's id, if the file has one, for what joins the legs of a call."""
    layout = found.layout
    legs, named = layout.dialect.legs, layout.dialect.fields.get("call_id")
    if legs.columns or not named:
        return found
    ids = calls[f"c{layout.place(named[0])}"].drop_nulls()
    distinct = ids.n_unique()
    if not distinct or len(ids) > MOST_LEGS * distinct:
        return found.note(f"{named[0]} names no single calls ({len(ids)} rows, {distinct} values): no legs are joined.")
    if distinct < len(ids):
        found = found.note(
            f"Rows that share {named[0]} and a number are legs of one call, with the {legs.talk} talk time."
        )
    return found.settle(legs=replace(legs, call_id=named))
