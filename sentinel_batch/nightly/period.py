"""What a night has to examine: everything that no successful night has seen.

Told by the history of runs and ingests, not by clocks: a file that was ingested by hand between two nights, one that
came late, and one that a failed night brought in are all in the lake without being listed by a successful night.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import CALL_RECORDS, INGESTS, RUNS

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Backlog:
    """Calls that no successful night has examined.

    Parameters
    ----------
    since, until
        The period to examine, ``(since, until]``; equal when there is nothing new.
    ingest_ids
        Ingests that are in the lake now and that no successful night has listed.
    """

    since: datetime
    until: datetime
    ingest_ids: list[str]

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to examine."""
        return self.until <= self.since


def find_backlog(tables: Snapshot) -> Backlog | None:
    """Return what the next night has to examine, or None for a lake without calls.

    The period starts where the last successful night ended, or just before the earliest call that came in since, if
    that is earlier; on the first night just before the earliest call. It ends with the newest call.
    """
    fresh = _unlisted_ingests(tables)
    bounds, until = tables.bounds(), tables.newest_call
    if bounds is None or until is None:
        return None
    start = last_examined(tables)
    since = min(start, until) if start is not None else bounds[0] - _INSTANT
    earliest = fresh["first_call"].min()
    if isinstance(earliest, datetime):
        since = min(since, earliest - _INSTANT)
    return Backlog(since, until, fresh["ingest_id"].to_list())


def last_examined(tables: Snapshot) -> datetime | None:
    """Return the end of the last successful night's period."""
    nights = _successful_nights(tables).drop_nulls("until").sort("run_id")
    return None if nights.is_empty() else nights["until"][-1]


def last_success(tables: Snapshot) -> datetime | None:
    """Return when the last successful night ended."""
    nights = _successful_nights(tables).sort("run_id")
    if nights.is_empty():
        return None
    started: datetime = nights["started_at"][-1]
    return started + timedelta(seconds=nights["duration_seconds"][-1])


def _successful_nights(tables: Snapshot) -> pl.DataFrame:
    return tables.read(RUNS.name).filter((pl.col("command") == "nightly") & (pl.col("outcome") == "done"))


def _unlisted_ingests(tables: Snapshot) -> pl.DataFrame:
    listed: set[str] = set()
    for inputs in _successful_nights(tables)["inputs"]:
        listed.update(json.loads(inputs).get("examined_ingests", []))
    rows = tables.scan(INGESTS.name).select("ingest_id", "first_call").collect()
    candidates = rows.filter(~pl.col("ingest_id").is_in(sorted(listed)))
    committed = tables.committed(CALL_RECORDS.name, candidates["ingest_id"])
    return candidates.filter(pl.col("ingest_id").is_in(sorted(committed))).unique("ingest_id").sort("ingest_id")
