"""What a campaign is, and what it is planned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..arrays import Flags, Floats, Ints
from ..businesses import Business
from ..calls import OPEN, Calls
from ..geography import CITIES, Cells, city_shares
from ..movement import Journeys
from ..numbers import HIGH_RISK, NumberRegister
from ..outcomes import Outcomes
from ..people import draw_flicker
from ..plan import Plan
from ..rhythms import DAY_SECONDS
from ..roster import Directory, Roster
from ..truth import Offence
from ..writing import Renewal

_FULL_SIZE = 250_000
_SMALLEST = 0.25
_HOUR = 3_600.0


class Scheme(Protocol):
    """One campaign: whom it uses was settled when it was planned."""

    def carry_out(self, rng: np.random.Generator, directory: Directory) -> Calls:
        """Return all its calls; their seconds count from the first midnight."""
        ...


@dataclass(frozen=True)
class Stage:
    """What campaigns are planned from, and what they leave behind for the truth.

    Parameters
    ----------
    plan, cells, register, roster, businesses
        The population under way.
    activity, journeys
        Mean calls a day of each subscriber; when they are under way.
    offences
        Receives the numbers of others that commit fraud for a while.
    renewals
        Receives the SIMs that are exchanged.
    """

    plan: Plan
    cells: Cells
    register: NumberRegister
    roster: Roster
    businesses: Sequence[Business]
    activity: Floats
    journeys: Journeys
    offences: list[Offence] = field(default_factory=list)
    renewals: list[Renewal] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Length of the simulation in seconds."""
        return self.plan.days * DAY_SECONDS

    def draw_size(self, rng: np.random.Generator, low: int, high: int) -> int:
        """Return a random size from a range, smaller in a small population."""
        scale = float(np.clip(np.sqrt(self.plan.subscribers / _FULL_SIZE), _SMALLEST, 1.0))
        return max(1, round(int(rng.integers(low, high + 1)) * scale))

    def draw_day(self, rng: np.random.Generator, weekend: bool = False) -> int:
        """Return a random day after the first, at a weekend where that is wanted and there is one."""
        days = np.arange(min(1, self.plan.days - 1), self.plan.days)
        if weekend:
            free = days[[self.plan.weekday(int(day)) >= 5 for day in days]]
            days = free if len(free) else days
        return int(rng.choice(days))

    def draw_subscribers(self, rng: np.random.Generator, size: int, busy: float = 0.0) -> Ints:
        """Return different subscribers who make at least ``busy`` calls a day, and commit no other fraud."""
        taken = {offence.number for offence in self.offences}
        fit = np.flatnonzero(self.activity >= busy)
        drawn = rng.choice(fit, min(len(fit), size + len(taken)), replace=False)
        return np.array([number for number in drawn.tolist() if number not in taken][:size], dtype=np.int64)

    def draw_premium(self, rng: np.random.Generator, size: int) -> tuple[Ints, str]:
        """Return different numbers of one high-risk range (not yet in the roster), and its prefix."""
        first = int(rng.choice(list(HIGH_RISK)))
        digits, prefix = HIGH_RISK[first]
        return first + rng.choice(10**digits, size, replace=False), prefix

    def enlist_sims(
        self, rng: np.random.Generator, size: int, kind: str, facts: dict[str, object], **columns: Any
    ) -> Ints:
        """Add SIMs bought for fraud, each in a phone of its own, all in one place; return their positions."""
        home = self.cells.draw_in_city(rng, rng.choice(len(CITIES), 1, p=city_shares()))[0]
        handset = self.roster.add_handsets(np.zeros(size, dtype=np.bool_))
        return self.roster.add(
            rng.permutation(self.register.take_run(size)), "fraud", kind, segment="consumer", facts=facts,
            home=home, work=home, flicker=draw_flicker(rng, size), handset=handset, later_handset=handset,
            **{"answers": 0.2, "returns": False, **columns},
        )  # fmt: skip

    def accuse(self, number: int, kind: str, start: float, end: float, facts: dict[str, object]) -> None:
        """Note that somebody else's number commits fraud for a while (seconds since the first midnight)."""
        self.offences.append(Offence(number, "fraud", kind, start, min(end, self.end - 1), facts))


def at(day: int, hour: float) -> float:
    """Return a moment in seconds since the first midnight."""
    return day * DAY_SECONDS + hour * _HOUR


def make_calls(
    second: Floats,
    caller: Ints,
    callee: Ints,
    outcomes: Outcomes,
    end: int,
    cell: Ints | int = OPEN,
    handset: Ints | int = OPEN,
) -> Calls:
    """Return a campaign's calls, sorted by time, but for those after the end of the simulation."""
    calls = Calls.of(second, caller, callee, outcomes, cell=cell, handset=handset, end=end)
    return calls.take(np.argsort(calls.second, kind="stable"))


def missed_or_cut(rng: np.random.Generator, size: int, answered: float, longest: float) -> Outcomes:
    """Return outcomes of calls that ring once: few are answered, and cut within ``longest`` seconds."""
    taken: Flags = rng.random(size) < answered
    duration = np.where(taken, 1 + (rng.random(size) * longest).astype(np.int64), 0)
    return Outcomes(duration, np.where(taken, 0, 1).astype(np.int8), duration + 3.0)
