"""What an opened file and the settings of an ingest come to together: how it is read, and how its rows become calls."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel_batch.ingestion.loading.options import Options
from sentinel_batch.ingestion.reading.source import Source
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.resolution.resolution import resolve_layout
from sentinel_batch.ingestion.shaping.rows import Shaping
from sentinel_batch.ingestion.values.zones import check_zone
from sentinel_batch.numbers import NumberBook


def resolve_source(source: Source, options: Options, day_first: bool | None) -> Resolution:
    """Settle what a file's layout leaves open."""
    zone = check_zone(source.layout.dialect.timezone or options.zone)
    return resolve_layout(source.layout, source.sample(), zone, day_first)


def shape_by(
    resolution: Resolution, options: Options, numbers: Mapping[str, NumberBook], day_first: bool | None
) -> Shaping:
    """Return what the shape of a file's rows depends on.

    Parameters
    ----------
    resolution
        How the file is read.
    options
        Settings of the ingest.
    numbers
        Normal forms of telephone numbers, by the way in which they are read.
    day_first
        How 03/04/2026 is read.
    """
    dialect = resolution.layout.dialect
    mode = options.numbers if options.numbers_named else dialect.numbers or options.numbers
    return Shaping(
        layout=resolution.layout,
        numbers=numbers[mode],
        zone=resolution.zone,
        local_zone=options.zone,
        day_first=day_first,
        earliest=options.earliest,
        latest=options.latest,
    )
