"""A small simulated population in a lake, made once for all tests that look at it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from sentinel_batch.lake import Lake
from sentinel_batch.simulation.population import PopulationTruth, simulate_population

SUBSCRIBERS = 12_000
DAYS = 7
SEED = 3


@dataclass(frozen=True)
class Simulated:
    """A lake, its calls by time, and the truth."""

    lake: Lake
    calls: pl.DataFrame
    truth: PopulationTruth

    def of(self, kind: str) -> pl.DataFrame:
        """Return the calls that numbers of a kind (or SIMs of a strategy) made."""
        numbers = self.truth.numbers.filter((pl.col("kind") == kind) | (pl.col("strategy") == kind))
        chosen = numbers.select("number", "box_id", "role", "fraud_start", "fraud_end")
        return self.calls.join(chosen, left_on="caller_number", right_on="number", maintain_order="left")


@cache
def simulated() -> Simulated:
    """Return the population."""
    folder = tempfile.TemporaryDirectory(prefix="population-")
    _KEPT.append(folder)
    lake = Lake.create(Path(folder.name) / "lake")
    truth = simulate_population(lake=lake, subscribers=SUBSCRIBERS, days=DAYS, seed=SEED, boxes=7)
    return Simulated(lake, lake.snapshot().scan("call_records").collect().sort("call_timestamp", "source_line"), truth)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
