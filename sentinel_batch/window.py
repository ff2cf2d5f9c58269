"""Durations, instants and periods, as the command line, the configuration and notebooks write them.

Every instant is UTC inside. A period is half-open, ``(since, until]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sentinel_batch.errors import UsageError

DURATIONS_ALLOWED = "a whole number and a unit: 30s, 90m, 24h or 7d"
INSTANTS_ALLOWED = "a date (2026-01-22), an RFC 3339 time (2026-01-22T23:00:00Z; UTC unless it says otherwise)"

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)


@dataclass(frozen=True)
class Period:
    """The instants after ``since``, up to and including ``until`` (both UTC)."""

    since: datetime
    until: datetime


def now() -> datetime:
    """Return the time of the clock, in UTC."""
    return datetime.now(UTC)


def parse_duration(text: str, *, name: str = "duration") -> timedelta:
    """Read a duration such as ``24h``.

    Parameters
    ----------
    text
        A whole number and a unit: ``s``, ``m``, ``h`` or ``d`` (of 24 hours).
    name
        What the value is called in the error message, such as ``--window``.

    Raises
    ------
    UsageError
        If the text is not such a duration, or is zero, or longer than the calendar.
    """
    match = _DURATION.fullmatch(text.strip())
    try:
        duration = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta(0)
    except OverflowError:
        duration = timedelta(0)
    if not duration:
        raise UsageError(
            f"{name} = {text!r} is not a duration.", hint=f"Give {DURATIONS_ALLOWED}.", name=name, value=text
        )
    return duration


def is_duration(text: str) -> bool:
    """Tell whether a text is meant as a duration such as ``24h``, not as an instant."""
    return _DURATION.fullmatch(text.strip()) is not None


def format_duration(duration: timedelta) -> str:
    """Write a duration as :func:`parse_duration` reads it: ``24h``, but ``7d`` from two whole days on."""
    seconds = int(duration.total_seconds())
    if seconds % 86_400 == 0 and seconds > 86_400:
        return f"{seconds // 86_400}d"
    for unit, length in (("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def spell_duration(duration: timedelta) -> str:
    """Write a duration for a reader: ``24 h``, ``7 d``, ``90 min``, ``30 s``."""
    text = format_duration(duration)
    return f"{text[:-1]} {'min' if text[-1] == 'm' else text[-1]}"


def parse_instant(text: str, *, name: str = "instant") -> datetime:
    """Read an instant: an RFC 3339 time, the same without an offset (read as UTC), or a date (its midnight, UTC).

    Parameters
    ----------
    text
        Such as ``2026-01-22T23:00:00+01:00``, ``2026-01-22 23:00`` or ``2026-01-22``. Digits beyond microseconds are
        cut off.
    name
        What the value is called in the error message, such as ``--since``.

    Raises
    ------
    UsageError
        If the text is not such an instant.
    """
    stripped = text.strip()
    try:
        if not _INSTANT.fullmatch(stripped):
            raise ValueError
        return _to_utc(datetime.fromisoformat(stripped.upper()))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name} = {text!r} is not an instant.", hint=f"Give {INSTANTS_ALLOWED}.", name=name, value=text
        ) from None


def resolve_period(
    since: str | datetime | timedelta | None,
    until: str | datetime | timedelta | None,
    newest: datetime | None,
    window: timedelta,
) -> Period:
    """Decide which period to examine.

    Parameters
    ----------
    since
        Its beginning, exclusive; a duration counts back from ``until``; None is ``until`` minus ``window``.
    until
        Its end, inclusive; a duration counts back from the newest call; None is the newest call.
    newest
        Time of the newest call, or None when there is none (then the clock stands in for it).
    window
        Length of the rule's window.

    Raises
    ------
    UsageError
        If a text cannot be read, or the period would be empty.
    """
    latest = newest if newest is not None else now()
    end = _resolve(until, latest, latest, "until", "the newest call")
    begin = _resolve(since, end, _back(end, window, "since", "until"), "since", "until")
    if begin >= end:
        shown = "" if until is not None or newest is None else " (the newest call)"
        raise UsageError(
            f"The period is empty: since = {begin.isoformat()} is not before until = {end.isoformat()}{shown}.",
            hint="Give a since that is earlier than until; without until, the period ends at the newest call.",
            since=begin.isoformat(),
            until=end.isoformat(),
        )
    return Period(begin, end)


def _resolve(
    value: str | datetime | timedelta | None, anchor: datetime, default: datetime, name: str, anchor_name: str
) -> datetime:
    if value is None:
        return default
    if isinstance(value, datetime):
        return _to_utc(value)
    if isinstance(value, timedelta):
        return _back(anchor, value, name, anchor_name)
    if _DURATION.fullmatch(value.strip()):
        return _back(anchor, parse_duration(value, name=name), name, anchor_name)
    if not _INSTANT.fullmatch(value.strip()):
        raise UsageError(
            f"{name} = {value!r} is neither an instant nor a duration.",
            hint=f"Give {INSTANTS_ALLOWED}, or, counted back from {anchor_name}, {DURATIONS_ALLOWED}.",
            name=name,
            value=value,
        )
    return parse_instant(value, name=name)


def _back(anchor: datetime, duration: timedelta, name: str, anchor_name: str) -> datetime:
    try:
        return anchor - duration
    except OverflowError:
        raise UsageError(
            f"{name}: {format_duration(duration)} before {anchor_name} ({anchor.isoformat()}) is before the year 1.",
            hint="Give a shorter duration.",
            name=name,
        ) from None


def _to_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
