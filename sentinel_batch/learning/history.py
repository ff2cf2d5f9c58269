"""The daily profiles that learning reads, and which local day an instant belongs to."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.errors import ModelError
from sentinel_batch.profiles import load_days
from sentinel_batch.profiles.calls import day_bounds
from sentinel_batch.profiles.days import list_stored, read_calendar


def load_profiles(desk: Desk, first: date, last: date) -> pl.LazyFrame:
    """Return the daily profiles from ``first`` to ``last``, both included; days that are not stored are computed."""
    return load_days(desk, first, last).scan()


def list_days(desk: Desk) -> pl.DataFrame:
    """Return ``local_date, day_start, day_end`` of every local day with calls, oldest first.

    Raises
    ------
    ModelError
        If there is none.
    """
    zone, tables = desk.config.timezone, desk.tables
    dates = sorted({*read_calendar(tables, zone).calls, *list_stored(tables)})
    if not dates:
        raise ModelError("There are no calls to learn from.", hint="Load call records: sentinel-batch ingest FILES.")
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        [(day, *day_bounds(day, zone)) for day in dates],
        schema={"local_date": pl.Date, "day_start": moment, "day_end": moment},
        orient="row",
    )


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
