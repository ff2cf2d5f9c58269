"""Durations in CDR files: many notations in, whole seconds out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{2})(?:\.\d+)?")
_SECONDS = re.compile(r"(-?\d{1,9})(?:\.\d*|,\d{1,2})?\s*(?:s|sec|secs|seconds)?", re.IGNORECASE)
_WORDED = re.compile(
    r"(?=.*\d\s{0,3}[a-z])(?:PT)?(?:(\d{1,6})\s{0,3}(?:h|hrs?|hours?|heures?|horas?|ore|std)\.?)?[\s,]{0,3}"
    r"(?:(\d{1,6})\s{0,3}(?:m|mn|mins?|minutes?|minutos?|minuti|minuten)\.?)?[\s,]{0,3}"
    r"(?:(\d{1,9})(?:\.\d+)?\s{0,3}(?:s|secs?|seconds?|secondes?|segundos?|secondi|sek|sekunden)\.?)?",
    re.IGNORECASE,
)
"""Hours, minutes and seconds with their names: ``1 min 35 sec``, ``2m 5s``, ``PT1M35S``."""
DECIMAL_COMMA = r"^(-?\d+),(\d{1,2})$"
"""With three digits after it the comma may as well be one of thousands."""
MISSED = -1
_PARTS = {"milliseconds": 1_000, "microseconds": 1_000_000, "tenths": 10}

LONGEST_SECONDS = 999_999_999
"""A longer duration is no duration: some 31 years."""


def read_durations(text: pl.Series, unit: str = "seconds") -> pl.Series:
    """Read durations into seconds: ``90``, ``90.0``, ``1:30``, ``0:01:30``, ``1 min 30 s``; fractions are cut off.

    Parameters
    ----------
    text
        Durations as typed.
    unit
        Of plain numbers, one of :data:`~sentinel_batch.ingestion.dialects.dialect.UNITS`.

    Returns
    -------
    polars.Series
        Int64; -1 is a missed call, null what cannot be read.
    """
    import polars as pl

    seconds = text.cast(pl.Int64, strict=False) if unit == "seconds" else _read_numbers(text, unit)
    seconds = seconds.set(~seconds.is_between(-LONGEST_SECONDS, LONGEST_SECONDS), None)
    left = seconds.is_null() & text.is_not_null()
    if unit != "seconds":
        left &= text.str.contains("[:a-zA-Z]")
    if not left.any():
        return seconds
    odd = text.filter(left).unique().to_list()
    table = pl.DataFrame(
        {"text": odd, "odd": [read_duration(cell, unit) for cell in odd]}, schema={"text": pl.String, "odd": pl.Int64}
    )
    frame = pl.DataFrame({"text": text, "seconds": seconds}).join(table, on="text", how="left", maintain_order="left")
    return frame.select(pl.coalesce("seconds", "odd").alias("duration_seconds"))["duration_seconds"]


def _read_numbers(text: pl.Series, unit: str) -> pl.Series:
    """Read numbers of another unit than seconds; null for what is no such number, and for times of day."""
    import polars as pl

    plain = text.cast(pl.String).str.strip_chars(" '\"").str.replace(DECIMAL_COMMA, "$1.$2")
    number, seconds = pl.col("number"), pl.col("number")
    if unit == "hhmm":
        frame = plain.cast(pl.Int64, strict=False).alias("number").to_frame()
        good = (number % 100 < 60) & (number >= 0)
        seconds = pl.when(good).then(number // 100 * 3600 + number % 100 * 60).otherwise(None)
    elif unit == "hhmmss":
        frame = plain.cast(pl.Int64, strict=False).alias("number").to_frame()
        good = (number % 100 < 60) & (number // 100 % 100 < 60) & (number >= 0)
        seconds = pl.when(good).then(number // 10_000 * 3600 + number // 100 % 100 * 60 + number % 100).otherwise(None)
    else:
        frame = plain.cast(pl.Float64, strict=False).alias("number").to_frame()
        scaled = (number * 60).round(6) if unit == "minutes" else number / _PARTS[unit]
        fits = number.is_not_nan() & scaled.is_between(-LONGEST_SECONDS, LONGEST_SECONDS)
        seconds = pl.when(fits).then(scaled).otherwise(None).cast(pl.Int64)
    missed = pl.when(number == MISSED).then(MISSED).otherwise(seconds)
    return frame.select(missed.cast(pl.Int64).alias(text.name)).to_series()


def read_duration(typed: str, unit: str = "seconds") -> int | None:
    """Read one duration that is no plain number of its unit into whole seconds, or None."""
    text = typed.strip().strip("'\"").strip()
    match = _SECONDS.fullmatch(text)
    if match:
        return int(match[1])
    worded = _WORDED.fullmatch(text)
    if worded is not None:
        hours, minutes, seconds = (int(part or 0) for part in worded.groups())
        return hours * 3600 + minutes * 60 + seconds
    clock = _CLOCK.fullmatch(text.lstrip("-"))
    if clock is None or int(clock[3]) > 59 or (clock[1] and int(clock[2]) > 59):
        return None
    if unit == "hhmm" and clock[1] is None:
        return int(clock[2]) * 3600 + int(clock[3]) * 60
    seconds = int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + int(clock[3])
    return -max(seconds, 2) if text.startswith("-") and seconds else seconds
