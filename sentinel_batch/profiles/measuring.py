"""Profiles of a day, from calls to finished rows; nothing is written to the lake."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from sentinel_batch.lake import Snapshot, scan_parts
from sentinel_batch.profiles.calls import (
    day_bounds,
    list_files,
    read_calls,
    read_pairs,
    scan_days,
    to_arrays,
)
from sentinel_batch.profiles.days import Calendar, Definition, StoredDay, is_current
from sentinel_batch.profiles.figures import (
    Groups,
    count_nights,
    express_ratio,
    measure_day,
    measure_destinations,
    measure_volume,
)
from sentinel_batch.profiles.grouping import IntArray, keep_freed_memory
from sentinel_batch.profiles.history import (
    TRAILING_DAYS,
    TRAILING_FIGURES,
    measure_contacts,
    measure_unusual,
)
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.parts import CALLS_AT_ONCE, Blocks, DayParts, cut_day
from sentinel_batch.profiles.segments import measure_peers, score_night_shares
from sentinel_batch.profiles.texts import TextCodes
from sentinel_batch.schema import PROFILES, polars_schema

_THREADS = 2
"""Sorting and arithmetic of NumPy run outside Python's lock; more threads would only hold more parts at once."""

_ROWS = 100_000
"""Rows of a row group of trailing figures."""


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
        self.texts = TextCodes()
        self._pairs: dict[date, list[Path]] = {}
        self._trails: dict[date, list[Path]] = {}

    def measure(self, day: date) -> Iterator[pl.DataFrame]:
        """Return the profiles of a day (columns of ``schema.PROFILES``), part by part, by key of the caller."""
        keep_freed_memory()
        days = self.calendar.lookback(day, TRAILING_DAYS)
        trailing = [self._trail(earlier) for earlier in days]
        with self._divide(day, self._history(day)) as parts, ThreadPoolExecutor(_THREADS) as pool:
            shares = pool.map(partial(self._measure_nights, parts), parts.filled)
            peers = measure_peers(pl.concat(shares))
            measure = partial(self._measure_part, day, parts, trailing)
            for rows in _map(pool, measure, parts.filled):
                yield self._finish(day, rows, peers)

    def _divide(self, day: date, history: Blocks | None) -> DayParts:
        """Cut the calls of a day into parts; close them."""
        calls, files = self.calendar.calls[day], list_files(self.tables, day, day)
        scan = partial(scan_days, first=day, last=day, zone=self.definition.zone)
        parts = DayParts(self.folder, f"{day}", cut_day(files, scan, calls, self.keys, self.calls_at_once))
        parts.divide(read_calls(scan(files), self.keys, self.texts), history, calls)
        return parts

    def _measure_nights(self, parts: DayParts, part: int) -> pl.DataFrame:
        """Return ``segment, night_share`` of the callers of a part: what is usual is known once all parts are seen."""
        keys, calls, nights = count_nights(*parts.read_nights(part))
        numbers = self.keys.decode(keys) if self.definition.segments.assigned else ""
        frame = pl.DataFrame({"number": numbers, "call_count": calls, "night_calls": nights})
        return frame.select(
            segment=self.definition.segments.express(), night_share=express_ratio("night_calls", "call_count")
        )

    def _measure_part(self, day: date, parts: DayParts, trailing: Sequence[pl.LazyFrame], part: int) -> pl.DataFrame:
        groups = Groups(parts.read_calls(part), parts.read_received(part))
        frame = measure_day(groups, self.keys, self.texts, self.definition.country_code)
        columns = measure_contacts(groups, *parts.read_lookback(part))
        columns |= measure_unusual(
            frame.select("key", *TRAILING_FIGURES), [_cut(rows, groups.keys) for rows in trailing]
        )
        self._keep(day, part, frame, groups)
        return frame.with_columns(**{name: pl.Series(values) for name, values in columns.items()}).fill_nan(None)

    def _finish(self, day: date, rows: pl.DataFrame, peers: pl.DataFrame) -> pl.DataFrame:
        start, end = day_bounds(day, self.definition.zone)
        finished = rows.with_columns(segment=self.definition.segments.express()).with_columns(
            night_share_z=score_night_shares(peers),
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

    def _keep(self, day: date, part: int, frame: pl.DataFrame, groups: Groups) -> None:
        """Stage what later days need of this one."""
        if not self.reuses_pairs:
            return
        file = self.folder / f"pairs-{day}-{part}.parquet"
        groups.pairs().write_parquet(file, compression="lz4")
        self._pairs.setdefault(day, []).append(file)
        trail = self.folder / f"trail-{day}-{part}.parquet"
        frame.select("key", *TRAILING_FIGURES).write_parquet(trail)
        self._trails.setdefault(day, []).append(trail)

    def _history(self, day: date) -> Blocks | None:
        """Read the pairs of the days before."""
        days = self.calendar.lookback(day)
        if not days:
            return None
        if self.reuses_pairs:
            # Pairs of a day serve the 28 days after it: read once, kept on disk, deleted with the staging folder.
            for earlier in days:
                self._stage_pairs(earlier)
            files = [file for earlier in days for file in self._pairs[earlier]]
            return (to_arrays(pl.read_parquet(file, glob=False)) for file in files)
        scan = scan_days(list_files(self.tables, days[0], days[-1]), days[0], days[-1], self.definition.zone)
        return read_pairs(scan, self.keys)

    def _stage_pairs(self, day: date) -> None:
        if day not in self._pairs:
            self._pairs[day] = []
            for number, pairs in enumerate(read_pairs(self._scan(day), self.keys)):
                self._pairs[day].append(self.folder / f"pairs-{day}-{number}.parquet")
                pl.DataFrame(pairs).write_parquet(self._pairs[day][-1], compression="lz4")

    def _trail(self, day: date) -> pl.LazyFrame:
        """Return the figures of an earlier day that its successors are compared with, by key."""
        if day not in self._trails:
            self._trails[day] = [self.folder / f"trail-{day}.parquet"]
            stored = self.stored.get(day)
            # Its lookback may be stale all the same: the figures that are compared do not depend on it.
            if stored is not None and is_current(day, stored, self.calendar, self.definition):
                rows = scan_parts(PROFILES.name, list(stored.files))
                keyed = rows.select(*TRAILING_FIGURES, key=self.keys.express("number"))
            else:
                keyed = pl.concat(self._measure_trail(day)).lazy()
            # In order, so that a part of a day reads only the row groups that can hold its callers.
            keyed.select("key", *TRAILING_FIGURES).sort("key").sink_parquet(self._trails[day][0], row_group_size=_ROWS)
        return pl.scan_parquet(self._trails[day], glob=False)

    def _measure_trail(self, day: date) -> Iterator[pl.DataFrame]:
        with self._divide(day, None) as parts:
            for part in parts.filled:
                groups = Groups(parts.read_calls(part), parts.read_received(part))
                columns = measure_volume(groups) | measure_destinations(groups, self.keys, self.definition.country_code)
                yield pl.DataFrame({"key": groups.keys, **{name: columns[name] for name in TRAILING_FIGURES}})


def _cut(rows: pl.LazyFrame, keys: IntArray) -> pl.DataFrame:
    """Return the rows of the callers of a part, in order of their keys."""
    return rows.filter(pl.col("key").is_between(int(keys[0]), int(keys[-1]))).sort("key").collect()


def _map(
    pool: ThreadPoolExecutor, measure: Callable[[int], pl.DataFrame], parts: Iterable[int]
) -> Iterator[pl.DataFrame]:
    """Yield the rows of each part in turn; few are ahead, else all would wait in memory for the one who writes."""
    waiting: deque[Future[pl.DataFrame]] = deque()
    for part in parts:
        waiting.append(pool.submit(measure, part))
        if len(waiting) > _THREADS:
            yield waiting.popleft().result()
    for rows in waiting:
        yield rows.result()
