"""Profiles for those who ask: stored days from the table, missing ones computed on the spot and not kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.lake import damage_reported, relate_parts, scan_parts
from sentinel_batch.profiles.building import read_days
from sentinel_batch.profiles.days import Definition, begin_lookback, is_fresh, list_stored, read_calendar
from sentinel_batch.profiles.measuring import Measurement
from sentinel_batch.schema import PROFILES, polars_schema

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class ProfileDays:
    """Profiles of a span of local days.

    Parameters
    ----------
    files
        Stored days that are up to date.
    computed
        The others (columns of ``schema.PROFILES``).
    """

    files: tuple[Path, ...]
    computed: pl.DataFrame

    def scan(self) -> pl.LazyFrame:
        """Scan all of them."""
        stored = [_scan_files(self.files)] if self.files else []
        return pl.concat([*stored, self.computed.lazy()])

    def relate(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """Return all of them as a relation of a DuckDB connection."""
        stored = relate_parts(connection, PROFILES.name, self.files)
        if self.computed.is_empty():
            return stored
        connection.register("computed_profiles", self.computed.to_arrow())
        return stored.union(connection.table("computed_profiles"))


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
        frames = [pl.DataFrame(schema=polars_schema(PROFILES.columns))]
        if stale:
            with desk.lake.staging() as folder:
                measurement = Measurement(tables, definition, calendar, stored, folder, days=len(stale))
                frames += [part for day in stale for part in measurement.measure(day)]
    files = tuple(file for day in sorted(fresh) for file in stored[day].files)
    return ProfileDays(files, pl.concat(frames))


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
    files = tuple(file for day in sorted(stored) for file in stored[day].files)
    return _scan_files(files) if files else pl.LazyFrame(schema=polars_schema(PROFILES.columns))


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
    return scan_parts(PROFILES.name, files).select(polars_schema(PROFILES.columns).names())
