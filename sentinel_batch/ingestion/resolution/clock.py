"""The zone of a file's clock, measured by a second one in the same row; and clocks that show no seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.shaping.fields import has_two_parts, read_call_times, read_field
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.timestamps import read_times
from sentinel_batch.ingestion.values.zones import name_offset, tidy_offset

if TYPE_CHECKING:
    import polars as pl

_STEP_SECONDS = 900
"""Offsets from UTC are whole quarters of an hour."""
_TOLERANCE_SECONDS = 300
"""A channel exists for a while before its call record begins; longer waits say nothing of the zone."""
_MOST_SECONDS = 14 * 3600
_AGREEING = 0.9
_MINUTE_MICROS = 60_000_000
_LEAST_MINUTES = 10
_OWN_ZONE = r"^\s*'?\d{9,16}(?:\.\d+)?'?\s*$|:\d\d(?:[.,]\d+)?\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b"
_EPOCH = r"(?:^|[^\d.])(1\d{9})(?:\d{3})?(?:\.\d+)?(?:\D|$)"
_WITH_SECONDS = r"\d[:.]\d\d[:.]\d\d|[T\s]\d{6}|^\d{6}$|^\d{9,11}(?:\.|$)|\d{13}"
_OFFSET_NAME = re.compile(r"(^|_)(utc|gmt|tz|zone|timezone|offset|fuseau|decalage)(_|$)")


@dataclass(frozen=True)
class _Measured:
    """What a second clock shows: seconds that the file's clock is ahead of UTC, in how many rows."""

    column: str
    ahead: int
    rows: int


def settle_zone(found: Resolution, calls: pl.DataFrame, day_first: bool | None) -> Resolution:
    """Find the zone of times without an offset: from each row's offset, a zone's name, or a second clock in the row."""
    layout, zone = found.layout, found.zone
    if _time_text(layout, calls).str.contains(_OWN_ZONE).fill_null(True).all():
        return found
    offset = layout.dialect.offset or _find_offset(layout, calls)
    if offset is not None:
        return found.note(f"Each row's offset from UTC is read from {offset}.").settle(offset=offset)
    named = _find_zone_name(layout, calls)
    if named is not None:
        column, own = named
        said = f"Times are in {own}, as column {column} says."
        return _take(found, own, column, said)
    measured = _measure(layout, calls, day_first)
    if measured is None:
        return found
    begun = read_call_times(calls, layout, "UTC", day_first)
    local = read_call_times(calls, layout, zone, day_first)
    same = bool(((begun - local).dt.total_seconds() == measured.ahead).fill_null(True).all())
    own = zone if same else name_offset(measured.ahead // 60)
    rows = f"{measured.rows} row{'' if measured.rows == 1 else 's'}"
    return _take(found, own, measured.column, f"Times are in {own}, measured by {measured.column} in {rows}.")


def _take(found: Resolution, zone: str, column: str, said: str) -> Resolution:
    """Return the resolution with the zone that a column shows; the notice tells where another one was given."""
    if zone != found.zone:
        said += f" The zone that was given, {found.zone}, contradicts this and is not used for this file."
    return replace(found, zone=zone).note(said).settle(epoch=(column,))


def _time_text(layout: Layout, calls: pl.DataFrame) -> pl.Series:
    return read_field(calls, layout, "call_time" if has_two_parts(layout) else "call_timestamp").cast(str)


def _others(layout: Layout, calls: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
    """Yield the columns that are neither the time of a call nor a number of a party."""
    own = {"call_timestamp", "call_date", "call_time", "caller_number", "callee_number"}
    taken = {place for field in own for place in layout.positions(field)}
    for place, name in enumerate(layout.columns):
        if name and place not in taken and f"c{place}" in calls.columns:
            yield name, calls[f"c{place}"].cast(str)


def _find_offset(layout: Layout, calls: pl.DataFrame) -> str | None:
    for name, text in _others(layout, calls):
        values = tidy(text).drop_nulls().unique().to_list()
        signed = any(re.search(r"[+-]", value) for value in values)
        if values and signed and _OFFSET_NAME.search(name) and all(tidy_offset(value) for value in values):
            return name
    return None


def _find_zone_name(layout: Layout, calls: pl.DataFrame) -> tuple[str, str] | None:
    for name, text in _others(layout, calls):
        values = tidy(text).drop_nulls().unique().to_list() if _OFFSET_NAME.search(name) else []
        if len(values) == 1 and values[0] in available_timezones():
            return name, values[0]
    return None


def _measure(layout: Layout, calls: pl.DataFrame, day_first: bool | None) -> _Measured | None:
    begun = read_call_times(calls, layout, "UTC", day_first)
    epochs = layout.dialect.epoch
    for name, text in _others(layout, calls):
        if epochs and name not in epochs:
            continue
        measured = _agree(name, begun, _read_second_clock(text, day_first))
        if measured is not None:
            return measured
    return None


def _read_second_clock(text: pl.Series, day_first: bool | None) -> pl.Series:
    """Read what knows its own zone: an epoch, alone or at the start of an id, or a time with an offset."""
    import polars as pl

    epoch = text.str.extract(_EPOCH).cast(pl.Int64, strict=False)
    if epoch.null_count() < len(epoch):
        return (epoch * 1_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    aware = text.str.contains(_OWN_ZONE).fill_null(False)
    return read_times(text.set(~aware, None), "UTC", day_first)


def _agree(name: str, begun: pl.Series, second: pl.Series) -> _Measured | None:
    """Return by how much the clocks differ if nearly all rows agree on a whole number of quarter hours."""
    import polars as pl

    ahead = (begun - second).dt.total_seconds().drop_nulls()
    if len(ahead) * 2 <= len(begun) or not len(ahead):
        return None
    steps = (ahead / _STEP_SECONDS).round().cast(pl.Int64) * _STEP_SECONDS
    good = ((ahead - steps).abs() <= _TOLERANCE_SECONDS) & (steps.abs() <= _MOST_SECONDS)
    common = steps.filter(good).mode().sort()
    if not len(common) or (steps.filter(good) == common[0]).sum() < _AGREEING * len(ahead):
        return None
    return _Measured(name, int(common[0]), len(ahead))


def settle_repeats(found: Resolution, calls: pl.DataFrame, day_first: bool | None) -> Resolution:
    """Note a clock without seconds: calls of one minute cannot be told apart by their time, so equal rows are calls."""
    import polars as pl

    begun = read_call_times(calls, found.layout, found.zone, day_first).drop_nulls()
    whole = (begun.cast(pl.Int64) % _MINUTE_MICROS == 0).all()
    # A few times may all fall on a full minute by chance, where seconds are written.
    told = _time_text(found.layout, calls).str.contains(_WITH_SECONDS).any() and begun.n_unique() < _LEAST_MINUTES
    if not len(begun) or not whole or told:
        return found
    return found.settle(repeats=found.layout.dialect.repeats or "calls").note(
        "Times have whole minutes only: calls of one caller to one callee within a minute have one time, and to rules "
        "that count in seconds they are at once."
    )
