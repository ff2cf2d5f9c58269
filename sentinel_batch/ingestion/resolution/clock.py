"""The zone of a file's clock, measured by a second one in the same row; and clocks that show no seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.resolution.moments import names_utc
from sentinel_batch.ingestion.shaping.fields import has_two_parts, read_call_times, read_field
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.durations import read_durations
from sentinel_batch.ingestion.values.timestamps import read_times
from sentinel_batch.ingestion.values.zones import OFFSETS, find_offset_unit, name_offset, tidy_offset

if TYPE_CHECKING:
    import polars as pl

_STEP_SECONDS = 900
"""Offsets from UTC are whole quarters of an hour, and not any of them."""
_TOLERANCE_SECONDS = 300
"""A channel exists for a while before its call record begins; longer waits say nothing of the zone."""
_AGREEING = 0.9
_MINUTE_MICROS = 60_000_000
_LEAST_MINUTES = 10
_OWN_ZONE = r"^\s*'?\d{9,16}(?:\.\d+)?'?\s*$|:\d\d(?:[.,]\d+)?\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)\b"
_EPOCH = r"(?:^|[^\d.])(1\d{9})(?:\d{3})?(?:\.\d+)?(?:\D|$)"
_WITH_SECONDS = r"\d[:.]\d\d[:.]\d\d|[T\s]\d{6}|^\d{6}$|^\d{9,11}(?:\.|$)|\d{13}"
_OFFSET_NAME = re.compile(r"(^|_)(utc|gmt|tz|zone|timezone|offset|fuseau|decalage)(_|$)")
_SURE_OFFSET = re.compile(r"(^|_)(offset|decalage)(_|$)|^(utc|gmt)(_|$)")
"""Columns whose numbers are offsets even without a sign."""
_SURE_ZONE = re.compile(r"(^|_)(tz|timezone|time_zone|offset|fuseau|decalage)(_|$)")
_LIKE_ZONE = re.compile(r"[+-]?\d{1,6}(?:\.\d+)?|[A-Z]{2,5}|[A-Za-z]+/[A-Za-z_/]+")
_UNRELATED = re.compile(r"expir|valid|token|renew|birth|activ|subscri|due(_|$)")
"""Columns whose times are not those of a call."""
_END_NAME = re.compile(r"(^|_)(end|ended|stop|disconnect|release|hangup|finish|fin)")
_START_NAME = re.compile(r"(^|_)(start|begin|setup|invite|id)|id$|debut")
_PREAMBLE = re.compile(r"(?<!\d )\b(UTC|GMT)\b\s*([+-]\d{1,2}(?::?\d{2})?)?")
_ABOUT_TIMES = re.compile(
    r"\b(times?|time ?zone|timestamps?|zone|tz|dates?|heures?|fuseau|zeiten|horas?)\b", re.IGNORECASE
)
_SHOWN = 5


@dataclass(frozen=True)
class _Measured:
    """What a second clock shows: seconds that the file's clock is ahead of UTC, in how many rows."""

    column: str
    ahead: int
    rows: int


def settle_zone(found: Resolution, calls: pl.DataFrame, day_first: bool | None) -> Resolution:
    """Find the zone of times without an offset.

    Each row's offset tells it, a column with a zone's name, the name of the time's own column, a second clock in the
    row, or the lines before the header, in this order.
    """
    layout, zone = found.layout, found.zone
    if _time_text(layout, calls).str.contains(_OWN_ZONE).fill_null(True).all():
        return found
    offset = (layout.dialect.offset, (layout.dialect.offset_unit,)) if layout.dialect.offset else None
    offset = offset or _find_offset(layout, calls)
    if offset is not None:
        column, (unit,) = offset
        measure = f", in {unit}" if unit else ""
        said = f"Each row's offset from UTC is read from {column}{measure}."
        return found.note(said).settle(offset=column, offset_unit=unit)
    named = _find_zone_name(layout, calls)
    if named is not None:
        column, own = named
        said = f"Times are in {own}, as column {column} says."
        return _take(found, own, column, said)
    found = found.note(*_doubt_zones(layout, calls, zone))
    begins = layout.columns[(layout.positions("call_timestamp") or layout.positions("call_time"))[0]]
    if names_utc([begins]):
        said = f"Times are in UTC, as the name of {begins} says."
        return _take(found, "UTC", None, said).settle(timezone="UTC")
    measured, doubts = _measure(layout, calls, day_first)
    if measured is None:
        told = _read_preamble(layout.preamble)
        found = found.note(*doubts)
        return found if told is None else _take(found, told[0], None, f"Times are in {told[0]}, as {told[1]!r} says.")
    begun = read_call_times(calls, layout, "UTC", day_first)
    local = read_call_times(calls, layout, zone, day_first)
    same = bool(((begun - local).dt.total_seconds() == measured.ahead).fill_null(True).all())
    own = zone if same else name_offset(measured.ahead // 60)
    rows = f"{measured.rows} row{'' if measured.rows == 1 else 's'}"
    return _take(found, own, measured.column, f"Times are in {own}, measured by {measured.column} in {rows}.")


def _read_preamble(text: str) -> tuple[str, str] | None:
    """Return the zone that a line before the header gives for the times of the file, and that line."""
    for line in text.splitlines():
        told = _PREAMBLE.search(line)
        offset = tidy_offset(told[1] + (told[2] or "")) if told is not None and _ABOUT_TIMES.search(line) else None
        if offset is not None:
            minutes = int(offset[0] + "1") * (int(offset[1:3]) * 60 + int(offset[4:]))
            return (name_offset(minutes), line.strip(" #;,\t")) if minutes in OFFSETS else None
        zones = [word for word in re.findall(r"[A-Za-z]+/[A-Za-z_/]+", line) if word in available_timezones()]
        if len(zones) == 1:
            return zones[0], line.strip(" #;,\t")
    return None


def _take(found: Resolution, zone: str, column: str | None, said: str) -> Resolution:
    """Return the resolution with the zone that a column shows; the notice tells where another one was given."""
    if zone != found.zone:
        said += f" The zone that was given, {found.zone}, contradicts this and is not used for this file."
    found = replace(found, zone=zone).note(said)
    return found if column is None else found.settle(epoch=(column,))


def _time_text(layout: Layout, calls: pl.DataFrame) -> pl.Series:
    return read_field(calls, layout, "call_time" if has_two_parts(layout) else "call_timestamp").cast(str)


def _others(layout: Layout, calls: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
    """Yield the columns that are neither the time of a call nor a number of a party."""
    own = {"call_timestamp", "call_date", "call_time", "caller_number", "callee_number"}
    taken = {place for field in own for place in layout.positions(field)}
    for place, name in enumerate(layout.columns):
        if name and place not in taken and f"c{place}" in calls.columns:
            yield name, calls[f"c{place}"].cast(str)


def _find_offset(layout: Layout, calls: pl.DataFrame) -> tuple[str, tuple[str | None]] | None:
    """Return the column of each row's offset from UTC, and its unit."""
    for name, text in _others(layout, calls):
        values = tidy(text).drop_nulls().unique().to_list() if _OFFSET_NAME.search(name) else []
        signed = any(re.search(r"[+-]", value) for value in values) or _SURE_OFFSET.search(name)
        unit = find_offset_unit(name, values) if values and signed else None
        if unit is not None:
            return name, unit
    return None


def _doubt_zones(layout: Layout, calls: pl.DataFrame, zone: str) -> list[str]:
    """Say which columns seem to tell zones or offsets, and cannot be read as such."""
    notices = []
    for name, text in _others(layout, calls):
        values = sorted(tidy(text).drop_nulls().unique().to_list()) if _SURE_ZONE.search(name) else []
        if values and all(_LIKE_ZONE.fullmatch(value) for value in values):
            shown = ", ".join(map(repr, values[:_SHOWN])) + (", …" if len(values) > _SHOWN else "")
            notices.append(
                f"Column {name} holds {shown}, which is not understood as one zone or as offsets from UTC, and is not "
                f"used: times are read in {zone} if nothing else tells."
            )
    return notices


def _find_zone_name(layout: Layout, calls: pl.DataFrame) -> tuple[str, str] | None:
    for name, text in _others(layout, calls):
        values = tidy(text).drop_nulls().unique().to_list() if _OFFSET_NAME.search(name) else []
        if len(values) == 1 and values[0] in available_timezones():
            return name, values[0]
    return None


def _measure(layout: Layout, calls: pl.DataFrame, day_first: bool | None) -> tuple[_Measured | None, list[str]]:
    """Return what a second clock shows, and which of them might show two things."""
    import polars as pl

    begun = read_call_times(calls, layout, "UTC", day_first)
    lasted = read_durations(read_field(calls, layout, "duration_seconds"), layout.dialect.unit or "seconds")
    ended = begun + (lasted.fill_null(0) * 1_000_000).cast(pl.Duration("us"))
    doubts = []
    for name, text in _others(layout, calls):
        if (layout.dialect.epoch and name not in layout.dialect.epoch) or _UNRELATED.search(name):
            continue
        second = _read_second_clock(name, text, day_first)
        ways = [_agree(name, clock, second) for clock in (begun, ended)]
        found = [way for way in ways if way is not None]
        if len({way.ahead for way in found}) == 1:
            return found[0], []
        told = ways[1] if _END_NAME.search(name) else ways[0] if _START_NAME.search(name) else None
        if told is not None:
            return told, []
        if found:
            zones = " or ".join(name_offset(way.ahead // 60) for way in found)
            doubts.append(f"{name} may show that times are in {zones}, as it may be begin or end of a call: not used.")
    return None, doubts


def _read_second_clock(name: str, text: pl.Series, day_first: bool | None) -> pl.Series:
    """Read what knows its own zone: an epoch, alone or at the start of an id, a time with an offset, a UTC column."""
    import polars as pl

    epoch = text.str.extract(_EPOCH).cast(pl.Int64, strict=False)
    if epoch.null_count() < len(epoch):
        return (epoch * 1_000_000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    aware = text.str.contains(_OWN_ZONE).fill_null(False)
    return read_times(text if names_utc([name]) else text.set(~aware, None), "UTC", day_first)


def _agree(name: str, begun: pl.Series, second: pl.Series) -> _Measured | None:
    """Return by how much the clocks differ if nearly all rows agree on an offset that some place has."""
    import polars as pl

    ahead = (begun - second).dt.total_seconds().drop_nulls()
    if len(ahead) * 2 <= len(begun) or not len(ahead):
        return None
    steps = (ahead / _STEP_SECONDS).round().cast(pl.Int64) * _STEP_SECONDS
    good = ((ahead - steps).abs() <= _TOLERANCE_SECONDS) & (steps / 60).is_in(sorted(map(float, OFFSETS)))
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
