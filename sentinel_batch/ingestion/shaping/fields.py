"""Fields of a row, from the columns that feed them: times, parties, call ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.dialects.dialect import CLOCKS
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.values.cells import is_missing, is_missing_cell, map_distinct, tidy
from sentinel_batch.ingestion.values.timestamps import add_century, is_time_of_day, read_date_times, read_times
from sentinel_batch.ingestion.values.words import read_way
from sentinel_batch.ingestion.values.zones import tidy_offset, to_local

if TYPE_CHECKING:
    import polars as pl

_DATED = ("call_timestamp", "call_date", *CLOCKS)
_CHANNEL = r"^([A-Za-z0-9_]+/.+)-[0-9a-f]{8}(?:;\d+)?$"
"""Asterisk's name of a channel: technology/peer, then a number of the call, and which end of a local channel."""


def read_field(cells: pl.DataFrame, layout: Layout, field: str) -> pl.Series:
    """Return the text of a field: of its columns in each row the first that is not empty; null where it has none."""
    text = _read_first(cells, layout.positions(field)).alias(field)
    return add_century(text) if layout.dialect.year_first and field in _DATED else text


def _read_first(cells: pl.DataFrame, places: Sequence[int]) -> pl.Series:
    import polars as pl

    if not places:
        return pl.Series([None], dtype=pl.String).new_from_index(0, cells.height)
    if len(places) == 1:
        return cells[f"c{places[0]}"]
    columns = [tidy(cells[f"c{place}"]).alias(str(place)) for place in places]
    return pl.DataFrame(columns).select(pl.coalesce(pl.all())).to_series()


def read_call_times(cells: pl.DataFrame, layout: Layout, zone: str, day_first: bool | None) -> pl.Series:
    """Return when each call began, UTC; null where that cannot be read."""
    import polars as pl

    if not has_two_parts(layout):
        return read_times(_with_offset(cells, layout, read_field(cells, layout, "call_timestamp")), zone, day_first)
    dates, clocks = read_field(cells, layout, "call_date"), read_field(cells, layout, "call_time")
    if layout.dialect.offset is None:
        times = read_date_times(dates, clocks, zone)
        if not times.null_count():
            return times
    joined = pl.concat_str(pl.all(), separator=" ", ignore_nulls=True).alias("call_timestamp")
    text = pl.DataFrame([dates, clocks]).select(joined).to_series()
    text = text.str.replace(r"^(\d{6}|\d{8}) (\d{6})$", "$1$2")
    text = text.str.replace(r"^(\d{4})(\d\d)(\d\d) (\d+[:h])", "$1-$2-$3 $4")
    return read_times(_with_offset(cells, layout, text), zone, day_first)


def read_clocks(
    cells: pl.DataFrame, layout: Layout, field: str, begun: pl.Series, zone: str, day_first: bool | None
) -> pl.Series:
    """Return a further time of each call, UTC; a time of day without a date is the first one after the call began."""
    import polars as pl

    text = read_field(cells, layout, field)
    known = text.cast(pl.String).str.strip_chars(" '\"")
    if not known.drop_nulls().unique().map_elements(_may_be_clock, return_dtype=pl.Boolean).all():
        return read_times(text, zone, day_first)
    days = to_local(begun, zone).dt.strftime("%Y-%m-%d ").alias("day")
    frame = pl.DataFrame([days, known.alias("clock")])
    moment = read_times(frame.select(pl.concat_str("day", "clock").alias(field))[field], zone, day_first)
    return moment.zip_with((moment >= begun).fill_null(True), moment.dt.offset_by("1d"))


def _may_be_clock(cell: str) -> bool:
    return is_missing_cell(cell) or is_time_of_day(cell)


def _with_offset(cells: pl.DataFrame, layout: Layout, text: pl.Series) -> pl.Series:
    import polars as pl

    place = layout.place(layout.dialect.offset) if layout.dialect.offset else None
    if place is None:
        return text
    offset = (
        map_distinct(cells[f"c{place}"].cast(pl.String), lambda cell: tidy_offset(cell, layout.dialect.offset_unit))
        .fill_null("")
        .alias("offset")
    )
    return pl.DataFrame([text.str.strip_chars(" '\""), offset]).select(pl.concat_str(pl.all()).alias(text.name))[
        text.name
    ]


def has_two_parts(layout: Layout) -> bool:
    """Tell whether date and time of day stand in columns of their own."""
    return not layout.positions("call_timestamp")


def find_missing_times(cells: pl.DataFrame, layout: Layout) -> pl.Series:
    """Tell in which rows there is no time at all."""
    fields = ["call_date", "call_time"] if has_two_parts(layout) else ["call_timestamp"]
    missing = [is_missing(read_field(cells, layout, field)) for field in fields]
    return missing[0] if len(missing) == 1 else missing[0] | missing[1]


def read_directions(cells: pl.DataFrame, layout: Layout) -> pl.Series | None:
    """Return each call's direction, None where the file has no such column."""
    if not layout.positions("call_direction"):
        return None
    words = layout.dialect.directions
    return map_distinct(read_field(cells, layout, "call_direction"), lambda text: read_direction(text, words))


def read_direction(typed: str, words: Mapping[str, str]) -> str | None:
    """Return ``inbound``, ``outbound`` or ``internal``; another word as it stands, in lower case; None for nothing."""
    if is_missing_cell(typed):
        return None
    return read_way(typed, words) or re.sub(r"^[\s']+|[\s']+$", "", typed).lower()


def goes(directions: pl.Series, way: str) -> pl.Series:
    """Tell which calls go a way; words of the file that needed no change are still categories, which do not compare."""
    import polars as pl

    return (directions.cast(pl.String) == way).fill_null(False)


def read_parties(cells: pl.DataFrame, layout: Layout, directions: pl.Series | None) -> tuple[pl.Series, pl.Series]:
    """Return caller and callee as typed; where a row is about one party, its direction tells which is which."""
    import polars as pl

    subject = _find_places(layout, [layout.dialect.subject])
    other = _find_places(layout, layout.dialect.other)
    if directions is None or not subject or not other:
        caller, callee = (_read_party(cells, layout, layout.positions(f"{who}_number")) for who in ("caller", "callee"))
        return _fill_caller(caller, cells, layout, directions).alias("caller_number"), callee.alias("callee_number")
    frame = pl.DataFrame(
        {
            "subject": _read_party(cells, layout, subject),
            "other": _read_party(cells, layout, other),
            "inbound": goes(directions, "inbound"),
        }
    )
    swapped = frame.select(
        caller_number=pl.when("inbound").then("other").otherwise("subject"),
        callee_number=pl.when("inbound").then("subject").otherwise("other"),
    )
    return swapped["caller_number"], swapped["callee_number"]


def _find_places(layout: Layout, names: Sequence[str | None]) -> list[int]:
    return [place for name in names if name and (place := layout.place(name)) is not None]


def _read_party(cells: pl.DataFrame, layout: Layout, places: Sequence[int]) -> pl.Series:
    """Return a party as typed; by the dialect's pattern, the number of the first column that holds one."""
    import polars as pl

    pattern = layout.dialect.number_pattern
    if pattern is None or not places:
        return _read_first(cells, places)
    typed = [tidy(cells[f"c{place}"]).cast(pl.String).alias(str(place)) for place in places]
    numbers = [pl.col(text.name).str.extract(f"^(?:{pattern})$") for text in typed]
    return pl.DataFrame(typed).select(pl.coalesce(*numbers, *(text.name for text in typed))).to_series()


def _fill_caller(caller: pl.Series, cells: pl.DataFrame, layout: Layout, directions: pl.Series | None) -> pl.Series:
    """Return callers, those of outbound rows that have none from the column that names them then."""
    places = _find_places(layout, [layout.dialect.outbound_caller])
    if directions is None or not places:
        return caller
    missing = is_missing(caller) & goes(directions, "outbound")
    return caller.zip_with(~missing, _read_party(cells, layout, places).cast(caller.dtype))


def read_trunks(cells: pl.DataFrame, layout: Layout) -> pl.Series:
    """Return the trunk of each call: of an Asterisk channel the peer, without the number that each call gets."""
    import polars as pl

    text = tidy(read_field(cells, layout, "trunk"))
    return text if text.dtype != pl.String else text.str.replace(_CHANNEL, "$1")


def has_legs(layout: Layout) -> bool:
    """Tell whether the file has the columns that say which call a row belongs to."""
    legs = layout.dialect.legs
    whole = any(names and _has_all(layout, names) for names in (legs.call_id, legs.pair))
    return whole or (legs.otherwise is not None and layout.place(legs.otherwise) is not None)


def _has_all(layout: Layout, names: tuple[str, ...]) -> bool:
    return all(layout.place(name) is not None for name in names)


def read_call_ids(cells: pl.DataFrame, layout: Layout) -> pl.Series:
    """Return what names the call that a row belongs to."""
    import polars as pl

    legs = layout.dialect.legs
    if not has_legs(layout):
        return tidy(read_field(cells, layout, "call_id"))
    names = next((names for names in (legs.call_id, legs.pair) if names and _has_all(layout, names)), ())
    joined = [] if not names else [pl.min_horizontal(names) if legs.pair else pl.concat_str(names, separator="-")]
    if legs.otherwise is not None and layout.place(legs.otherwise) is not None and legs.otherwise not in names:
        names = (*names, legs.otherwise)
        joined.append(pl.col(legs.otherwise))
    ids = pl.DataFrame([tidy(cells[f"c{layout.place(name)}"]).cast(pl.String).alias(name) for name in names])
    return ids.select(pl.coalesce(joined).alias("call_id"))["call_id"]
