"""Calls of a simulated day into a lake, as ingest would have written them: parts, a row of ``ingests``, one commit."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import StagedFile
from sentinel_batch.schema import CALL_RECORDS, INGESTS, polars_schema
from sentinel_batch.window import now

DIALECT = "simulation"
PART_ROWS = 500_000


@dataclass(frozen=True)
class SimulatedDay:
    """A local day of calls, under the id of its commit.

    Parameters
    ----------
    date
        The local day.
    ingest_id
        Equal for equal calls.
    zone, region
        IANA zone of the day, and home country (ISO 3166).
    """

    date: dt.date
    ingest_id: str
    zone: str
    region: str

    @property
    def source(self) -> str:
        """Name that stands for the file of the day."""
        return f"simulation/{self.date:%Y-%m-%d}.csv"


def check_own(desk: Desk, ingest_ids: Iterable[str]) -> None:
    """Refuse a lake that holds calls of anything but these commits.

    Raises
    ------
    UsageError
        If it does.
    """
    tables = desk.lake.snapshot()
    if not tables.files(CALL_RECORDS.name):
        return
    held = set(tables.scan(INGESTS.name).select("ingest_id").collect().to_series())
    strange = sorted(tables.committed(CALL_RECORDS.name, held) - set(ingest_ids))
    if strange or not held:
        raise UsageError(
            f"The lake {desk.lake.place} already holds calls that are not of this simulation.",
            hint="A population goes into a lake of its own: name an empty folder with --lake.",
            lake=desk.lake.place,
        )


def is_written(desk: Desk, day: SimulatedDay) -> bool:
    """Tell whether the day was committed, by this run or an earlier one."""
    return desk.lake.snapshot().is_committed(CALL_RECORDS.name, day.ingest_id)


def write_day(desk: Desk, day: SimulatedDay, parts: Iterable[pl.DataFrame], run_id: str) -> None:
    """Commit a day's calls; a day that an earlier run committed is left as it is.

    Parameters
    ----------
    desk
        Where to.
    day
        Which day.
    parts
        Calls by time, with all derived columns; each part lies within one UTC date.
    run_id
        The run under way.
    """
    lake = desk.lake
    with lake.lock(desk.config.lock_timeout):
        if is_written(desk, day):
            return
        with lake.staging() as folder:
            files = list(_stage(day, parts, folder))
            lake.delete(INGESTS.name, "ingest_id", day.ingest_id)
            lake.append(INGESTS.name, _account(day, run_id, files))
            lake.add_files(CALL_RECORDS.name, files, commit_id=day.ingest_id)


def split_dates(calls: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut calls, sorted by time, into parts that each lie within one UTC date."""
    for _, part in calls.group_by(pl.col("call_timestamp").dt.date(), maintain_order=True):
        yield from part.iter_slices(PART_ROWS)


def _stage(day: SimulatedDay, parts: Iterable[pl.DataFrame], folder: Path) -> Iterator[StagedFile]:
    processed_at = now()
    for number, part in enumerate(parts, start=1):
        frame = part.with_columns(
            source_file=pl.lit(day.source, dtype=pl.Categorical),
            ingest_id=pl.lit(day.ingest_id, dtype=pl.Categorical),
            processed_at=pl.lit(processed_at).cast(pl.Datetime("us", "UTC")),
        )
        path = folder / f"{day.ingest_id}-{number:05d}.parquet"
        frame = frame.select(name for name in CALL_RECORDS.columns if name in frame.columns and name != "call_date")
        frame.write_parquet(path, compression="lz4", statistics=False, row_group_size=PART_ROWS)
        oldest, newest = frame["call_timestamp"][0], frame["call_timestamp"][-1]
        yield StagedFile(path, path.name, {"call_date": oldest.date().isoformat()}, frame.height, oldest, newest)


def _account(day: SimulatedDay, run_id: str, files: list[StagedFile]) -> pl.DataFrame:
    calls = sum(file.rows for file in files)
    row = {
        "ingest_id": day.ingest_id,
        "run_id": run_id,
        "source_file": day.source,
        "sha256": hashlib.sha256(day.ingest_id.encode()).hexdigest(),
        "size_bytes": sum(file.path.stat().st_size for file in files),
        "dialect": DIALECT,
        "encoding": "utf-8",
        "timezone": day.zone,
        "region": day.region,
        "records_processed": calls,
        "records_inserted": calls,
        "duplicates_skipped": 0,
        "legs_collapsed": 0,
        "records_rejected": 0,
        "records_skipped": 0,
        "skipped_by_type": "{}",
        "rejects_by_reason": "{}",
        "first_call": files[0].first if files else None,
        "last_call": files[-1].last if files else None,
        "processed_at": now(),
    }
    return pl.DataFrame([row], schema=polars_schema(INGESTS.columns))
