"""Everything about a file that its dialect leaves open, settled from its first rows and said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.clock import note_minutes, settle_zone
from sentinel_batch.ingestion.resolution.columns import settle_columns, settle_legs
from sentinel_batch.ingestion.resolution.parties import settle_parties
from sentinel_batch.ingestion.resolution.units import settle_unit
from sentinel_batch.ingestion.resolution.words import note_directions, note_outcomes
from sentinel_batch.ingestion.shaping.selection import select_calls

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Resolution:
    """How a file is read.

    Parameters
    ----------
    layout
        Its layout; the dialect in it leaves nothing open.
    zone
        Zone of its times without an offset.
    notices
        What was found out or guessed, and what is in doubt.
    """

    layout: Layout
    zone: str
    notices: list[str]


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
    notices: list[str] = []
    if layout.dialect.guess:
        layout = settle_columns(layout, sample, notices)
    calls, _ = select_calls(sample, layout)
    if calls.is_empty():
        return Resolution(layout, zone, notices)
    if layout.dialect.guess:
        layout = settle_legs(settle_parties(layout, calls, notices), calls, notices)
    layout, zone = settle_zone(layout, calls, zone, day_first, notices)
    layout = settle_unit(layout, calls, zone, day_first, notices)
    note_minutes(layout, calls, notices)
    note_outcomes(layout, calls, notices)
    note_directions(layout, calls, notices)
    return Resolution(layout, zone, notices)
