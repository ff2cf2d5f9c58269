"""Who called: in files about a subscriber the first party is always that one, whichever way the call went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.shaping.fields import goes, read_directions
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.words import list_words

if TYPE_CHECKING:
    import polars as pl

_MOST, _FEW = 0.8, 0.2


def settle_parties(found: Resolution, calls: pl.DataFrame) -> Resolution:
    """Find out whether the caller's column holds the party that the row is about."""
    layout, dialect = found.layout, found.layout.dialect
    if dialect.subject is not None or not all(
        layout.positions(name) for name in ("caller_number", "callee_number", "call_direction")
    ):
        return found
    subject, other = (dialect.fields[name][0] for name in ("caller_number", "callee_number"))
    headed = subject in list_words("header", "subject") and other in list_words("header", "other")
    if not headed and not _always_first(layout, calls, subject, other):
        return found
    reason = "as their names say" if headed else f"as {subject} is the same party on outgoing and on incoming rows"
    said = f"{subject} is the party that a row is about, {reason}: on incoming rows {other} is the caller."
    return found.note(said).settle(subject=subject, other=(other,), served_device=True)


def _always_first(layout: Layout, calls: pl.DataFrame, subject: str, other: str) -> bool:
    """Tell whether the same numbers stand first on rows of both directions, and not second."""
    directions = read_directions(calls, layout)
    if directions is None:
        return False
    first, second = (tidy(calls[f"c{layout.place(name)}"]) for name in (subject, other))
    inbound, outbound = goes(directions, "inbound"), goes(directions, "outbound")
    own = first.filter(outbound).unique().drop_nulls().implode()
    if not inbound.any() or not outbound.any():
        return False
    there, elsewhere = first.filter(inbound).is_in(own).mean(), second.filter(inbound).is_in(own).mean()
    return float(str(there or 0)) >= _MOST and float(str(elsewhere or 0)) <= _FEW
