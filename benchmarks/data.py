"""Input of the benchmarks, generated: call records, and a lake with many alerts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from sentinel_batch.lake import Lake
from sentinel_batch.schema import FRAUD_ALERTS, SEVERITIES, polars_schema
from sentinel_batch.simulation import MockCDRGenerator


def make_calls(path: Path, rows: int) -> None:
    """Write a CSV of so many calls, one SIM box for every 100,000, seven days for 100 million and more."""
    days = 7 if rows >= 100_000_000 else 1
    generator = MockCDRGenerator(42, days=days)
    generator.save_to_file(path, total_records=rows, simbox_callers=max(rows // 100_000, 1), simbox_calls_per_caller=75)


def make_population(lake: Path, subscribers: int, days: int) -> None:
    """Fill a lake with a simulated population and its profiles: 100,000 make 7.5 million calls in 14 days."""
    from sentinel_batch.profiles import build_profiles
    from sentinel_batch.simulation.population import simulate_population

    shutil.rmtree(lake, ignore_errors=True)
    simulate_population(lake=lake, subscribers=subscribers, days=days, seed=1, boxes=2)
    build_profiles(lake=lake)


def make_alert_lake(path: Path, alerts: int) -> None:
    """Make a lake with so many alerts and no calls."""
    shutil.rmtree(path, ignore_errors=True)
    start = datetime(2026, 1, 22, tzinfo=UTC)
    rows = {
        "id": range(1, alerts + 1),
        "alert_type": ["SDHF_SIMBOX"] * alerts,
        "suspect_number": [f"+23480{number:08d}" for number in range(alerts)],
        "alert_severity": [SEVERITIES[number % 4] for number in range(alerts)],
        "evidence_summary": ["made 120 calls to 95 unique destinations"] * alerts,
        "call_count": [51 + number % 300 for number in range(alerts)],
        "unique_destinations": [51 + number % 250 for number in range(alerts)],
        "avg_duration_seconds": [1 + number % 20 / 10 for number in range(alerts)],
        "detection_rule": ["SDHF_001"] * alerts,
        "reviewed": [number % 3 == 0 for number in range(alerts)],
        "status": ["reviewed" if number % 3 == 0 else "open" for number in range(alerts)],
        "last_seen": [start + timedelta(seconds=number) for number in range(alerts)],
    }
    frame = pl.DataFrame(rows)
    schema = polars_schema(FRAUD_ALERTS.columns)
    filled = frame.with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in rows
    )
    times = ("created_at", "first_seen", "window_start", "window_end", "updated_at", "episode_start", "episode_end")
    Lake.create(path).overwrite(
        FRAUD_ALERTS.name, filled.with_columns(pl.col("last_seen").alias(name) for name in times)
    )
