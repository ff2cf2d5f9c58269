"""A population and its calls, day by day, into a lake."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.runs import recorded_run

from .abroad import Abroad, plan_abroad
from .boxes import Box, build_boxes, order_boxes
from .businesses import Business, count_businesses, plan_businesses
from .calls import Calls, join_calls, sort_calls
from .campaigns import Campaigns, Stage, carry_out, plan_campaigns
from .geography import Cells, plan_cells
from .movement import Whereabouts, plan_journeys
from .numbers import NumberRegister
from .people import FRESH_SHARE, People, plan_people
from .plan import DEFAULT_START, Plan, Purpose
from .roster import Directory, Member, Roster
from .strategies import STRATEGIES
from .truth import FOLDER, Offence, PopulationTruth, Tally, write_truth
from .writing import Ledger, Renewal

_THREADS = 2
_SPARE_FRESH = 3_000


@dataclass(frozen=True)
class Population:
    """Everybody who calls or is called.

    Parameters
    ----------
    plan
        Parameters.
    cells, directory, members
        Antennas; all numbers; what the truth says of them.
    whereabouts
        Where callers are.
    people, abroad, businesses, boxes, campaigns
        Who calls.
    offences, renewals
        Whose numbers commit fraud for a while, and whose SIMs are exchanged.
    """

    plan: Plan
    cells: Cells
    directory: Directory
    members: Sequence[Member]
    whereabouts: Whereabouts
    people: People
    abroad: Abroad
    businesses: Sequence[Business]
    boxes: Sequence[Box]
    campaigns: Campaigns
    offences: Sequence[Offence]
    renewals: Sequence[Renewal]

    def calls(self, day: int, threads: int = 1) -> Calls:
        """Return all calls of a local day, by time; the number of threads changes nothing."""
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(lambda task: self._placed(task[0], task[1], day), enumerate(self._tasks(day))))
        return sort_calls(join_calls(parts))

    def _tasks(self, day: int) -> Iterator[Callable[[], Calls]]:
        people, directory, relatives = self.people, self.directory, self.abroad.relatives
        for block in range(people.blocks):
            yield lambda block=block: people.calls(directory, relatives, day, block)  # type: ignore[misc]
        yield lambda: self.abroad.calls(self.plan, directory, day)
        for business in self.businesses:
            yield lambda own=business: own.calls(self.plan, directory, self.abroad.numbers, day)  # type: ignore[misc]
        for box in self.boxes:
            yield lambda own=box: own.calls(self.plan, directory, day)  # type: ignore[misc]
        yield lambda: self.campaigns.calls(day)

    def _placed(self, index: int, task: Callable[[], Calls], day: int) -> Calls:
        rng = self.plan.rng(Purpose.PLACES, day, index)
        return self.whereabouts.place(rng, task(), day, self.plan.weekday(day))


def plan_population(plan: Plan) -> Population:
    """Draw everybody: subscribers first, then businesses, SIM boxes and numbers abroad.

    Parameters
    ----------
    plan
        The parameters.
    """
    cells = plan_cells(plan)
    orders = order_boxes(plan)
    fresh = round(FRESH_SHARE * plan.subscribers * 1.1) + count_businesses(plan) + sum(order.sims for order in orders)
    register = NumberRegister(plan.rng(Purpose.NUMBERS), fresh + _SPARE_FRESH)
    roster = Roster(plan)
    people = plan_people(plan, cells, register, roster)
    businesses = plan_businesses(plan, cells, register, roster)
    boxes = build_boxes(plan, cells, register, roster, orders)
    roster.end_lines()
    abroad = plan_abroad(plan, roster)
    home = roster.column("home")[: plan.subscribers]
    journeys = plan_journeys(plan, cells, home, plan.rng(Purpose.PLACES, 0))
    stage = Stage(plan, cells, register, roster, businesses, people.activity, journeys)
    schemes = plan_campaigns(stage)
    directory = roster.close()
    whereabouts = Whereabouts(directory, cells, journeys)
    return Population(
        plan, cells, directory, roster.members, whereabouts, people, abroad, businesses, boxes,
        carry_out(plan, schemes, directory), stage.offences, stage.renewals,
    )  # fmt: skip


def simulate_population(
    lake: DeskLike = None,
    *,
    subscribers: int = 10_000,
    days: int = 14,
    seed: int = 1,
    start: dt.date = DEFAULT_START,
    strategies: Sequence[str] | None = None,
    prevalence: float = 0.0002,
    campaigns: bool = True,
    boxes: int | None = None,
    sims_per_box: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    config: ConfigLike = None,
) -> PopulationTruth:
    """Fill an empty lake with the calls of a population in which every fraudster is known; it is made if there is none.

    Equal arguments give equal calls. A run that was killed goes on when it is started again with the same arguments.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    subscribers
        Ordinary subscribers' numbers; hard negatives and fraud come on top.
    days
        Local days (Africa/Lagos) of traffic.
    seed
        Seed of all randomness.
    start
        First local day; a Monday if not given.
    strategies
        Strategies of the SIM boxes, in turn; None takes all.
    prevalence
        SIMs in boxes as a share of ``subscribers``; at least one box, unless 0.
    campaigns
        Whether Wangiri, IRSF and the other campaigns take place.
    boxes, sims_per_box
        Number of boxes (instead of ``prevalence``), and of SIMs that each has at work at a time.
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
        If an argument is out of range, or the lake holds other calls.
    DiskFullError
        If the disk is; days that were written stay, and the next run goes on with the rest.
    """
    plan = Plan(
        subscribers, days, seed, start, tuple(STRATEGIES if strategies is None else strategies), prevalence, campaigns,
        boxes, sims_per_box,
    )  # fmt: skip
    desk = open_desk(lake, config)
    folder = desk.config.beside_lake(FOLDER)
    target = desk.create_lake()
    with full_disk_reported(target.path), recorded_run(target, "simulate", plan.to_dict()) as run:
        population = plan_population(plan)
        renewals = tuple(population.renewals)
        ledger = Ledger(desk, plan, population.directory, population.cells, renewals)
        ledger.check_lake()
        tally = Tally(len(population.directory))
        for day in range(days):
            calls = population.calls(day, _THREADS)
            tally.add(calls, day)
            ledger.write_day(calls, day, run.run_id)
            if progress is not None:
                progress(f"{start + dt.timedelta(days=day)}", day + 1, days)
        run.counts = {"calls": int(tally.calls.sum()), **_count(population)}
        return write_truth(
            folder, plan, population.directory, population.members, population.offences,
            population.cells, tally, run.counts, ledger.midnight(0),
        )  # fmt: skip


def _count(population: Population) -> dict[str, Any]:
    roles = Counter[str]()
    for member in population.members:
        roles[member.role] += member.end - member.first
    return {"numbers": dict(roles), "boxes": len(population.boxes), "cells": len(population.cells)}
