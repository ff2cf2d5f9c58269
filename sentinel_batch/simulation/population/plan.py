"""What a simulated population depends on: its parameters, checked, and its sources of randomness."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from sentinel_batch.errors import UsageError
from sentinel_batch.simulation.ranges import check_range

from .strategies import STRATEGIES

DEFAULT_START = dt.date(2026, 1, 5)
"""A Monday."""

EARLIEST_START, LATEST_START = dt.date(1970, 1, 2), dt.date(2200, 1, 1)
"""Far from the ends of what an instant can hold."""

FEWEST_SUBSCRIBERS = 1_000
MOST_SUBSCRIBERS = 5_000_000
"""Three quantities of a call (second, caller, callee) must fit into one 64-bit sorting key."""

FEWEST_SIMS = 8
"""Fewer SIMs are not a box worth the name (and no group that a case could show)."""

VERSION = 1
"""Version of the generator: equal parameters give equal calls only within one version."""


class Purpose(IntEnum):
    """First part of every spawn key: what a stream of random numbers is for."""

    PLACES = 0
    NUMBERS = 1
    HANDSETS = 2
    PEOPLE = 3
    CONTACTS = 4
    BUSINESSES = 5
    BOXES = 6
    CAMPAIGNS = 7
    PEOPLE_CALLS = 8
    BUSINESS_CALLS = 9
    BOX_CALLS = 10
    CAMPAIGN_CALLS = 11
    FOREIGN_CALLS = 12


@dataclass(frozen=True)
class Plan:
    """Parameters of a population.

    Parameters
    ----------
    subscribers
        Ordinary subscribers' numbers; hard negatives and fraud come on top.
    days
        Local days of traffic.
    seed
        Seed of all randomness.
    start
        First local day.
    strategies
        Strategies of the SIM boxes, in turn.
    prevalence
        SIMs in boxes as a share of ``subscribers``, unless ``boxes`` says how many boxes there are.
    campaigns
        Whether Wangiri, IRSF and the other campaigns take place.
    boxes, sims_per_box
        Number of boxes, and of SIMs that each has at work at a time; None draws 8 to 14.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    subscribers: int = 10_000
    days: int = 14
    seed: int = 1
    start: dt.date = DEFAULT_START
    strategies: tuple[str, ...] = tuple(STRATEGIES)
    prevalence: float = 0.0002
    campaigns: bool = True
    boxes: int | None = None
    sims_per_box: int | None = None

    def __post_init__(self) -> None:
        check_range("subscribers", self.subscribers, FEWEST_SUBSCRIBERS, MOST_SUBSCRIBERS)
        check_range("days", self.days, 1, 366)
        check_range("seed", self.seed, 0, 2**63 - 1)
        if not EARLIEST_START <= self.start <= LATEST_START:
            raise UsageError(
                f"start is {self.start}, not a day from {EARLIEST_START} to {LATEST_START}",
                hint="Give a day in that range.",
            )
        if self.boxes is not None:
            check_range("boxes", self.boxes, 0, 10_000)
        if self.sims_per_box is not None:
            check_range("sims_per_box", self.sims_per_box, FEWEST_SIMS, 256)
        if not 0.0 <= self.prevalence <= 0.05:
            raise UsageError(f"prevalence is {self.prevalence!r}, not a share from 0 to 0.05", hint="Give 0.0002.")
        unknown = [name for name in self.strategies if name not in STRATEGIES]
        if unknown or not self.strategies:
            named = ", ".join(repr(name) for name in unknown) or "nothing"
            raise UsageError(f"strategies names {named}", hint=f"Strategies are: {', '.join(STRATEGIES)}.")

    def rng(self, purpose: Purpose, *key: int) -> np.random.Generator:
        """Return the source of randomness of one purpose (and day, block …): no other draw moves it."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(int(purpose), *key)))

    def weekday(self, day: int) -> int:
        """Return the weekday of a day of the simulation, 0 for Monday."""
        return (self.start + dt.timedelta(days=day)).weekday()

    def instances(self, share: float, fewest: int) -> int:
        """Return how many of something there are: a share of the subscribers, but not fewer than ``fewest``."""
        return max(fewest, math.ceil(self.subscribers * share))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts."""
        return {
            "version": VERSION,
            **asdict(self),
            "start": self.start.isoformat(),
            "strategies": list(self.strategies),
        }
