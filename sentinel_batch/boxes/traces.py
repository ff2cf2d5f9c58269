"""Traces: what each heavy one-way caller did on a local day, in a few rows; written once a night, read for two weeks.

A night reads the calls of its new day only. What linking needs of earlier days lies in table ``box_traces``: for each
caller of the day with enough callees that did not call back, how many calls went to each callee, came from each
number, were made in each cell, with each handset and in each hour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.lake import Snapshot, StagedFile, damage_reported, full_disk_reported, scan_parts
from sentinel_batch.profiles.calls import list_files, scan_days
from sentinel_batch.profiles.days import read_calendar
from sentinel_batch.profiles.reading import load_days
from sentinel_batch.schema import BOX_TRACES, polars_schema

VERSION = "1"
"""Raised when a trace changes its meaning; stored days of another version are traced anew."""

DAY_CALLEES = 4
"""A caller is traced on a day on which at least so many callees had never called it."""

FEWEST_CALLEES = 10
"""A candidate has at least so many one-way callees, however short the window is, unless the settings ask for fewer."""

_DAY, _SILENT = "day", "silent"


@dataclass(frozen=True)
class TracedDay:
    """A stored day: its files, and the calls that the lake had of it when it was traced."""

    files: tuple[Path, ...]
    calls: int
    definition: str


def trace_days(desk: Desk, days: Sequence[date], run_id: str) -> tuple[date, ...]:
    """Store the traces of local days that are missing or stale, one commit per day; call it under the lake's lock.

    A day is stale if the lake has more calls of it than it was traced from, or if it follows another definition.

    Returns
    -------
    tuple of date
        The days that were traced.
    """
    with damage_reported(desk.lake.path), full_disk_reported(desk.lake.path):
        standing = look_at(desk, days)
        callers = _choose_callers(desk, standing.stale)
        with desk.lake.staging() as folder:
            for day in standing.stale:
                rows = trace_day(desk, day, standing, callers)
                file = folder / f"traces-{run_id}-{day}.parquet"
                rows.drop("local_date").write_parquet(file)
                staged = StagedFile(file, file.name, {"local_date": day.isoformat()}, rows.height)
                old = standing.stored[day].files if day in standing.stored else ()
                desk.lake.add_files(BOX_TRACES.name, [staged], commit_id=f"{run_id}-traces-{day}", removed=old)
    return standing.stale


def count_needed(config: Config, days: int) -> int:
    """Return how many callees a candidate needs, if so many days of the window have calls.

    As many as ``box_callees`` says in ``box_days``, fewer in proportion where a lake is younger, but ten: the more
    unrelated callers there are beside them, the more the SIMs of a box stand out.
    """
    share = math.ceil(config.box_callees * days / config.box_days)
    return min(config.box_callees, max(FEWEST_CALLEES, share))


def read_traces(desk: Desk, days: Sequence[date]) -> pl.DataFrame:
    """Return the traces of local days: stored ones from the table, the others computed and not kept.

    Parameters
    ----------
    desk
        Gives the tables, and the time zone.
    days
        Consecutive days, oldest first; callers who called too few numbers in them to be candidates are left out.
    """
    with damage_reported(desk.tables.path):
        standing = look_at(desk, days)
        files = [file for day in standing.fresh for file in standing.stored[day].files]
        columns = polars_schema(BOX_TRACES.columns)
        stored = scan_parts(BOX_TRACES.name, files) if files else pl.LazyFrame(schema=columns)
        callers = _choose_callers(desk, standing.stale)
        computed = [trace_day(desk, day, standing, callers).lazy() for day in standing.stale]
        rows = pl.concat([stored.select(list(columns)), *(part.select(list(columns)) for part in computed)])
        # Counted first: most callers that are traced on some day are candidates on none. A callee who never called is
        # one of every day on which it was called, so that the days' numbers add up to enough at least.
        least = count_needed(desk.config, len(standing.fresh) + len(standing.stale))
        silent = rows.filter(pl.col("kind") == _SILENT).group_by("number").agg(pl.col("calls").sum())
        busy = silent.filter(pl.col("calls") >= least).select("number").collect(engine="streaming")
        rows = rows.filter(~pl.col("kind").is_in([_DAY, _SILENT]))
        return rows.join(busy.lazy(), on="number", how="semi").collect(engine="streaming")


@dataclass(frozen=True)
class Standing:
    """Which local days are traced.

    Parameters
    ----------
    stored
        Days that have traces, fresh or not.
    calls
        Days with calls to how many the lake has now.
    zone
        IANA zone whose midnights bound the days.
    """

    stored: Mapping[date, TracedDay]
    calls: Mapping[date, int]
    zone: str

    @property
    def definition(self) -> str:
        """What is stored with each day; days of another definition are stale."""
        return f"{VERSION} {self.zone}"

    @property
    def stale(self) -> tuple[date, ...]:
        """Days with calls whose traces are missing or out of date."""
        return tuple(day for day in self.calls if not self._is_fresh(day))

    @property
    def fresh(self) -> tuple[date, ...]:
        """Days whose traces can be used; calls that were archived since do not matter."""
        return tuple(day for day in self.stored if self._is_fresh(day))

    def _is_fresh(self, day: date) -> bool:
        traced = self.stored.get(day)
        return traced is not None and traced.definition == self.definition and self.calls.get(day, 0) <= traced.calls


def look_at(desk: Desk, days: Sequence[date]) -> Standing:
    """Look up which of some consecutive local days are traced."""
    tables, zone = desk.tables, desk.config.timezone
    calendar = read_calendar(tables, zone, days[0], days[-1])
    return Standing(list_traced(tables, days[0], days[-1]), calendar.calls, zone)


def list_traced(tables: Snapshot, first: date, last: date) -> dict[date, TracedDay]:
    """Describe the stored days from first to last."""
    files: dict[date, list[Path]] = {}
    for file in tables.files(BOX_TRACES.name):
        day = date.fromisoformat(file.parent.name.partition("=")[2])
        if first <= day <= last:
            files.setdefault(day, []).append(file)
    if not files:
        return {}
    scan = scan_parts(BOX_TRACES.name, [file for parts in files.values() for file in parts])
    marks = scan.filter(pl.col("kind") == _DAY).select("local_date", "calls", "value").collect()
    return {day: TracedDay(tuple(files[day]), calls, value) for day, calls, value in sorted(marks.iter_rows())}


def trace_day(desk: Desk, day: date, standing: Standing, callers: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a day, in a fixed order, after one that says what they were made from.

    Parameters
    ----------
    desk
        Gives the tables.
    day
        A local day.
    standing
        What the lake has of it.
    callers
        ``number, local_date, silent``: who is traced on which day, and how many callees had never called.
    """
    today = callers.filter(pl.col("local_date") == day)
    scan = scan_days(list_files(desk.tables, day, day), day, day, standing.zone)
    # Many feeds do not say whether a call was answered; then a call that lasted counts as answered.
    answered = pl.coalesce("answered", pl.col("duration_seconds") > 0).fill_null(False)
    calls = scan.select(
        "caller_number", "callee_number", "local_hour", "imei", "location_code",
        answered=answered, minutes=pl.when(answered).then(pl.col("duration_seconds") / 60.0).otherwise(0.0),
    )  # fmt: skip
    wanted = today.select("number").lazy()
    made = calls.rename({"caller_number": "number"}).join(wanted, on="number", how="semi")
    received = calls.rename({"callee_number": "number"}).join(wanted, on="number", how="semi")
    parts = [
        _count(made, "callee", pl.col("callee_number")),
        _count(received, "caller", pl.col("caller_number")),
        _count(made, "cell", pl.col("location_code")),
        _count(made, "handset", pl.col("imei")),
        _count(made, "hour", pl.col("local_hour").cast(pl.String)),
    ]
    silent = today.select(
        "number",
        kind=pl.lit(_SILENT),
        value=pl.lit(""),
        calls="silent",
        completed=pl.lit(0, pl.Int64),
        minutes=pl.lit(0.0),
    )
    rows = pl.concat([silent, *pl.collect_all(parts, engine="streaming")]).sort("kind", "number", "value")
    mark = {"number": "", "kind": _DAY, "value": standing.definition, "calls": standing.calls[day]}
    first = pl.DataFrame([{**mark, "completed": 0, "minutes": 0.0}], schema=rows.schema)
    return pl.concat([first, rows]).with_columns(local_date=pl.lit(day))


def _choose_callers(desk: Desk, days: Sequence[date]) -> pl.DataFrame:
    """Return who is traced on some days, from the profiles: ``number, local_date, silent``."""
    silent = (pl.col("unique_callees") - pl.col("callees_calling_back")).alias("silent")
    if not days:
        return pl.DataFrame(schema={"number": pl.String, "local_date": pl.Date, "silent": pl.Int64})
    profiles = load_days(desk, min(days), max(days)).scan().filter(pl.col("local_date").is_in(list(days)))
    return profiles.select("number", "local_date", silent).filter(pl.col("silent") >= DAY_CALLEES).collect()


def _count(calls: pl.LazyFrame, kind: str, value: pl.Expr) -> pl.LazyFrame:
    counted = (
        calls.select("number", "answered", "minutes", value=value)
        .filter(pl.col("value").is_not_null())
        .group_by("number", "value")
        .agg(
            calls=pl.len().cast(pl.Int64),
            completed=pl.col("answered").sum().cast(pl.Int64),
            minutes=pl.col("minutes").sum(),
        )
    )
    return counted.select("number", pl.lit(kind).alias("kind"), "value", "calls", "completed", "minutes")
