"""A society of agents and its calls, day by day, into a lake."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from batch_base.files import replaced_file
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.numbers import E164
from sentinel_batch.runs import recorded_run
from sentinel_batch.simulation.population.outcomes import CAUSES
from sentinel_batch.simulation.population.truth import (
    CELLS_FILE,
    FOLDER,
    PLAN_FILE,
    SEGMENTS_FILE,
    TRUTH_FILE,
    PopulationTruth,
)
from sentinel_batch.simulation.writing import SimulatedDay, check_own, split_dates, write_day

from .days import ABROAD, DayCalls, live_day
from .plan import DEFAULT_START, AgentPlan, Purpose
from .society import Society, found_society

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PREFIX_LENGTH = 7
_FOREIGN = 447_400_000_000
_FOREIGN_NUMBERS = 4_000
_TRUNK = "INT-1"


def simulate_agents(
    lake: DeskLike = None,
    *,
    subscribers: int = 10_000,
    days: int = 14,
    seed: int = 1,
    start: dt.date = DEFAULT_START,
    boxes: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
    config: ConfigLike = None,
) -> PopulationTruth:
    """Fill an empty lake with the calls of agents: subscribers with places and friends, trades, probes and SIM boxes.

    A second design beside :func:`sentinel_batch.simulation.population.simulate_population`, to see whether what was
    made on one holds on the other. Numbers and local days are those of the settings' region and time zone. Equal
    arguments give equal calls; a run that was killed goes on when it is started again with the same ones.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    subscribers
        Ordinary subscribers; trades, probes and boxes come on top.
    days
        Local days of traffic.
    seed
        Seed of all randomness.
    start
        First local day; a Monday if not given.
    boxes
        SIM boxes of each of six strategies.
    progress
        Called after each day with its date, days done and all days.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    PopulationTruth
        Also stored below ``<lake>/simulation``.

    Raises
    ------
    UsageError
        If an argument is out of range, the region is not one of those with numbers, or the lake holds other calls.
    DiskFullError
        If the disk is.
    """
    desk = open_desk(lake, config)
    plan = AgentPlan(subscribers, days, seed, start, boxes, desk.config.timezone, desk.config.region)
    folder = desk.config.beside_lake(FOLDER)
    target = desk.create_lake()
    with full_disk_reported(target.path), recorded_run(target, "simulate", plan.to_dict()) as run:
        society = found_society(plan)
        simulated = [_name_day(plan, day) for day in range(days)]
        check_own(desk, [day.ingest_id for day in simulated])
        register = _Register(society)
        for day, named in enumerate(simulated):
            calls = live_day(society, day)
            register.count(calls, day)
            write_day(desk, named, split_dates(register.frame(calls, day)), run.run_id)
            if progress is not None:
                progress(f"{named.date}", day + 1, days)
        run.counts = {
            "calls": int(register.calls.sum()),
            "boxes": sum(band.box_id is not None for band in society.bands),
        }
        return _write_truth(folder, society, register, run.counts)


def _name_day(plan: AgentPlan, day: int) -> SimulatedDay:
    facts = json.dumps({**plan.to_dict(), "day": day}, sort_keys=True)
    return SimulatedDay(plan.date(day), hashlib.sha256(facts.encode()).hexdigest()[:16], plan.zone, plan.region)


class _Register:
    """What positions stand for in records, and what each agent did."""

    def __init__(self, society: Society) -> None:
        self.society = society
        size = len(society)
        self.calls, self.active = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        self.first, self.last = (np.full(size, -1, dtype=np.int64) for _ in range(2))
        self.numbers = pl.select("+" + pl.Series(society.numbers).cast(pl.String)).to_series()
        self._imeis = pl.Series(society.imei).cast(pl.String)
        self._imsis = pl.Series(society.plan.numbering.mcc + "01" + f"{place:010d}" for place in range(size))
        self._cells = pl.Series([f"CELL{cell:04d}" for cell in range(society.width**2)])

    def midnight(self, day: int) -> dt.datetime:
        plan = self.society.plan
        return dt.datetime.combine(plan.date(day), dt.time(), ZoneInfo(plan.zone)).astimezone(dt.UTC)

    def count(self, calls: DayCalls, day: int) -> None:
        own = calls.caller != ABROAD
        caller = calls.caller[own]
        moment = int(self.midnight(day).timestamp()) + calls.second[own]
        made = np.bincount(caller, minlength=len(self.calls))
        first = np.full(len(self.first), -1, dtype=np.int64)
        first[caller[::-1]] = moment[::-1]  # The last assignment wins: the earliest call.
        self.first = np.where(self.first < 0, first, self.first)
        self.last[caller] = moment
        self.calls += made
        self.active += made > 0

    def frame(self, calls: DayCalls, day: int) -> pl.DataFrame:
        """Return the records of a day, by time."""
        plan, rng = self.society.plan, self.society.plan.rng(Purpose.CALLS, day, 1)
        abroad = calls.caller == ABROAD
        callee = self.numbers.gather(calls.callee)
        foreign = pl.Series(_FOREIGN + rng.integers(_FOREIGN_NUMBERS, size=len(calls)) * 7_919).cast(pl.String)
        away = pl.Series(abroad)
        caller = pl.select(
            pl.when(away).then("+" + foreign).otherwise(self.numbers.gather(np.maximum(calls.caller, 0)))
        ).to_series()
        missed = np.array(CAUSES[1:4])[rng.choice(3, len(calls), p=(0.6, 0.2, 0.2))]
        base = int(self.midnight(day).timestamp())
        frame = pl.DataFrame(
            {
                "call_timestamp": pl.Series((base + calls.second) * 1_000_000),
                "caller_number": caller,
                "callee_number": callee,
                "duration_seconds": calls.duration.astype(np.int64),
                "call_direction": pl.select(
                    pl.when(away).then(pl.lit("inbound")).otherwise(pl.lit("outbound"))
                ).to_series(),
                "termination_cause": pl.Series(np.where(calls.duration > 0, CAUSES[0], missed)),
                "location_code": self._known(self._cells, calls.cell, abroad),
                "answered": pl.Series(calls.duration > 0),
                "imei": self._known(self._imeis, calls.caller, abroad),
                "imsi": self._known(self._imsis, calls.caller, abroad),
                "trunk": pl.select(pl.when(away).then(pl.lit(_TRUNK))).to_series(),
                "local_hour": pl.Series((calls.second // 3600).astype(np.int8)),
                "number_type": pl.repeat(E164, len(calls), dtype=pl.String, eager=True),
                "callee_prefix": callee.str.slice(0, _PREFIX_LENGTH),
                "source_line": pl.Series(np.arange(2, len(calls) + 2)),
            }
        )
        return frame.with_columns(
            pl.col("call_timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            local_date=pl.lit(plan.date(day)),
            iso_weekday=pl.lit(plan.date(day).isoweekday(), dtype=pl.Int8),
        )

    @staticmethod
    def _known(values: pl.Series, places: NDArray[Any], abroad: NDArray[Any]) -> pl.Series:
        index = pl.Series(np.where(abroad, 0, places))
        return pl.select(pl.when(~pl.Series(abroad)).then(values.gather(index))).to_series()


def _write_truth(folder: Any, society: Society, register: _Register, counts: dict[str, Any]) -> PopulationTruth:
    """Write the truth as the other design does; ``truth.parquet`` comes last, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = {**society.plan.to_dict(), **counts}
    (folder / PLAN_FILE).write_text(json.dumps(plan, indent=2) + "\n", encoding="utf-8")
    # A grid 2 km wide: neighbours in number are neighbours in place.
    cells = np.arange(society.width**2)
    # Rows and columns 2 km apart.
    pl.DataFrame(
        {
            "location_code": [f"CELL{cell:04d}" for cell in cells],
            "latitude": 6.0 + cells % society.width * 0.018,
            "longitude": 1.0 + cells // society.width * 0.018,
        }
    ).write_csv(folder / CELLS_FILE)
    pl.DataFrame(schema={"number": pl.String, "segment": pl.String}).write_csv(folder / SEGMENTS_FILE)
    numbers = _describe(society, register)
    with replaced_file(folder / TRUTH_FILE) as fresh:
        numbers.write_parquet(fresh)
    return PopulationTruth(folder, numbers, plan)


def _describe(society: Society, register: _Register) -> pl.DataFrame:
    plan, sizes = society.plan, [len(band) for band in society.bands]
    roles: list[str | None] = [
        "fraud" if band.box_id else "hard_negative" if band.kind else "subscriber" for band in society.bands
    ]
    texts: dict[str, list[str | None]] = {
        "role": roles,
        "kind": [band.kind for band in society.bands],
        "strategy": [band.strategy for band in society.bands],
        "box_id": [band.box_id for band in society.bands],
    }
    spread = np.repeat(np.arange(len(sizes)), sizes)
    moment = pl.Datetime("us", "UTC")
    frame = pl.DataFrame(
        {
            "number": register.numbers,
            **{name: pl.Series(values, dtype=pl.String).gather(spread) for name, values in texts.items()},
            "segment": pl.repeat(None, len(society), dtype=pl.String, eager=True),
            "first_day": pl.Series(society.first_day.astype(np.int32)),
            "calls": register.calls,
            "active_days": register.active,
            "first_call": register.first,
            "last_call": register.last,
            "facts": pl.repeat(None, len(society), dtype=pl.String, eager=True),
        }
    )
    moments = [
        pl.when(pl.col(name) >= 0).then(pl.from_epoch(name, time_unit="s")).cast(moment).alias(name)
        for name in ("first_call", "last_call")
    ]
    fraud = pl.col("role") == "fraud"
    return frame.with_columns(
        *moments,
        first_day=pl.lit(plan.start) + pl.duration(days="first_day"),
        last_day=pl.lit(plan.date(plan.days - 1)),
    ).with_columns(fraud_start=pl.when(fraud).then("first_call"), fraud_end=pl.when(fraud).then("last_call"))
