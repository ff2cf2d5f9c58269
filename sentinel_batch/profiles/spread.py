"""How the figures of all callers of a local day are spread, for those who compare one caller with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.profiles.calls import list_files, scan_days
from sentinel_batch.profiles.days import VERSION, list_stored, read_calendar
from sentinel_batch.schema import PROFILES

FIGURES = ("call_count", "unique_callees", "mean_duration")


@dataclass(frozen=True)
class Distribution:
    """Values of one figure in rising order, each once, and how many callers have this one or a lower one."""

    values: npt.NDArray[np.float64]
    callers: npt.NDArray[np.int64]

    @classmethod
    def of(cls, figures: pl.Series) -> Distribution:
        """Count the callers of each value."""
        values, counts = np.unique(figures.cast(pl.Float64).to_numpy(), return_counts=True)
        return cls(values, np.cumsum(counts))

    def below(self, value: float) -> int:
        """Count the callers whose figure is lower."""
        place = int(np.searchsorted(self.values, value))
        return int(self.callers[place - 1]) if place else 0


@dataclass(frozen=True)
class Spread:
    """The figures of all callers of a local day.

    Parameters
    ----------
    callers
        Numbers that called.
    figures
        Each of :data:`FIGURES`.
    """

    callers: int
    figures: Mapping[str, Distribution]


def read_spread(tables: Snapshot, zone: str, day: date) -> Spread:
    """Return how the figures of a local day's callers are spread.

    They come from the stored profiles, or from the calls where profiles were not built yet or calls came in since: the
    figures are the same, but take seconds instead of milliseconds. What was read once is kept with the tables' engine.

    Parameters
    ----------
    tables
        The lake.
    zone
        IANA zone whose midnights bound the day.
    day
        The local day.
    """
    calls = tuple(list_files(tables, day, day))
    profiles = tuple(file for file in tables.files(PROFILES.name) if file.parent.name == f"local_date={day}")
    return tables.engine.remember(("spread", zone, day, calls, profiles), lambda: _measure(tables, zone, day))


def _measure(tables: Snapshot, zone: str, day: date) -> Spread:
    frame = _read_profiles(tables, day) if _is_current(tables, zone, day) else _count_calls(tables, zone, day)
    return Spread(frame.height, {name: Distribution.of(frame[name]) for name in FIGURES})


def _is_current(tables: Snapshot, zone: str, day: date) -> bool:
    """Tell whether all calls of the day are in its stored profiles."""
    stored = list_stored(tables, day, day).get(day)
    # These figures depend on nothing else of a definition: neither on the country nor on segments.
    if stored is None or stored.definition.split()[:2] != [VERSION, zone]:
        return False
    # Calls that left the lake (archived) are still in the profiles.
    return read_calendar(tables, zone, day, day).calls.get(day, 0) <= stored.calls


def _read_profiles(tables: Snapshot, day: date) -> pl.DataFrame:
    with tables.query(PROFILES.name) as profiles:
        found: pl.DataFrame = profiles.filter(f"local_date = DATE '{day}'").select(*FIGURES).pl()
    return found


def _count_calls(tables: Snapshot, zone: str, day: date) -> pl.DataFrame:
    files: list[Path] = list_files(tables, day, day)
    if not files:
        return pl.DataFrame(schema=dict.fromkeys(FIGURES, pl.Float64))
    grouped = scan_days(files, day, day, zone).group_by("caller_number")
    callees, seconds = pl.col("callee_number"), pl.col("duration_seconds")
    figures = grouped.agg(call_count=pl.len(), unique_callees=callees.n_unique(), mean_duration=seconds.mean())
    return figures.select(FIGURES).collect(engine="streaming")
