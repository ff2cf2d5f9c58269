"""A small network with SIM boxes in it, as arrays for the statistics and as a lake for the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from detection_lake import make_lake

from sentinel_batch.boxes.candidates import Candidates
from sentinel_batch.boxes.selection import choose_candidates
from sentinel_batch.lake import Lake
from sentinel_batch.schema import BOX_TRACES, CALL_RECORDS, polars_schema

FIRST = date(2026, 1, 5)
DAYS = [FIRST + timedelta(days=day) for day in range(10)]
BOX = [f"+2348136{n:06}" for n in range(260_301, 260_333, 4)]
"""Eight SIMs bought together."""


@dataclass
class Network:
    """Calls of heavy one-way callers who have nothing to do with each other, and of boxes that are planted.

    Parameters
    ----------
    seed
        Equal seeds give equal calls.
    callers
        Number of unrelated callers.
    days
        Days that it lasts.
    """

    seed: int = 1
    callers: int = 150
    days: int = len(DAYS)
    rows: list[tuple[str, str, int, int, int, str | None, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        cells = self.rng.integers(60, size=self.callers)
        for n in range(self.callers):
            number = f"+23480{self.rng.integers(10**8):08}"
            imei = f"{35_000_000 + int(self.rng.integers(40)) * 977:08}{n:06}"
            self.add(number, calls=6, cell=f"LOS{cells[n]:03}", imei=imei)

    def add(
        self, number: str, *, calls: int, cell: str | None = None, imei: str | None = None, first: int = 0,
        last: int | None = None, callees: list[str] | None = None, seconds: int = 120,
    ) -> None:  # fmt: skip
        """Add a caller with so many calls a day, to anybody or to the callees given."""
        for day in range(first, self.days if last is None else last + 1):
            for _ in range(calls):
                anybody = f"+23490{self.rng.integers(4_000):08}"
                callee = callees[self.rng.integers(len(callees))] if callees else anybody
                hour, second = int(self.rng.integers(6, 22)), int(self.rng.integers(3_600))
                self.rows.append((number, callee, day, hour * 3_600 + second, seconds, cell, imei))

    def add_box(self, numbers: list[str], *, cell: str = "KAN007", customers: int = 400, **facts: Any) -> None:
        """Add SIMs that stand in one place and share customers, each with a handset of one model."""
        pool = [f"+23491{self.rng.integers(10**6):08}" for _ in range(customers)]
        for n, number in enumerate(numbers):
            self.add(number, calls=12, cell=cell, imei=f"86814960{n:06}", callees=pool, seconds=240, **facts)

    def traces(self) -> pl.DataFrame:
        """Return the calls as rows of ``box_traces``."""
        calls = pl.DataFrame(
            self.rows, orient="row",
            schema=["number", "callee", "day", "second", "seconds", "cell", "handset"],
        ).with_columns(
            local_date=pl.lit(FIRST) + pl.duration(days="day"), hour=(pl.col("second") // 3_600).cast(pl.String)
        )  # fmt: skip
        parts = [
            calls.filter(pl.col(kind).is_not_null())
            .group_by("number", pl.col(kind).alias("value"), "local_date")
            .agg(calls=pl.len(), completed=pl.len(), minutes=pl.col("seconds").sum() / 60)
            .with_columns(kind=pl.lit(kind))
            for kind in ("callee", "cell", "handset", "hour")
        ]
        columns = polars_schema(BOX_TRACES.columns)
        return pl.concat(part.select(pl.col(name).cast(kind) for name, kind in columns.items()) for part in parts)

    def candidates(self) -> Candidates:
        """Return the callers with ten one-way callees or more."""
        return choose_candidates(self.traces(), DAYS[: self.days], callees=10, share=0.6)

    def save(self, path: Path, *, first: int = 0, last: int | None = None, imeis: bool = True) -> Lake:
        """Put the calls of some days into a new lake."""
        rows = [row for row in self.rows if first <= row[2] <= (self.days if last is None else last)]
        local = [FIRST + timedelta(days=row[2]) for row in rows]
        # The zone of the settings is an hour ahead of UTC.
        starts = [datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1) for day in local]
        calls = [
            (row[0], row[1], start + timedelta(seconds=row[3]), row[4]) for row, start in zip(rows, starts, strict=True)
        ]
        return make_lake(
            path,
            calls,
            location_code=[row[5] for row in rows],
            imei=[row[6] if imeis else None for row in rows],
            local_date=local,
            local_hour=[row[3] // 3_600 for row in rows],
        )

    def extend(self, lake: Lake, scratch: Path, *, first: int, last: int) -> None:
        """Add the calls of some days to a lake."""
        more = self.save(scratch, first=first, last=last)
        lake.append(CALL_RECORDS.name, more.snapshot().read(CALL_RECORDS.name))


NEW_SIMS = [f"+2348136{n:06}" for n in (260_335, 260_339)]
"""SIMs that join the box when its first two end."""


def plan_network(cell: str = "KAN007") -> Network:
    """Return a network with a box whose first two SIMs end on the sixth day, when two others begin."""
    network = Network(callers=110)
    pool = [f"+23491{n:08}" for n in range(300)]
    for n, number in enumerate([*BOX, *NEW_SIMS]):
        life = {"last": 5} if n < 2 else {"first": 6} if number in NEW_SIMS else {}
        network.add(number, calls=12, cell=cell, imei=f"86814960{n:06}", callees=pool, seconds=240, **life)
    network.add("+2348000000001", calls=9, callees=["+2348000000002"])
    return network
