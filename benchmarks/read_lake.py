"""A lake of generated calls for point reads: two weeks, in parts as ingest writes them, with alerts and profiles."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.alerts import record_alerts
from sentinel_batch.ingestion.loading.deduplication import write_part
from sentinel_batch.lake import Lake, StagedFile
from sentinel_batch.schema import CALL_RECORDS, FINDING_COLUMNS, polars_schema

DAYS = 14
FIRST_DAY = date(2026, 1, 9)
LAST_DAY = FIRST_DAY + timedelta(days=DAYS - 1)
PART_ROWS = 250_000
CALLS_PER_CALLER = 50
SUSPECTS = 200
SUSPECT_CALLS = 200
"""Calls that a suspect makes on the last day."""

_MICROSECONDS = 86_400_000_000
_LOCAL = timedelta(hours=1)


def make_read_lake(path: Path, rows: int) -> None:
    """Fill a lake with so many calls of :data:`DAYS` days, an alert for each suspect, profiles of the last two days."""
    from sentinel_batch.profiles import build_profiles

    shutil.rmtree(path, ignore_errors=True)
    lake, random = Lake.create(path), np.random.default_rng(13)
    with lake.lock(), lake.staging() as folder:
        for day in range(DAYS):
            lake.add_files(CALL_RECORDS.name, list(_stage_day(folder, day, rows, random)), commit_id=f"day-{day}")
    record_alerts(_find(rows), lake=lake)
    build_profiles(lake=lake, since=LAST_DAY - timedelta(days=1))


def name_callers(callers: npt.NDArray[np.int64]) -> pl.Series:
    """Return the numbers of callers 0, 1, 2 …."""
    return pl.Series(callers + 2_348_000_000_000).cast(pl.String).str.replace("^", "+")


def pick_suspects(rows: int) -> npt.NDArray[np.int64]:
    """Return the callers that make many short calls on the last day."""
    callers = rows // CALLS_PER_CALLER
    return np.arange(SUSPECTS) * max(callers // SUSPECTS, 1)


def _stage_day(folder: Path, day: int, rows: int, random: np.random.Generator) -> Iterator[StagedFile]:
    for part, start in enumerate(range(0, rows // DAYS, PART_ROWS)):
        frame = _draw(day, min(PART_ROWS, rows // DAYS - start), rows, random)
        target = folder / f"part-{day}-{part}.parquet"
        write_part(frame, target)
        bounds = cast(Any, (frame["call_timestamp"].min(), frame["call_timestamp"].max()))
        partition = {"call_date": str(FIRST_DAY + timedelta(days=day))}
        yield StagedFile(target, target.name, partition, frame.height, *bounds)


def _draw(day: int, count: int, rows: int, random: np.random.Generator) -> pl.DataFrame:
    midnight = datetime.combine(FIRST_DAY + timedelta(days=day), time(), UTC)
    callers = (random.power(0.7, count) * (rows // CALLS_PER_CALLER)).astype(np.int64)
    durations = random.exponential(90, count).astype(np.int64)
    if day == DAYS - 1:
        busy = random.choice(count, SUSPECTS * SUSPECT_CALLS * count * DAYS // rows, replace=False)
        callers[busy], durations[busy] = random.choice(pick_suspects(rows), busy.size), random.integers(0, 4, busy.size)
    moments = pl.Series(np.sort(random.integers(0, _MICROSECONDS, count))).cast(pl.Duration("us"))
    frame = pl.DataFrame(
        {
            "call_timestamp": moments + pl.Series([midnight]).cast(pl.Datetime("us", "UTC")),
            "caller_number": name_callers(callers),
            "callee_number": name_callers(random.integers(0, rows // 5 + 1, count)),
            "duration_seconds": durations,
            "call_direction": pl.Series(["outgoing"] * count, dtype=pl.Categorical),
            "location_code": pl.Series(callers % 500).cast(pl.String).cast(pl.Categorical),
            "answered": durations > 0,
            "source_file": pl.Series(["generated.csv"] * count, dtype=pl.Categorical),
            "source_line": np.arange(count),
            "ingest_id": pl.Series([f"day-{day}"] * count, dtype=pl.Categorical),
        }
    )
    local = pl.col("call_timestamp") + _LOCAL
    clock = {"local_date": local.dt.date(), "local_hour": local.dt.hour(), "iso_weekday": local.dt.weekday()}
    return frame.with_columns(**clock, callee_prefix=pl.col("callee_number").str.head(7).cast(pl.Categorical))


def _find(rows: int) -> pl.DataFrame:
    end = datetime.combine(LAST_DAY, time(23), UTC)
    facts = {
        "detection_rule": "SDHF_001",
        "alert_type": "SDHF_SIMBOX",
        "rule_version": "1.0",
        "alert_severity": "HIGH",
        "confidence": 0.9,
        "evidence_summary": f"{SUSPECT_CALLS} calls",
        "call_count": SUSPECT_CALLS,
        "unique_destinations": SUSPECT_CALLS,
        "avg_duration_seconds": 1.5,
        "parameters": '{"max_avg_duration": 3.0, "min_unique_destinations": 50, "window": "24h"}',
        **{f"{name}_start": end - timedelta(hours=24) for name in ("window", "episode")},
        **{f"{name}_end": end for name in ("window", "episode")},
        "first_seen": end - timedelta(hours=23),
        "last_seen": end,
    }
    schema = polars_schema(FINDING_COLUMNS)
    found: list[dict[str, Any]] = [
        {**dict.fromkeys(schema), **facts, "suspect_number": n} for n in name_callers(pick_suspects(rows))
    ]
    return pl.DataFrame(found, schema=schema)
