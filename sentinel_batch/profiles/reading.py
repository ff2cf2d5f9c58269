"""Profiles for those who ask: stored days from the table, missing ones computed on the spot and not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize
from zoneinfo import ZoneInfo

import polars as pl
from polars.io.plugins import register_io_source

from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.lake import Lake, damage_reported, relate_parts, scan_parts
from sentinel_batch.profiles.building import read_days, write_day
from sentinel_batch.profiles.days import Definition, begin_lookback, is_fresh, list_stored, read_calendar
from sentinel_batch.profiles.measuring import Measurement
from sentinel_batch.schema import PROFILES, polars_schema

if TYPE_CHECKING:
    import duckdb


class KeptFolder:
    """A folder of :meth:`Lake.staging` that is removed with the last reference to this.

    Parameters
    ----------
    lake
        The lake whose disk it is on, if it can be written.
    """

    def __init__(self, lake: Lake) -> None:
        stack = ExitStack()
        self.path = stack.enter_context(lake.staging())
        finalize(self, stack.close)


@dataclass(frozen=True)
class ProfileDays:
    """Profiles of a span of local days.

    Parameters
    ----------
    files
        Stored days that are up to date.
    computed
        The others, as files in ``folder``: a day of millions of callers need not fit memory.
    folder
        What keeps these files; None without any.
    """

    files: tuple[Path, ...]
    computed: tuple[Path, ...] = ()
    folder: KeptFolder | None = None

    def scan(self) -> pl.LazyFrame:
        """Scan all of them."""
        stored = _scan_files(self.files)
        return pl.concat([stored, self.scan_computed()]) if self.computed else stored

    def scan_computed(self) -> pl.LazyFrame:
        """Scan the days that are not stored; their files last as long as what is returned."""
        return register_io_source(self._read_computed, schema=polars_schema(PROFILES.columns))

    def _read_computed(
        self, columns: list[str] | None, predicate: pl.Expr | None, most: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        # A method, so that what scans holds the folder.
        wanted = _scan_files(self.computed)
        wanted = wanted if predicate is None else wanted.filter(predicate)
        wanted = wanted if columns is None else wanted.select(columns)
        yield from (wanted if most is None else wanted.head(most)).collect_batches(chunk_size=size)

    def relate(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Return all of them as a relation of a DuckDB connection; use it while this object lasts."""
        return relate_parts(connection, PROFILES.name, (*self.files, *self.computed))


def load_days(desk: Desk, first: date, last: date) -> ProfileDays:
    """Return the profiles of the local days from first to last; nothing is written to the lake.

    Parameters
    ----------
    desk
        Gives the tables, and time zone, country and segments.
    first, last
        Local days.
    """
    definition, tables = Definition.of(desk.config), desk.tables
    with damage_reported(tables.path):
        begin = begin_lookback(first)
        calendar = read_calendar(tables, definition.zone, begin, last)
        stored = list_stored(tables, begin, last)
        fresh = {day for day in stored if first <= day and is_fresh(day, stored[day], calendar, definition)}
        stale = [day for day in calendar.calls if first <= day and day not in fresh]
        files = tuple(file for day in sorted(fresh) for file in stored[day].files)
        if not stale:
            return ProfileDays(files)
        kept, computed = KeptFolder(desk.lake), []
        with desk.lake.staging() as scratch:
            measurement = Measurement(tables, definition, calendar, stored, scratch, days=len(stale))
            for day in stale:
                # As the table is laid out.
                computed.append(kept.path / f"local_date={day}" / "profiles.parquet")
                computed[-1].parent.mkdir()
                write_day(computed[-1], measurement.measure(day))
    return ProfileDays(files, tuple(computed), kept)


def scan_days(desk: Desk, since: datetime, until: datetime) -> pl.LazyFrame:
    """Scan the profiles of all local days that overlap ``(since, until]``, whether they are stored or not."""
    return load_overlapping(desk, since, until).scan()


def load_overlapping(desk: Desk, since: datetime, until: datetime) -> ProfileDays:
    """Return the profiles of all local days that overlap ``(since, until]``, whether they are stored or not."""
    zone = ZoneInfo(desk.config.timezone)
    first, last = (moment.astimezone(zone).date() for moment in (since, until))
    return load_days(desk, first, last)


def scan_profiles(
    lake: DeskLike = None,
    since: date | str | None = None,
    until: date | str | None = None,
    *,
    config: ConfigLike = None,
) -> pl.LazyFrame:
    """Scan the stored profiles.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    since, until
        First and last local day (``2026-01-22``); None is the table's own bound.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If a day cannot be read, or since is after until.
    """
    desk = open_desk(lake, config).snapshot()
    first, last = read_days(since, until)
    stored = list_stored(desk.tables, first or date.min, last or date.max)
    return _scan_files(tuple(file for day in sorted(stored) for file in stored[day].files))


def read_profiles(
    lake: DeskLike = None,
    since: date | str | None = None,
    until: date | str | None = None,
    *,
    config: ConfigLike = None,
) -> pl.DataFrame:
    """Read the stored profiles, by day and number.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    since, until
        First and last local day (``2026-01-22``); None is the table's own bound.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If a day cannot be read, or since is after until.
    """
    return scan_profiles(lake, since, until, config=config).sort("local_date", "number").collect()


def _scan_files(files: tuple[Path, ...]) -> pl.LazyFrame:
    schema = polars_schema(PROFILES.columns)
    return scan_parts(PROFILES.name, files).select(schema.names()) if files else pl.LazyFrame(schema=schema)
