"""Profiles of a day, from calls to finished rows; nothing is written to the lake."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl

from sentinel_batch.lake import Snapshot, scan_parts
from sentinel_batch.profiles.calls import (
    day_bounds,
    learn_numbers,
    list_files,
    read_calls,
    read_pairs,
    scan_days,
)
from sentinel_batch.profiles.days import Calendar, Definition, StoredDay, is_current
from sentinel_batch.profiles.figures import Groups, measure_day, measure_destinations, measure_volume, select_callers
from sentinel_batch.profiles.history import (
    TRAILING_DAYS,
    TRAILING_FIGURES,
    measure_contacts,
    measure_unusual,
)
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.segments import score_night_shares
from sentinel_batch.schema import PROFILES, polars_schema

CALLS_AT_ONCE = 12_000_000
"""A day of more calls is worked on in several parts: ten million calls of two million callers took 2.6 GB at peak."""


class Measurement:
    """Computes days, and keeps on disk what the days after them need.

    Parameters
    ----------
    tables
        Where the calls lie.
    definition
        What the figures depend on.
    calendar
        Calls of each day, lookbacks included.
    stored
        Stored days, for the trailing figures of days that are not computed here.
    folder
        A folder of :meth:`Lake.staging`.
    days
        How many days will be computed; the pairs of lookbacks are staged if several need them.
    calls_at_once
        Size of the parts.
    """

    def __init__(
        self,
        tables: Snapshot,
        definition: Definition,
        calendar: Calendar,
        stored: Mapping[date, StoredDay],
        folder: Path,
        *,
        days: int,
        calls_at_once: int = CALLS_AT_ONCE,
    ) -> None:
        self.tables = tables
        self.definition = definition
        self.calendar = calendar
        self.stored = stored
        self.folder = folder
        self.reuses_pairs = days > 1
        self.calls_at_once = calls_at_once
        self.keys = NumberKeys()
        self._pairs: dict[date, list[Path]] = {}
        self._trails: dict[date, list[Path]] = {}

    def measure(self, day: date) -> pl.LazyFrame:
        """Return the profiles of a day (columns of ``schema.PROFILES``), in a fixed order."""
        # Division rounded up.
        parts = -(-self.calendar.calls[day] // self.calls_at_once)
        rows = [self._measure_part(day, (part, parts)) for part in range(parts)]
        whole = score_night_shares(pl.concat(rows))
        start, end = day_bounds(day, self.definition.zone)
        finished = whole.with_columns(
            local_date=pl.lit(day),
            day_start=pl.lit(start),
            day_end=pl.lit(end),
            history_days=pl.lit(len(self.calendar.lookback(day))),
            history_calls=pl.lit(self.calendar.history_calls(day)),
            definition=pl.lit(self.definition.text),
        )
        schema = polars_schema(PROFILES.columns)
        return finished.select(pl.col(name).cast(kind) for name, kind in schema.items())

    def _scan(self, day: date) -> pl.LazyFrame:
        return scan_days(list_files(self.tables, day, day), day, day, self.definition.zone)

    def _measure_part(self, day: date, part: tuple[int, int]) -> pl.LazyFrame:
        calls = read_calls(self._scan(day), self.keys, part)
        groups = Groups(select_callers(calls, part))
        frame = measure_day(groups, calls, self.keys, self.definition.country_code)
        columns = measure_contacts(groups, calls, self._history(day))
        trailing = [self._trail(earlier) for earlier in self.calendar.lookback(day, TRAILING_DAYS)]
        columns |= measure_unusual(frame.select("key", *TRAILING_FIGURES), trailing)
        self._keep(day, part, frame, groups)
        rows = frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()}).fill_nan(None)
        return self._set_aside(rows.with_columns(segment=self.definition.segments.express()), day, part)

    def _set_aside(self, rows: pl.DataFrame, day: date, part: tuple[int, int]) -> pl.LazyFrame:
        """Keep the rows of one part on disk while others are worked on."""
        if part[1] == 1:
            return rows.lazy()
        file = self.folder / f"rows-{day}-{part[0]}.parquet"
        rows.write_parquet(file)
        return pl.scan_parquet(file, glob=False)

    def _keep(self, day: date, part: tuple[int, int], frame: pl.DataFrame, groups: Groups) -> None:
        """Stage what later days need of this one."""
        if not self.reuses_pairs:
            return
        file = self.folder / f"pairs-{day}-{part[0]}.parquet"
        groups.pairs().write_parquet(file)
        self._pairs.setdefault(day, []).append(file)
        trail = self.folder / f"trail-{day}-{part[0]}.parquet"
        frame.select("key", *TRAILING_FIGURES).write_parquet(trail)
        self._trails.setdefault(day, []).append(trail)

    def _history(self, day: date) -> pl.LazyFrame | None:
        """Scan the pairs of the days before."""
        days = self.calendar.lookback(day)
        if not days:
            return None
        if self.reuses_pairs:
            # Pairs of a day serve the 28 days after it: read once, kept on disk, deleted with the staging folder.
            for earlier in days:
                self._stage_pairs(earlier)
            files = [file for earlier in days for file in self._pairs[earlier]]
            return pl.scan_parquet(files, glob=False)
        scan = scan_days(list_files(self.tables, days[0], days[-1]), days[0], days[-1], self.definition.zone)
        return read_pairs(scan, self.keys)

    def _stage_pairs(self, day: date) -> None:
        if day not in self._pairs:
            scan = self._scan(day)
            learn_numbers(scan, self.keys)
            file = self.folder / f"pairs-{day}.parquet"
            read_pairs(scan, self.keys).sink_parquet(file, compression="lz4")
            self._pairs[day] = [file]

    def _trail(self, day: date) -> pl.DataFrame:
        """Return the figures of an earlier day that its successors are compared with, by key."""
        if day in self._trails:
            return pl.read_parquet(self._trails[day], glob=False).sort("key")
        stored = self.stored.get(day)
        # Its lookback may be stale all the same: the figures that are compared do not depend on it.
        if stored is not None and is_current(day, stored, self.calendar, self.definition):
            rows = scan_parts(PROFILES.name, list(stored.files)).select("number", *TRAILING_FIGURES).collect()
        else:
            rows = self._measure_trail(day)
        file = self.folder / f"trail-{day}.parquet"
        self.keys.learn(rows.filter(self.keys.express("number").is_null())["number"])
        rows.select(self.keys.express("number").alias("key"), *TRAILING_FIGURES).sort("key").write_parquet(file)
        self._trails[day] = [file]
        return self._trail(day)

    def _measure_trail(self, day: date) -> pl.DataFrame:
        groups = Groups(read_calls(self._scan(day), self.keys))
        columns = measure_volume(groups) | measure_destinations(groups, self.keys, self.definition.country_code)
        return pl.DataFrame({"number": self.keys.decode(groups.keys), **{n: columns[n] for n in TRAILING_FIGURES}})
