"""The period that a report is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from sentinel_batch.errors import UsageError
from sentinel_batch.schema import CALL_RECORDS, INGESTS, RUNS
from sentinel_batch.window import resolve_period

if TYPE_CHECKING:
    from sentinel_batch.lake import Snapshot

Moment = str | datetime | timedelta

_INSTANT = timedelta(microseconds=1)
_DEFAULT_LENGTH = timedelta(hours=24)
_RECENT_RUNS = 5


@dataclass(frozen=True)
class Period:
    """A span of time.

    Parameters
    ----------
    since, until
        Its ends, UTC; ``until`` belongs to it.
    includes_since
        Whether ``since`` belongs to it: so when it is the first call of the lake, not when detection examined
        ``(since, until]``.
    """

    since: datetime
    until: datetime
    includes_since: bool = False

    @property
    def first_instant(self) -> datetime:
        """The earliest instant inside."""
        return self.since if self.includes_since else self.since + _INSTANT


def choose_period(
    tables: Snapshot, *, run_id: str | None = None, since: Moment | None = None, until: Moment | None = None
) -> Period | None:
    """Return the period that was asked for; by default all calls of the lake.

    Parameters
    ----------
    tables
        Where calls and runs are.
    run_id
        Take the period that this run examined, or, if it examined none, that of the calls it brought in.
    since, until
        Ends given by hand, as :func:`sentinel_batch.window.resolve_period` reads them; ``(since, until]``. A missing
        one is the oldest or the newest call.

    Returns
    -------
    Period or None
        None when nothing was given and the lake has no calls.

    Raises
    ------
    UsageError
        If the run is unknown or has no period, if both a run and ends were given, or if the period would be empty.
    """
    if run_id is not None:
        if since is not None or until is not None:
            raise UsageError(
                f"Run {run_id} was given together with since or until.",
                hint="Give either a run, whose period is taken, or since and until.",
            )
        return _period_of_run(tables, run_id)
    oldest, newest = _exact_bounds(tables) or (None, None)
    if since is None and until is None:
        return None if oldest is None or newest is None else Period(oldest, newest, includes_since=True)
    begin = since if since is not None else oldest
    asked = resolve_period(begin, until, newest, _DEFAULT_LENGTH)
    return Period(asked.since, asked.until, includes_since=since is None)


def scan_calls(tables: Snapshot, first: datetime, last: datetime) -> pl.LazyFrame:
    """Return the calls from one instant to another, both included."""
    calls = tables.scan(CALL_RECORDS.name, since=first, until=last)
    bounds = tables.bounds()
    if bounds is not None and first <= bounds[0] and tables.newest_call is not None and tables.newest_call <= last:
        return calls  # All of them: comparing a million times costs as much as reading a column.
    return calls.filter(pl.col("call_timestamp").is_between(first, last))


def _exact_bounds(tables: Snapshot) -> tuple[datetime, datetime] | None:
    """The log knows the bounds to the millisecond; the files at either end know the rest."""
    bounds = tables.bounds()
    if bounds is None:
        return None
    moment = pl.col("call_timestamp")
    oldest = tables.scan(CALL_RECORDS.name, until=bounds[0] + timedelta(milliseconds=1)).select(moment.min()).collect()
    return _moment(oldest.item()), _moment(tables.newest_call)


def _period_of_run(tables: Snapshot, run_id: str) -> Period:
    runs = tables.read(RUNS.name)
    rows = runs.filter(pl.col("run_id") == run_id)
    if rows.is_empty():
        recent = runs.sort("run_id").tail(_RECENT_RUNS)["run_id"].to_list()
        raise UsageError(
            f"The lake has no run {run_id!r}.",
            hint=f"Give the id of a run; the latest are: {', '.join(recent)}."
            if recent
            else "No run was recorded yet.",
            allowed=recent,
        )
    examined = rows.filter(pl.col("since").is_not_null() & pl.col("until").is_not_null())
    if not examined.is_empty():
        return Period(_moment(examined["since"].min()), _moment(examined["until"].max()))
    brought = _period_of_files(tables.read(INGESTS.name).filter(pl.col("run_id") == run_id))
    if brought is None:
        raise UsageError(
            f"Run {run_id!r} ({rows['command'][0]}) examined no period and brought in no calls.",
            hint="Give the run of a detect, ingest or nightly command, or since and until.",
        )
    return brought


def _period_of_files(ingests: pl.DataFrame) -> Period | None:
    known = ingests.drop_nulls(["first_call", "last_call"])
    if known.is_empty():
        return None
    return Period(_moment(known["first_call"].min()), _moment(known["last_call"].max()), includes_since=True)


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"expected a time, got {value!r}")
    return value
