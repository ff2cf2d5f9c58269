"""When the recorded calls took place, as far as the manifest says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

CALL_TIME_COLUMNS = ("call_time", "call_timestamp", "call_start", "start_time", "started_at", "timestamp")
"""Columns of a manifest that may hold the call's time; the first that holds one counts."""


def with_call_times(recordings: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Add a column ``call_time`` to recordings, in UTC.

    Parameters
    ----------
    recordings
        Rows of table ``recordings``.
    timezone
        IANA name of the zone in which times without an offset are read.

    Returns
    -------
    polars.DataFrame
        ``call_time`` is null where the manifest has no such column, or no date and time in the notation of ISO 8601.
    """
    zone = ZoneInfo(timezone)
    times = [_read_time(_load(context), zone) for context in recordings["context"]]
    return recordings.with_columns(pl.Series("call_time", times, dtype=pl.Datetime("us", "UTC")))


def _load(context: str | None) -> Mapping[str, Any]:
    found = json.loads(context or "{}")
    return found if isinstance(found, dict) else {}


def _read_time(context: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    found = (_parse(str(context[name]), zone) for name in CALL_TIME_COLUMNS if context.get(name) is not None)
    return next((moment for moment in found if moment is not None), None)


def _parse(text: str, zone: ZoneInfo) -> datetime | None:
    """Read a date with a time: a bare date does not say in which period the call was."""
    if ":" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
