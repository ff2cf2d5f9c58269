"""Everything about a file that its dialect leaves open, settled from its first rows and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.clock import settle_repeats, settle_zone
from sentinel_batch.ingestion.resolution.columns import settle_columns, settle_legs, settle_pairs
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.resolution.mistakes import note_mistakes
from sentinel_batch.ingestion.resolution.outcomes import settle_outcomes
from sentinel_batch.ingestion.resolution.parties import settle_parties
from sentinel_batch.ingestion.resolution.units import settle_unit
from sentinel_batch.ingestion.resolution.words import note_directions, note_outcomes
from sentinel_batch.ingestion.shaping.selection import select_calls

if TYPE_CHECKING:
    import polars as pl


def resolve_layout(layout: Layout, sample: pl.DataFrame, zone: str, day_first: bool | None) -> Resolution:
    """Settle what a layout leaves open.

    Parameters
    ----------
    layout
        As found from the file's header or first lines.
    sample
        The first rows with all their columns.
    zone
        Zone of times without an offset, as far as it was given.
    day_first
        How 03/04/2026 is read.
    """
    found = note_mistakes(Resolution(layout, zone), sample)
    if layout.dialect.year_first:
        found = found.note("Dates begin with a year of two digits, such as 26/04/03 for 2026-04-03.")
    if layout.dialect.guess:
        found = settle_columns(found, sample)
    calls, _ = select_calls(sample, found.layout)
    if calls.is_empty():
        return found
    found = settle_pairs(found, calls)
    if layout.dialect.guess:
        found = settle_legs(settle_parties(found, calls, day_first), calls)
    found = settle_zone(settle_outcomes(found, calls), calls, day_first)
    found = settle_unit(found, calls, day_first)
    return note_directions(note_outcomes(settle_repeats(found, calls, day_first), calls), calls)
