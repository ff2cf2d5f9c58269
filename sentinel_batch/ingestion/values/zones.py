"""Time zones: checked, and applied to whole columns at once."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from batch_base.suggestions import suggest
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

_MOST_DAYS = 400
_EASY_DAYS = 130 * 365
_DAY = 86_400_000_000


@cache
def check_zone(name: str) -> str:
    """Return a time zone's name if it exists.

    Raises
    ------
    UsageError
        If it does not.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"There is no time zone {name!r}.",
            hint=suggest(
                name, sorted(available_timezones()), "Use an IANA name such as Africa/Lagos, Europe/Paris or UTC."
            ),
        ) from error
    return name


_FIXED = re.compile(r"UTC([+-])(\d\d):(\d\d)")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])?(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


def name_offset(minutes: int) -> str:
    """Return the name of a zone that is always so many minutes ahead of UTC, such as ``UTC+05:30``."""
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    return f"UTC{sign}{size // 60:02d}:{size % 60:02d}" if minutes else "UTC"


OFFSETS = frozenset(
    {minutes * 60 for minutes in range(-12, 15)} | {-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825}
)
"""Minutes that some place's clock is ahead of UTC, in summer or winter, by the time zone database of 2026."""

_UNIT_MINUTES = {"hours": 60.0, "minutes": 1.0, "seconds": 1 / 60}
_UNIT_NAMES = ((r"(^|_)min", "minutes"), (r"(^|_)sec", "seconds"), (r"(^|_)(h|hrs?|hours?)(_|$)", "hours"))
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_PADDED = re.compile(r"[+-]?\d{4}|[+-]0\d")


def tidy_offset(text: str, unit: str | None = None) -> str | None:
    """Return an offset from UTC as ``+01:00``, from ``+1``, ``UTC+1``, ``+0100``; None if it is none.

    Parameters
    ----------
    text
        As typed.
    unit
        Of a number, one that :func:`find_offset_unit` returns; None reads it as hours, or hours and minutes.
    """
    plain = text.strip().strip("'\"")
    if unit is not None and _NUMBER.fullmatch(plain):
        minutes = round(float(plain) * _UNIT_MINUTES[unit])
        return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    match = _OFFSET.fullmatch(plain)
    if match is None:
        return "+00:00" if plain.upper() in ("Z", "UTC", "GMT", "0", "00:00") else None
    return f"{match[1] or '+'}{int(match[2]):02d}:{match[3] or '00'}"


def find_offset_unit(column: str, values: list[str]) -> tuple[str | None] | None:
    """Return the unit of a column's offsets from UTC, None where they are clock times such as ``+0530``.

    Its name decides, or the one unit in which every number is an offset that some place has.

    Returns
    -------
    tuple of one, or None
        ``hours``, ``minutes``, ``seconds``, or None within the tuple; None where the values are no offsets for certain.
    """
    plain = [value.strip().strip("'\"") for value in values]
    clocks = (None,) if _are_offsets(plain, None) else None
    if not all(_NUMBER.fullmatch(value) for value in plain):
        return clocks
    named = next((unit for pattern, unit in _UNIT_NAMES if re.search(pattern, column)), None)
    if named is None and clocks and all(_PADDED.fullmatch(value) for value in plain):
        return clocks
    units: tuple[str, ...] = (named,) if named else tuple(_UNIT_MINUTES)
    return next(((unit,) for unit in units if _are_offsets(plain, unit)), None if named else clocks)


def _are_offsets(values: list[str], unit: str | None) -> bool:
    if unit is not None:
        return all(round(float(value) * _UNIT_MINUTES[unit], 6) in OFFSETS for value in values)
    tidied = [tidy_offset(value) for value in values]
    return all(
        text is not None and int(text[0] + "1") * (int(text[1:3]) * 60 + int(text[4:])) in OFFSETS for text in tidied
    )


def rules_of(zone: str) -> tzinfo:
    """Return the rules of a zone: an IANA name, or one of :func:`name_offset`."""
    match = _FIXED.fullmatch(zone)
    if match is None:
        return ZoneInfo(zone)
    span = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-span if match[1] == "-" else span)


def localise(naive: pl.Series, zone: str) -> pl.Series:
    """Return wall-clock times of a zone as UTC; null where a clock change skips them, the earlier where it repeats."""
    offset = constant_offset(naive, zone)
    if offset is not None:
        return (naive - offset).dt.replace_time_zone("UTC")
    local = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def to_local(times: pl.Series, zone: str) -> pl.Series:
    """Return UTC times as the wall clock of a zone, without a zone."""
    naive = times.dt.replace_time_zone(None)
    offset = constant_offset(naive, zone)
    return naive + offset if offset is not None else times.dt.convert_time_zone(zone).dt.replace_time_zone(None)


def constant_offset(naive: pl.Series, zone: str) -> timedelta | None:
    """Return the zone's offset from UTC if it is the same on all days from the first time to the last.

    Reading the zone's rules for every row costs more than all other work on its time.
    """
    rules = rules_of(zone)
    if isinstance(rules, timezone):
        return rules.utcoffset(None)
    micros = naive.to_physical()
    first, last = cast(int | None, micros.min()), cast(int | None, micros.max())
    if first is None or last is None:
        return timedelta(0)
    days = (last - first) // _DAY + 3
    if days > _MOST_DAYS or first < 0 or last > _EASY_DAYS * _DAY:
        return None
    start = datetime(1970, 1, 1) + timedelta(microseconds=first - _DAY)
    offsets = {(start + timedelta(days=day)).replace(tzinfo=rules).utcoffset() for day in range(days)}
    return offsets.pop() if len(offsets) == 1 else None
