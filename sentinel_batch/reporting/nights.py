"""Nights that were: what each took, found and lost, from the history of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from sentinel_batch.schema import RUNS, SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.lake import Snapshot

_READ = ("run_id", "started_at", "duration_seconds", "outcome", "message", "since", "until", "counts", "inputs")
_REMEMBERED = 2048

WEEK = timedelta(days=7)
FIGURES = ("files", "files_lost", "records_processed", "records_inserted", "records_rejected", "alerts_grown")
"""What is counted of a night, beside ``new`` (alerts by severity) and ``seconds``."""


@dataclass(frozen=True)
class PastNight:
    """A night of the history.

    Parameters
    ----------
    run_id
        Its row of ``runs``.
    started_at, ended_at
        UTC.
    outcome
        ``done``, ``partial`` or ``failed``.
    message
        Why it failed.
    since, until
        The examined period; equal, or None, when nothing was examined.
    figures
        Of :data:`FIGURES`, ``new`` and ``seconds``.
    files
        What became of its files, but for those that had not changed.
    ingest_run_id
        Its ingest, if it had one.
    """

    run_id: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    message: str = ""
    since: datetime | None = None
    until: datetime | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    ingest_run_id: str | None = None

    @property
    def examined(self) -> bool:
        """Whether anything was new to it."""
        return self.since is not None and self.until is not None and self.since < self.until

    @property
    def good(self) -> bool:
        """Whether it came to its end."""
        return self.outcome != "failed"


def read_nights(tables: Snapshot) -> list[PastNight]:
    """Return every night of the history, oldest first; those under way are not in it."""
    rows = tables.scan(RUNS.name).filter(pl.col("command") == "nightly").sort("run_id").select(_READ).collect()
    return [_read_night(*row) for row in rows.iter_rows()]


def find_last_examined(nights: Sequence[PastNight]) -> PastNight | None:
    """Return the last good night that had something to examine."""
    return next((night for night in reversed(nights) if night.good and night.examined), None)


def compare_nights(tonight: Mapping[str, Any], started_at: datetime, nights: Sequence[PastNight], zone: str) -> Row:
    """Set a night beside the day before and the same weekday of the week before.

    Parameters
    ----------
    tonight
        Its figures.
    started_at
        When it started, UTC.
    nights
        The nights before it.
    zone
        IANA zone in which days are counted.

    Returns
    -------
    dict
        ``tonight``, ``day_before`` and ``week_before``: ``date`` and figures; None for a day without a good night.
    """
    day = _local_day(started_at, zone)
    return {
        "tonight": {"date": day.isoformat(), **_add_up([tonight])},
        "day_before": _day(nights, day - timedelta(days=1), zone),
        "week_before": _day(nights, day - WEEK, zone),
    }


Row = dict[str, Any]


def _day(nights: Sequence[PastNight], day: date, zone: str) -> Row | None:
    found = [night.figures for night in nights if night.good and _local_day(night.started_at, zone) == day]
    return {"date": day.isoformat(), **_add_up(found)} if found else None


def _add_up(figures: Sequence[Mapping[str, Any]]) -> Row:
    new = {name: sum(_whole(one.get("new", {}).get(name)) for one in figures) for name in reversed(SEVERITIES)}
    return {
        **{name: sum(_whole(one.get(name)) for one in figures) for name in FIGURES},
        "new": new,
        "seconds": round(sum(float(one.get("seconds") or 0.0) for one in figures), 1),
    }


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=_REMEMBERED)
def _read_night(
    run_id: str,
    started_at: datetime,
    duration_seconds: float | None,
    outcome: str,
    message: str | None,
    since: datetime | None,
    until: datetime | None,
    counts_text: str | None,
    inputs_text: str | None,
) -> PastNight:
    """Return a night of the history; a night asks for all of them several times, and they never change."""
    counts, inputs = read_facts(counts_text), read_facts(inputs_text)
    partial = counts.get("exit_code") == 3
    seconds = duration_seconds or 0.0
    return PastNight(
        run_id=run_id,
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=seconds),
        outcome="failed" if outcome == "failed" else "partial" if partial else "done",
        message=message or "",
        since=since,
        until=until,
        figures={**_read_figures(counts), "seconds": seconds},
        files=[file for file in inputs.get("night_files", []) if isinstance(file, dict)],
        ingest_run_id=inputs.get("ingest_run_id"),
    )


def _read_figures(counts: Row) -> Row:
    """Return a night's figures; nights of earlier versions have them under the names of their steps."""
    known = counts.get("night")
    if isinstance(known, dict):
        return known
    earlier = {name: counts.get(f"ingest.{name}", 0) for name in FIGURES if name.startswith("records")}
    return {**earlier, "files": counts.get("ingest.files", 0), "files_lost": counts.get("ingest.files_failed", 0)}


def read_facts(text: str | None) -> Row:
    """Return a JSON object of a run's row; nothing of what is none."""
    try:
        facts = json.loads(text or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
