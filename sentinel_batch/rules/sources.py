"""What rules read, made on one connection: the calls of a period, which rules of one night share, and profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import ConstantExpression

from sentinel_batch.desk import Desk
from sentinel_batch.lake import scan_parts
from sentinel_batch.profiles import ProfileDays, load_overlapping
from sentinel_batch.rules.inputs import EXAMINED_CALLS, PROFILES
from sentinel_batch.rules.reach import list_columns_read
from sentinel_batch.rules.rule import Rule
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.schema import PROFILES as PROFILES_TABLE

FEWEST_READERS = 3
"""So many rules must read calls, or profiles, or reading them once for all does not pay."""

MOST_CALLS, MOST_PROFILES = 8_000_000, 1_500_000
"""Where there are more, each rule reads them from the files; so many take about 0.9 GiB, and 0.3 GiB."""

_ALL_PROFILES, _SHARED_PROFILES, _SHARED_CALLS = "all_profiles", "shared_profiles", "shared_calls"
_TIME, _DAY = "call_timestamp", ("day_start", "day_end")


@dataclass(frozen=True)
class Filters:
    """Which calls of the period count, beside all of them."""

    trailing: bool = False
    direction: str | None = None
    answered_only: bool = False


@dataclass
class Sources:
    """The inputs of rules that run one after the other.

    Parameters
    ----------
    connection
        Has the calls of the lake; the inputs are made on it.
    desk
        A snapshot.
    until
        End of the period.
    filters
        Which calls count.
    """

    connection: duckdb.DuckDBPyConnection
    desk: Desk
    until: datetime
    filters: Filters
    _shared: tuple[str, ...] = field(default=())
    _shared_since: datetime | None = field(default=None)
    _oldest: datetime | None = field(default=None)
    _shared_days: tuple[str, ...] = field(default=())
    _days: ProfileDays | None = field(default=None)

    def prepare(self, rules: Sequence[Rule], starts: Sequence[datetime]) -> None:
        """Read what several of the rules need, from the earliest of their starts on."""
        self._read_profiles([rule for rule in rules if rule.reads(PROFILES)], min(starts))
        readers = [(rule, start) for rule, start in zip(rules, starts, strict=True) if rule.reads(EXAMINED_CALLS)]
        if len(readers) >= FEWEST_READERS:
            self._share_calls([rule for rule, _ in readers], min(start for _, start in readers))

    @property
    def computed_folders(self) -> list[Path]:
        """Where the profiles of days that are not stored were put."""
        return [] if self._days is None or self._days.folder is None else [self._days.folder.path]

    def count_calls(self, since: datetime) -> int:
        """Return the number of calls after an instant that count."""
        [(calls,)] = self.connection.execute(f"SELECT count(*) FROM {self._select_calls((_TIME,), since)}").fetchall()
        return int(calls)

    def make(self, rule: Rule, since: datetime) -> None:
        """Make the inputs of a rule: what it reads of calls after an instant, and of the profiles of their days."""
        columns = list_columns_read(rule, CALL_RECORDS.columns)
        self._create_view(EXAMINED_CALLS, columns, self._select_calls(columns, since))
        if rule.reads(PROFILES):
            # A call at the very end of the period may be the first of its local day: without that day's profile a rule
            # that prunes by profiles would not see it.
            overlapping = f"day_end > {_write_instant(since)} AND day_start <= {_write_instant(self.until)}"
            columns = list_columns_read(rule, PROFILES_TABLE.columns)
            days = _SHARED_PROFILES if {*columns, *_DAY} <= {*self._shared_days} else _ALL_PROFILES
            self._create_view(PROFILES, columns, f"{days} WHERE {overlapping}")

    def _create_view(self, name: str, columns: Sequence[str], source: str) -> None:
        # As text: relations are bound anew for each of their operations, and files are opened for that each time.
        listed = ", ".join(f'"{column}"' for column in columns)
        self.connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT {listed} FROM {source}")

    def _read_profiles(self, rules: Sequence[Rule], since: datetime) -> None:
        if not rules:
            return
        # Kept: the view reads its files.
        self._days = days = load_overlapping(self.desk, since, self.until)
        days.relate(self.connection).create_view(_ALL_PROFILES)
        readers = Counter(column for rule in rules for column in list_columns_read(rule, PROFILES_TABLE.columns))
        # What one rule alone reads, it reads from the files.
        shared = [column for column in PROFILES_TABLE.columns if readers[column] > 1 or column in _DAY]
        if len(rules) >= FEWEST_READERS and days.scan().select(pl.len()).collect().item() <= MOST_PROFILES:
            self.connection.register(_SHARED_PROFILES, days.scan().select(shared).collect().to_arrow())
            self._shared_days = tuple(shared)

    def _share_calls(self, rules: Sequence[Rule], since: datetime) -> None:
        files = self.desk.tables.files(CALL_RECORDS.name, since=since, until=self.until)
        if not files or scan_parts(CALL_RECORDS.name, files).select(pl.len()).collect().item() > MOST_CALLS:
            return
        lists = [list_columns_read(rule, CALL_RECORDS.columns) for rule in rules]
        # A rule that needs all columns has them from the files.
        named = {column for columns in lists if len(columns) < len(CALL_RECORDS.columns) for column in columns}
        columns = [column for column in CALL_RECORDS.columns if column in named | {_TIME, *self._filter_columns()}]
        begun = (pl.col(_TIME) >= since) & (pl.col(_TIME) <= self.until)
        # File by file, as texts are there twice while they become Arrow's.
        scans = (scan_parts(CALL_RECORDS.name, [file]).select(columns).filter(begun) for file in files)
        calls = pa.concat_tables([scan.collect().to_arrow() for scan in scans])
        self.connection.register(_SHARED_CALLS, calls)
        self._shared, self._shared_since = tuple(columns), since
        self._oldest = pc.min(calls[_TIME]).as_py()

    def _filter_columns(self) -> tuple[str, ...]:
        answered = ("answered",) if self.filters.answered_only else ()
        return (*answered, *(("call_direction",) if self.filters.direction is not None else ()))

    def _select_calls(self, columns: Iterable[str], since: datetime) -> str:
        """Return what stands behind FROM for the calls after an instant that count."""
        needed = {*columns, *self._filter_columns()}
        is_shared = self._shared_since is not None and since >= self._shared_since and needed <= {*self._shared}
        # A trailing run looks at one window whose length the user typed, both ends included; the sliding is half-open.
        begun = ">=" if self.filters.trailing else ">"
        conditions = [f"{_TIME} {begun} {_write_instant(since)}", f"{_TIME} <= {_write_instant(self.until)}"]
        if is_shared:
            # Conditions that always hold cost a little each time, and mislead the planner about the number of rows.
            conditions = conditions[:1] if self._oldest is not None and self._oldest <= since else ["true"]
        if self.filters.direction is not None:
            conditions.append(f"lower(call_direction) = {ConstantExpression(self.filters.direction)}")
        if self.filters.answered_only:
            conditions.append("answered")
        return f"{_SHARED_CALLS if is_shared else CALL_RECORDS.name} WHERE {' AND '.join(conditions)}"


def _write_instant(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"
