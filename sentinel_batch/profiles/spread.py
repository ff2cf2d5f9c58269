"""How the figures of all callers of a local day are spread, for those who compare one caller with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.lake import Lake, Snapshot, full_disk_reported
from sentinel_batch.profiles.calls import list_files, read_lengths, scan_days
from sentinel_batch.profiles.days import VERSION, read_calendar
from sentinel_batch.profiles.grouping import IntArray, find_starts, sort_rows, sort_within
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.parts import CALLS_AT_ONCE, cut_day
from sentinel_batch.profiles.spill import Spill
from sentinel_batch.schema import CALL_RECORDS, PROFILES

Files = tuple[Path, ...]

FIGURES = ("call_count", "unique_callees", "mean_duration")


@dataclass(frozen=True)
class Spread:
    """The figures of all callers of a local day.

    Parameters
    ----------
    callers
        Numbers that called.
    figures
        Each of :data:`FIGURES`, one value for each caller, in ascending order.
    """

    callers: int
    figures: Mapping[str, npt.NDArray[Any]]

    def below(self, figure: str, value: float) -> int:
        """Count the callers whose figure is lower."""
        return int(np.searchsorted(self.figures[figure], value))


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
    key = (zone, day, calls, profiles)
    return tables.engine.remember("spread", key, lambda: _measure(tables, zone, day, calls, profiles))


def _measure(tables: Snapshot, zone: str, day: date, calls: Files, profiles: Files) -> Spread:
    frame = _read_profiles(tables, zone, profiles) if profiles else None
    count = _count_day(tables, zone, day, calls)
    # Calls that left the lake (archived) are still in the profiles.
    if frame is None or frame["call_count"].sum() < count:
        frame = _count_calls(tables, zone, day, count)
    return Spread(frame.height, {name: np.sort(frame[name].to_numpy()) for name in FIGURES})


def _read_profiles(tables: Snapshot, zone: str, files: Files) -> pl.DataFrame | None:
    """Return the figures of a day's stored profiles; None if they follow another definition."""
    with tables.query(PROFILES.name, files=files) as profiles:
        [(definition,)] = profiles.select("definition").limit(1).fetchall() or [("",)]
        # These figures depend on nothing else of a definition: neither on the country nor on segments.
        if definition.split()[:2] != [VERSION, zone]:
            return None
        found: pl.DataFrame = profiles.select(*FIGURES).pl()
    return found


def _count_day(tables: Snapshot, zone: str, day: date, files: Files) -> int:
    """Count the calls of a local day."""
    known = "local_date IS NOT NULL AND local_hour IS NOT NULL"
    with tables.query(CALL_RECORDS.name, files=files) as calls:
        counts = f"count(*) FILTER ({known} AND local_date = DATE '{day}'), count(*) FILTER (NOT ({known}))"
        [(stored, derived)] = calls.aggregate(counts).fetchall()
    # Calls whose ingest said nothing of local time: rare, and dearer to count.
    return read_calendar(tables, zone, day, day).calls.get(day, 0) if derived else stored


def _count_calls(tables: Snapshot, zone: str, day: date, calls: int) -> pl.DataFrame:
    """Work out the figures of a day in parts, so that its callers need not all be in memory with their callees."""
    files, keys = list_files(tables, day, day), NumberKeys()
    frames = [pl.DataFrame(schema=dict.fromkeys(FIGURES, pl.Float64))]
    if calls:
        scan = partial(scan_days, first=day, last=day, zone=zone)
        bounds = cut_day(files, scan, calls, keys, CALLS_AT_ONCE)
        kinds = dict.fromkeys(("caller", "callee", "duration"), np.int64)
        with (
            full_disk_reported(tables.path),
            Lake.open(tables.path).staging() as folder,
            Spill(folder / "calls.bin", kinds, "caller", bounds) as spill,
        ):
            for block in read_lengths(scan(files), keys):
                spill.add(block)
            frames += [_summarise(**spill.read(part)) for part in range(bounds.size + 1) if spill.count(part)]
    return pl.concat(frames, how="vertical_relaxed")


def _summarise(caller: IntArray, callee: IntArray, duration: IntArray) -> pl.DataFrame:
    """Return the figures of the callers of some calls."""
    callers, order = sort_rows(caller)
    new = find_starts(callers)
    firsts, codes = np.flatnonzero(new), np.cumsum(new) - 1
    sizes = np.diff(firsts, append=callers.size)
    met = find_starts(sort_within(codes, callee[order])) | new
    return pl.DataFrame(
        {
            "call_count": sizes,
            "unique_callees": np.add.reduceat(met.astype(np.int64), firsts),
            "mean_duration": np.add.reduceat(duration[order], firsts) / sizes,
        }
    )
