"""Time zones: checked, and applied to whole columns at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
            f"There is no time zone {name!r}.", hint="Use an IANA name such as Africa/Lagos, Europe/Paris or UTC."
        ) from error
    return name


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
    micros = naive.to_physical()
    first, last = cast(int | None, micros.min()), cast(int | None, micros.max())
    if first is None or last is None:
        return timedelta(0)
    days = (last - first) // _DAY + 3
    if days > _MOST_DAYS or first < 0 or last > _EASY_DAYS * _DAY:
        return None
    rules, start = ZoneInfo(zone), datetime(1970, 1, 1) + timedelta(microseconds=first - _DAY)
    offsets = {(start + timedelta(days=day)).replace(tzinfo=rules).utcoffset() for day in range(days)}
    return offsets.pop() if len(offsets) == 1 else None
