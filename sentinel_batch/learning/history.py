"""The daily profiles that learning reads, and which local day an instant belongs to."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.errors import ModelError
from sentinel_batch.profiles import load_days
from sentinel_batch.profiles.calls import day_bounds
from sentinel_batch.profiles.days import list_stored, read_calendar
from sentinel_batch.schema import PROFILES

_RECENT = timedelta(days=7)
"""Where the newest day with calls is looked for before all days are."""


def load_profiles(desk: Desk, first: date, last: date) -> pl.LazyFrame:
    """Return the daily profiles from ``first`` to ``last``, both included; days that are not stored are computed."""
    return load_days(desk, first, last).scan()


def list_days(desk: Desk, first: date = date.min, last: date = date.max) -> pl.DataFrame:
    """Return ``local_date, day_start, day_end`` of every local day with calls from first to last, oldest first.

    Raises
    ------
    ModelError
        If there is none.
    """
    zone, tables = desk.config.timezone, desk.tables
    dates = sorted({*read_calendar(tables, zone, first, last).calls, *list_stored(tables, first, last)})
    if not dates:
        raise ModelError("There are no calls to learn from.", hint="Load call records: sentinel-batch ingest FILES.")
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        [(day, *day_bounds(day, zone)) for day in dates],
        schema={"local_date": pl.Date, "day_start": moment, "day_end": moment},
        orient="row",
    )


def find_last_day(desk: Desk, until: datetime | None) -> date:
    """Return what :func:`last_day` does of all days, and read only the newest ones that there are.

    Raises
    ------
    ModelError
        If there is none.
    """
    bounds, zone = desk.tables.bounds(), ZoneInfo(desk.config.timezone)
    newest = [] if bounds is None else [bounds[1].astimezone(zone).date()]
    # A lake whose calls were archived still has their profiles.
    newest += [date.fromisoformat(file.parent.name.partition("=")[2]) for file in desk.tables.files(PROFILES.name)]
    end = max(newest, default=None) if until is None else until.astimezone(zone).date()
    if end is not None and end - date.min > _RECENT:
        with suppress(ModelError):
            return last_day(list_days(desk, end - _RECENT, end), until)
    return last_day(list_days(desk), until)


def find_days(days: pl.DataFrame, instants: pl.Series) -> pl.Series:
    """Return the local day that the moment before each instant (UTC) belongs to; NULL before the first day.

    An instant is the end of a period, and a period that ends at midnight belongs to the day before.
    """
    wanted = pl.DataFrame({"instant": instants.dt.offset_by("-1us")}).with_row_index("place").sort("instant")
    found = wanted.join_asof(days.sort("day_start"), left_on="instant", right_on="day_start", strategy="backward")
    return found.sort("place")["local_date"]


def last_day(days: pl.DataFrame, until: datetime | None) -> date:
    """Return the last local day that has begun before an instant; the last of all for None.

    Raises
    ------
    ModelError
        If there is none.
    """
    begun = days if until is None else days.filter(pl.col("day_start") < until)
    found = begun["local_date"].to_list()
    if not found:
        raise ModelError(
            f"There are no calls before {until}.",
            hint=f"The first day with calls is {days['local_date'].to_list()[0]}.",
        )
    newest: date = max(found)
    return newest
