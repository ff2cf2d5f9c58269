"""What is true of a simulated population: who is who, since when, and where the antennas stand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from batch_base.files import replaced_file
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError

from .calls import Calls
from .geography import Cells
from .plan import Plan
from .rhythms import DAY_SECONDS
from .roster import Directory, Member

FOLDER = "simulation"
TRUTH_FILE, PLAN_FILE, CELLS_FILE, SEGMENTS_FILE = "truth.parquet", "plan.json", "cells.csv", "segments.csv"


@dataclass(frozen=True)
class PopulationTruth:
    """What is true of a simulated population.

    Parameters
    ----------
    folder
        Where ``truth.parquet``, ``plan.json``, ``cells.csv`` and ``segments.csv`` are.
    numbers
        One row per number (of those abroad only that call): number, role (``subscriber``, ``hard_negative`` or
        ``fraud``), kind, strategy, box_id, segment, first_day and last_day (local days between which it is in use),
        fraud_start and fraud_end (UTC; null unless fraud), calls (made), active_days (with calls made), first_call and
        last_call (made; UTC), facts (JSON object of the scenario).
    plan
        Parameters, and counts of calls, boxes and campaigns.
    """

    folder: Path
    numbers: pl.DataFrame
    plan: dict[str, Any]

    @property
    def calls(self) -> int:
        """Number of call records written."""
        return int(self.plan["calls"])

    @property
    def cells_file(self) -> Path:
        """CSV of location_code, latitude and longitude (degrees)."""
        return self.folder / CELLS_FILE

    @property
    def segments_file(self) -> Path:
        """CSV of number and segment, as the operator's books have it: no row for consumers."""
        return self.folder / SEGMENTS_FILE

    def fraud(self) -> pl.DataFrame:
        """Return the rows of ``numbers`` that commit fraud."""
        return self.numbers.filter(pl.col("role") == "fraud")


def read_truth(lake: DeskLike = None, *, config: ConfigLike = None) -> PopulationTruth:
    """Return the truth about a lake that :func:`simulate_population` filled.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If the lake was not simulated, or not to the end.
    """
    desk = open_desk(lake, config)
    folder = desk.config.beside_lake(FOLDER) if isinstance(desk.config.lake, str) else desk.lake.path / FOLDER
    if not (folder / TRUTH_FILE).is_file():
        raise UsageError(
            f"There is no truth at {folder / TRUTH_FILE}: the lake was not simulated, or not to the end.",
            hint="Run sentinel-batch sim population --lake PATH with the options of the first time; it goes on.",
        )
    plan = json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
    return PopulationTruth(folder, pl.read_parquet(folder / TRUTH_FILE, glob=False), plan)


class Tally:
    """What each number did, counted day by day."""

    def __init__(self, size: int) -> None:
        self.calls = np.zeros(size, dtype=np.int64)
        self.active_days = np.zeros(size, dtype=np.int64)
        self.first = np.full(size, -1, dtype=np.int64)
        self.last = np.full(size, -1, dtype=np.int64)

    def add(self, calls: Calls, day: int) -> None:
        """Count a day's calls, sorted by time; days in ascending order."""
        made = np.bincount(calls.caller, minlength=len(self.calls))
        moment = day * DAY_SECONDS + calls.second.astype(np.int64)
        first = np.full(len(self.first), -1, dtype=np.int64)
        first[calls.caller[::-1]] = moment[::-1]  # The last assignment wins: the earliest call.
        self.first = np.where(self.first < 0, first, self.first)
        self.last[calls.caller] = moment
        self.calls += made
        self.active_days += made > 0


@dataclass(frozen=True)
class Offence:
    """A number that others hold and that commits, or suffers, fraud for a while.

    Parameters
    ----------
    number
        Position in the directory.
    role, kind
        As in the truth; they replace what the number is otherwise, which goes into the facts.
    start, end
        Seconds since the first midnight.
    facts
        JSON-serialisable.
    """

    number: int
    role: str
    kind: str
    start: float
    end: float
    facts: dict[str, Any]


def write_truth(
    folder: Path,
    plan: Plan,
    directory: Directory,
    members: Sequence[Member],
    offences: Sequence[Offence],
    cells: Cells,
    tally: Tally,
    counts: dict[str, Any],
    midnight: dt.datetime,
) -> PopulationTruth:
    """Write the truth beside the lake's tables; ``truth.parquet`` comes last, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = _describe(plan, directory, members, offences, tally, midnight)
    facts = {**plan.to_dict(), **counts}
    (folder / PLAN_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    pl.DataFrame({"location_code": cells.codes, "latitude": cells.latitude, "longitude": cells.longitude}).write_csv(
        folder / CELLS_FILE
    )
    listed = numbers.filter(pl.col("segment").is_not_null() & (pl.col("segment") != "consumer"))
    listed.select("number", "segment").sort("number").write_csv(folder / SEGMENTS_FILE)
    with replaced_file(folder / TRUTH_FILE) as fresh:
        numbers.write_parquet(fresh)
    return PopulationTruth(folder, numbers, facts)


def _describe(
    plan: Plan,
    directory: Directory,
    members: Sequence[Member],
    offences: Sequence[Offence],
    tally: Tally,
    midnight: dt.datetime,
) -> pl.DataFrame:
    texts = ("role", "kind", "strategy", "box_id", "segment")
    sizes = [member.end - member.first for member in members]
    columns: dict[str, Any] = {name: _repeat([getattr(member, name) for member in members], sizes) for name in texts}
    columns["facts"] = _repeat([json.dumps(member.facts) if member.facts else None for member in members], sizes)
    last = np.minimum(directory.last_day, plan.days - 1)
    frame = pl.DataFrame(
        {
            "position": np.arange(len(directory)),
            "number": pl.select("+" + pl.Series(directory.digits).cast(pl.String)).to_series(),
            **columns,
            "first_day": directory.first_day.astype(np.int32),
            "last_day": last.astype(np.int32),
            "calls": tally.calls,
            "active_days": tally.active_days,
            "first_call": tally.first,
            "last_call": tally.last,
        }
    )
    start = pl.lit(midnight).cast(pl.Datetime("us", "UTC"))
    fraud = pl.col("role") == "fraud"
    moments = [
        pl.when(pl.col(name) >= 0).then(start + pl.duration(seconds=pl.col(name))).alias(name)
        for name in ("first_call", "last_call")
    ]
    frame = frame.with_columns(
        *moments,
        *((pl.lit(plan.start) + pl.duration(days=pl.col(name))).alias(name) for name in ("first_day", "last_day")),
    ).with_columns(
        fraud_start=pl.when(fraud).then("first_call"),
        fraud_end=pl.when(fraud).then("last_call"),
    )
    kept = (pl.col("calls") > 0) | ((pl.col("role") != "background") & (pl.col("kind") != "foreign"))
    described = _note_offences(frame, offences, start)
    return described.filter(kept).drop("position")


def _repeat(values: list[str | None], sizes: Sequence[int]) -> pl.Series:
    distinct = pl.Series(values, dtype=pl.String)
    return distinct.gather(np.repeat(np.arange(len(values)), sizes))


def _note_offences(frame: pl.DataFrame, offences: Sequence[Offence], start: pl.Expr) -> pl.DataFrame:
    if not offences:
        return frame
    noted = pl.DataFrame(
        [
            {
                "position": offence.number,
                "new_role": offence.role,
                "new_kind": offence.kind,
                "start": int(offence.start),
                "end": int(offence.end),
                "new_facts": json.dumps(offence.facts),
            }
            for offence in offences
        ]
    ).with_columns(start=start + pl.duration(seconds="start"), end=start + pl.duration(seconds="end"))
    noted = noted.unique("position", keep="first", maintain_order=True)
    joined = frame.join(noted, on="position", how="left", maintain_order="left")
    return joined.with_columns(
        role=pl.coalesce("new_role", "role"),
        kind=pl.coalesce("new_kind", "kind"),
        facts=pl.coalesce("new_facts", "facts"),
        fraud_start=pl.coalesce("start", "fraud_start"),
        fraud_end=pl.coalesce("end", "fraud_end"),
    ).drop("new_role", "new_kind", "new_facts", "start", "end")
