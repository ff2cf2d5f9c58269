"""Findings and calls made by hand, for the tests of alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.lake import Lake
from sentinel_batch.schema import CALL_RECORDS, FINDING_COLUMNS, polars_schema

START = datetime(2026, 3, 1, tzinfo=UTC)
SUSPECT = "+2348031234567"
PARAMETERS = '{"max_avg_duration": 3.0, "min_unique_destinations": 50, "window": "24h"}'


def at(hours: float) -> datetime:
    """Return the time so many hours after the start of every sample."""
    return START + timedelta(hours=hours)


def finding(
    start: float = 0, end: float = 10, severity: str = "LOW", suspect: str = SUSPECT, **other: Any
) -> dict[str, Any]:
    """Return a finding whose episode is (start, end] hours."""
    return {
        "detection_rule": "SDHF_001",
        "rule_version": "1.0",
        "alert_type": "SDHF_SIMBOX",
        "suspect_number": suspect,
        "alert_severity": severity,
        "confidence": 0.5,
        "call_count": 60,
        "unique_destinations": 60,
        "avg_duration_seconds": 2.5,
        "window_start": at(start),
        "window_end": at(end),
        "episode_start": at(start),
        "episode_end": at(end),
        "first_seen": at(start + 0.5),
        "last_seen": at(end),
        "evidence_summary": f"{severity} from {start} to {end}",
        "evidence": None,
        "parameters": PARAMETERS,
        **other,
    }


def frame(*findings: dict[str, Any]) -> pl.DataFrame:
    """Return findings as the frame that detect returns."""
    return pl.DataFrame(list(findings), schema=polars_schema(FINDING_COLUMNS))


def make_lake(path: Path, calls: list[dict[str, Any]] | None = None) -> Lake:
    """Return a new lake, with calls if there are any."""
    lake = Lake.create(path / "lake")
    if calls:
        lake.append(CALL_RECORDS.name, pl.DataFrame(calls, schema=polars_schema(CALL_RECORDS.columns)))
    return lake


def call(hours: float, callee: str, duration: int = 2, caller: str = SUSPECT, **other: Any) -> dict[str, Any]:
    """Return a call record."""
    return {
        **dict.fromkeys(CALL_RECORDS.columns),
        "call_timestamp": at(hours),
        "call_date": at(hours).date(),
        "caller_number": caller,
        "callee_number": callee,
        "duration_seconds": duration,
        "call_direction": "outbound",
        **other,
    }
