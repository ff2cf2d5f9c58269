"""Building profiles: each missing or stale day is computed and replaces what was stored, in one commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from batch_base.progress import follow
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Lake, StagedFile, damage_reported, full_disk_reported
from sentinel_batch.profiles.days import (
    Definition,
    StoredDay,
    begin_lookback,
    is_fresh,
    list_stored,
    read_calendar,
)
from sentinel_batch.profiles.measuring import Measurement
from sentinel_batch.profiles.parts import CALLS_AT_ONCE
from sentinel_batch.runs import Run, recorded_run
from sentinel_batch.schema import PROFILES, polars_schema


@dataclass(frozen=True)
class ProfileBuild:
    """What a build did.

    Parameters
    ----------
    run_id
        Its row of ``runs``.
    built, kept
        Local days whose profiles were computed, and those that were up to date.
    rows
        Profiles written.
    """

    run_id: str
    built: tuple[date, ...]
    kept: tuple[date, ...]
    rows: int


def build_profiles(
    lake: DeskLike = None,
    *,
    since: date | str | None = None,
    until: date | str | None = None,
    rebuild: bool = False,
    calls_at_once: int = CALLS_AT_ONCE,
    config: ConfigLike = None,
) -> ProfileBuild:
    """Compute the profiles of all local days that are missing or stale, oldest first, one commit per day.

    A run that is killed leaves whole days; the next run goes on with the rest.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    since, until
        First and last local day (``2026-01-22``); None is the lake's own bound.
    rebuild
        Also compute days that are up to date.
    calls_at_once
        A day with more calls is worked on in parts, to bound memory.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If a day cannot be read, or since is after until, or the segments file cannot be used.
    LakeNotFoundError, LakeLockedError, LakeDamagedError, DiskFullError
        As their names say.
    """
    desk = open_desk(lake, config)
    first, last = read_days(since, until)
    definition = Definition.of(desk.config)
    facts = {"since": first, "until": last, "rebuild": rebuild, "definition": definition.text}
    with recorded_run(desk.lake, "profiles", facts) as run, damage_reported(desk.lake.path):
        with desk.lake.lock(desk.config.lock_timeout), full_disk_reported(desk.lake.path):
            build = _build(desk.lake, run, definition, first, last, rebuild, calls_at_once)
        run.counts = {"built": len(build.built), "kept": len(build.kept), "rows": build.rows}
    return build


def read_days(since: date | str | None, until: date | str | None) -> tuple[date | None, date | None]:
    """Read the bounds of a span of local days.

    Raises
    ------
    UsageError
        If one is not a date, or the first is after the last.
    """
    first, last = read_day(since, "since"), read_day(until, "until")
    if first is not None and last is not None and first > last:
        raise UsageError(f"since = {first} is after until = {last}.", hint="Give the earlier day as since.")
    return first, last


def read_day(value: date | str | None, name: str) -> date | None:
    """Read a local day such as ``2026-01-22``.

    Raises
    ------
    UsageError
        If it is none.
    """
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        raise UsageError(
            f"{name} = {value!r} is not a day.", hint="Give a local date such as 2026-01-22.", name=name, value=value
        ) from None


def _build(
    lake: Lake, run: Run, definition: Definition, first: date | None, last: date | None, rebuild: bool, at_once: int
) -> ProfileBuild:
    tables = lake.snapshot()
    # The days before the first one are counted too: late calls there make a day stale.
    calendar = read_calendar(tables, definition.zone, first and begin_lookback(first), last)
    stored = list_stored(tables)
    days = [day for day in calendar.calls if (first or date.min) <= day <= (last or date.max)]
    stale = [day for day in days if rebuild or not is_fresh(day, stored.get(day), calendar, definition)]
    kept = tuple(day for day in days if day not in set(stale))
    if not stale:
        return ProfileBuild(run.run_id, (), kept, 0)
    with lake.staging() as folder:
        measurement = Measurement(tables, definition, calendar, stored, folder, days=len(stale), calls_at_once=at_once)
        rows = sum(_replace_days(lake, run, measurement, stale, stored, folder))
    return ProfileBuild(run.run_id, tuple(stale), kept, rows)


def _replace_days(
    lake: Lake, run: Run, measurement: Measurement, days: list[date], stored: dict[date, StoredDay], folder: Path
) -> Iterator[int]:
    for day in follow(days):
        file = folder / f"profiles-{run.run_id}-{day}.parquet"
        rows = write_day(file, measurement.measure(day))
        staged = StagedFile(file, file.name, {"local_date": day.isoformat()}, rows)
        old = stored[day].files if day in stored else ()
        # Old and new files change places in one commit: a reader sees the old day or the new one, never both.
        lake.add_files(PROFILES.name, [staged], commit_id=f"{run.run_id}-{day}", removed=old)
        yield rows


def write_day(file: Path, parts: Iterator[pl.DataFrame]) -> int:
    """Write the parts of a day, one at a time, without the day itself; return the number of rows."""
    rows = 0

    def give(
        columns: list[str] | None, predicate: pl.Expr | None, most: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        nonlocal rows
        for part in parts:
            rows += part.height
            yield part.drop("local_date")

    schema = polars_schema(PROFILES.columns)
    del schema["local_date"]
    register_io_source(give, schema=schema).sink_parquet(file, compression="lz4")
    return rows
