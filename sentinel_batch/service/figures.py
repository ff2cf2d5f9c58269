"""Figures of the lake for Prometheus: what a night left, what is open, how much room there is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any

import polars as pl
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from batch_base.errors import ReportedError
from sentinel_batch.desk import Desk
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.nightly.metrics import name_lake
from sentinel_batch.nightly.period import last_success
from sentinel_batch.schema import CALL_RECORDS, FRAUD_ALERTS, RUNS, SEVERITIES
from sentinel_batch.window import now

_AGE_SECONDS = 10.0

Figures = dict[str, tuple[str, list[tuple[dict[str, str], float]]]]


class LakeFigures(Collector):
    """Reads a lake when it is asked, but not more often than every ten seconds, and only tables that have changed.

    Parameters
    ----------
    desk
        The lake.
    clock
        Seconds that only grow.
    """

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._clock = clock
        self._lock = Lock()
        self._read_at = float("-inf")
        self._figures: Figures = {}
        self._kept: dict[str, tuple[Any, Any]] = {}

    def describe(self) -> Iterable[Metric]:
        """Return nothing: else registering would read the lake."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Return the figures; where the lake cannot be read, only that it cannot."""
        with self._lock:
            if self._clock() - self._read_at >= _AGE_SECONDS:
                self._figures = self._read()
                self._read_at = self._clock()
            figures = self._figures
        for name, (text, samples) in figures.items():
            gauge = GaugeMetricFamily(name, text, labels=["lake", *next((labels for labels, _ in samples), {})])
            for labels, value in samples:
                gauge.add_metric([name_lake(self._desk.config), *labels.values()], value)
            yield gauge

    def _read(self) -> Figures:
        try:
            figures = self._read_lake()
            readable = 1.0
        except (ReportedError, OSError, pl.exceptions.PolarsError):
            figures, readable = {}, 0.0
        return {"sentinel_lake_readable": ("Whether the lake can be read.", [({}, readable)]), **figures}

    def _read_lake(self) -> Figures:
        lake, tables = self._desk.lake, self._desk.lake.snapshot()
        opened = self._keep(tables, FRAUD_ALERTS.name, _count_open)
        size = self._keep(tables, CALL_RECORDS.name, _measure_calls)
        success = self._keep(tables, RUNS.name, last_success)
        free = float(shutil.disk_usage(lake.path).free)
        return {
            "sentinel_alerts_open": (
                "Open alerts by severity.",
                [({"severity": name}, n) for name, n in opened.items()],
            ),
            "sentinel_lake_bytes": ("Size of a table's files.", [({"table": CALL_RECORDS.name}, size)]),
            "sentinel_lake_disk_free_bytes": ("Room on the lake's disk.", [({}, free)]),
            "sentinel_lake_lock_held_seconds": (
                "How long the writer lock is held; 0: free.",
                [({}, held_seconds(lake))],
            ),
            # The night's own textfile calls it so, too: one rule watches both.
            "sentinel_nightly_last_success_timestamp_seconds": (
                "When the last successful run ended.",
                [({}, success.timestamp())] if success is not None else [],
            ),
        }

    def _keep(self, tables: Snapshot, name: str, read: Callable[[Snapshot], Any]) -> Any:
        """Return what is read of a table, from memory where it has not changed."""
        version = tables.versions[name]
        if self._kept.get(name, (object(), None))[0] != version:
            self._kept[name] = (version, read(tables))
        return self._kept[name][1]


def held_seconds(lake: Lake) -> float:
    """Return how long the writer lock has been held by who holds it now; 0 if nobody does."""
    holder = lake.find_lock_holder()
    return max(0.0, (now() - holder.since).total_seconds()) if holder is not None else 0.0


def _count_open(tables: Snapshot) -> dict[str, float]:
    rows = tables.scan(FRAUD_ALERTS.name).filter(pl.col("status") == "open")
    counts = dict(rows.group_by("alert_severity").agg(pl.len()).collect().iter_rows())
    return {name: float(counts.get(name, 0)) for name in SEVERITIES}


def _measure_calls(tables: Snapshot) -> float:
    return float(sum(_size(file) for file in tables.files(CALL_RECORDS.name)))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
