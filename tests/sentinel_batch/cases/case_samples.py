"""Calls and alerts of a small network, for the tests of cases and of the report on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alert_samples import finding, frame
from detection_lake import make_lake

from sentinel_batch.alerts import record_alerts
from sentinel_batch.lake import Lake

START = datetime(2026, 1, 10, 8, tzinfo=UTC)
BOX = [f"+23480300000{n:02}" for n in range(4)]
OTHERS = [f"+2349{n:09}" for n in range(1000, 1040)]
IMEI = "356938035643809"


class Book:
    """Calls of a small network, to be put into a lake."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, datetime, int]] = []
        self.cells: list[str | None] = []
        self.imeis: list[str | None] = []

    def add(
        self, caller: str, *, calls: int = 40, day: int = 0, hour: int = 0, cell: str | None = None,
        imei: str | None = None, callees: list[str] | None = None, seconds: int = 120,
    ) -> None:  # fmt: skip
        own = callees or [f"to {caller} {n}" for n in range(calls)]
        for n in range(calls):
            callee = own[n % len(own)]
            self.rows.append((caller, callee, START + timedelta(days=day, hours=hour, minutes=n), seconds))
            self.cells.append(cell)
            self.imeis.append(imei)

    def save(self, path: Path) -> Lake:
        return make_lake(path, self.rows, location_code=self.cells, imei=self.imeis, **self.local())

    def local(self) -> dict[str, list[Any]]:
        times = [row[2] + timedelta(hours=1) for row in self.rows]
        return {"local_date": [time.date() for time in times], "local_hour": [time.hour for time in times]}


def everybody_else(book: Book) -> None:
    """Forty ordinary callers in as many cells."""
    for n, number in enumerate(OTHERS):
        book.add(number, calls=5, hour=n % 12, cell=f"KAN{n:03}")


def accuse(lake: Lake, *numbers: str, **facts: Any) -> None:
    """Record an alert of SDHF_001 for each number."""
    times = {name: START for name in ("first_seen", "window_start", "episode_start")}
    times |= {name: START + timedelta(hours=1) for name in ("last_seen", "window_end", "episode_end")}
    record_alerts(frame(*(finding(suspect=number, **times, **facts) for number in numbers)), lake=lake)
