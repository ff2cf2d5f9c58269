"""Fraud that lives off expensive destinations: Wangiri, revenue share fraud (IRSF), hacked exchanges (PBX)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..abroad import TRUNKS
from ..arrays import Ints
from ..calls import NOWHERE, Calls, join_calls
from ..movement import Journeys
from ..outcomes import draw_outcomes
from ..rhythms import DAY_SECONDS
from ..roster import Directory
from .scheme import Stage, at, make_calls, missed_or_cut

_MOST_VICTIMS_NAMED = 200
_FEWEST_TARGETS_EACH = 60


@dataclass(frozen=True)
class Wangiri:
    """One ring from abroad to many; the curious call back, and pay.

    Parameters
    ----------
    numbers, targets
        Who rings, and who is rung.
    start, seconds
        When, and for how long.
    answered, returned
        Share of targets who are quick enough to answer, and who call back.
    facts
        Receives the victims' numbers.
    end
        End of the simulation, in seconds.
    journeys
        When subscribers cannot call back.
    """

    numbers: Ints
    targets: Ints
    start: float
    seconds: float
    answered: float
    returned: float
    end: int
    journeys: Journeys
    facts: dict[str, object] = field(compare=False)

    def carry_out(self, rng: np.random.Generator, directory: Directory) -> Calls:
        """Return the rings and the calls back."""
        size = len(self.targets)
        second = self.start + np.sort(rng.random(size)) * self.seconds
        rings = make_calls(
            second, rng.choice(self.numbers, size), self.targets, missed_or_cut(rng, size, self.answered, 3.0),
            self.end, NOWHERE, NOWHERE,
        )  # fmt: skip
        fell = rings.take((rings.duration == 0) & (rng.random(len(rings)) < self.returned))
        again = rng.choice([1, 2, 3], len(fell), p=[0.75, 0.2, 0.05])
        victims, traps = np.repeat(fell.callee, again), np.repeat(fell.caller, again)
        later = np.repeat(fell.second, again) + 30 + rng.exponential(3_600.0, len(victims))
        able = (later < self.end - 1) & ~self.journeys.under_way(victims, later.astype(np.int64))
        victims, traps, later = victims[able], traps[able], later[able]
        outcomes = draw_outcomes(rng, np.full(len(victims), 0.95), "curious")
        named = np.unique(victims)[:_MOST_VICTIMS_NAMED]
        self.facts["victims"] = len(np.unique(victims))
        self.facts["victim_numbers"] = [f"+{digits}" for digits in directory.digits[named].tolist()]
        return join_calls([rings, make_calls(later, victims, traps, outcomes, self.end)])


def plan_wangiri(stage: Stage, rng: np.random.Generator) -> Wangiri:
    """Plan a burst from a few numbers of one range, in waking hours."""
    size = int(rng.integers(2, 7))
    targets = max(stage.draw_size(rng, 400, 1_600), size * _FEWEST_TARGETS_EACH)
    digits, prefix = stage.draw_premium(rng, size)
    start = at(stage.draw_day(rng), rng.uniform(9.0, 21.0))
    seconds = targets / size / rng.uniform(7.0, 20.0) * 60.0
    facts: dict[str, object] = {"range": prefix, "targets": targets, "rings_seconds": round(seconds)}
    numbers = stage.roster.add(
        digits, "fraud", "wangiri", served=False, trunk=int(rng.integers(len(TRUNKS))), answers=0.95, facts=facts
    )
    chosen = rng.choice(stage.plan.subscribers, min(targets, stage.plan.subscribers // 8), replace=False)
    return Wangiri(
        numbers,
        chosen,
        start,
        seconds,
        float(rng.uniform(0.02, 0.08)),
        float(rng.uniform(0.05, 0.12)),
        stage.end,
        stage.journeys,
        facts,
    )


@dataclass(frozen=True)
class PremiumTraffic:
    """Long calls from several numbers to one expensive range, by night, after a test call.

    Parameters
    ----------
    callers, destinations
        Who calls whom.
    nights
        Seconds of the midnights that the calls are made around.
    test
        Second of the test call.
    each
        Mean calls of each caller a night.
    end
        End of the simulation, in seconds.
    """

    callers: Ints
    destinations: Ints
    nights: tuple[float, ...]
    test: float
    each: float
    end: int

    def carry_out(self, rng: np.random.Generator, directory: Directory) -> Calls:
        """Return the test call and the traffic."""
        parts = [self._test(rng)]
        for midnight in self.nights:
            caller = np.repeat(self.callers, rng.poisson(self.each, len(self.callers)))
            second = midnight + rng.triangular(-1.0, 2.0, 6.0, len(caller)) * 3_600
            outcomes = draw_outcomes(rng, np.full(len(caller), 0.93), "premium")
            parts.append(make_calls(second, caller, rng.choice(self.destinations, len(caller)), outcomes, self.end))
        return join_calls(parts)

    def _test(self, rng: np.random.Generator) -> Calls:
        outcomes = draw_outcomes(rng, np.ones(1), "probe")
        return make_calls(np.array([self.test]), self.callers[:1], self.destinations[:1], outcomes, self.end)


def plan_irsf(stage: Stage, rng: np.random.Generator) -> PremiumTraffic:
    """Plan calls from SIMs bought for it and from stolen phones."""
    day = stage.draw_day(rng, weekend=True)
    test, night = at(day, rng.uniform(-9.0, -2.0)), float(day * DAY_SECONDS + rng.uniform(0.0, 86_400.0 * 0.1))
    test = max(test, 60.0)
    night = max(night, test + 7_200.0)
    digits, prefix = stage.draw_premium(rng, int(rng.integers(8, 30)))
    destinations = stage.roster.add(digits, "background", "premium", served=False, trunk=0, answers=0.97)
    facts: dict[str, object] = {"range": prefix, "destinations": len(digits)}
    size = stage.draw_size(rng, 20, 50)
    bought = stage.enlist_sims(rng, (size + 1) // 2, "irsf", facts, first_day=int(test // DAY_SECONDS))
    stolen = stage.draw_subscribers(rng, size // 2)
    for number in stolen.tolist():
        stage.accuse(number, "irsf", night - 3_600, night + 6 * 3_600, {**facts, "was": "consumer", "stolen": True})
    callers = np.concatenate([bought, stolen])
    return PremiumTraffic(callers, destinations, (night,), test, float(rng.uniform(4.0, 14.0)), stage.end)


def plan_pbx_hacking(stage: Stage, rng: np.random.Generator) -> PremiumTraffic:
    """Plan calls through a company's exchange on one to three nights of a weekend."""
    trunks = next(business for business in stage.businesses if business.kind.segment == "trunk").numbers
    taken = {offence.number for offence in stage.offences}
    free = [number for number in trunks.tolist() if number not in taken] or trunks.tolist()
    lines = rng.choice(free, min(len(free), int(rng.integers(1, 4))), replace=False)
    day = stage.draw_day(rng, weekend=True)
    nights = tuple(
        float(night * DAY_SECONDS) for night in range(day, min(day + int(rng.integers(1, 4)), stage.plan.days))
    )
    test = max(at(day, -float(rng.uniform(2.0, 8.0))), 60.0)
    digits, prefix = stage.draw_premium(rng, int(rng.integers(6, 20)))
    destinations = stage.roster.add(digits, "background", "premium", served=False, trunk=1, answers=0.97)
    for number in lines.tolist():
        facts: dict[str, object] = {"range": prefix, "was": "pbx_trunk", "nights": len(nights)}
        stage.accuse(number, "pbx_hacking", test, nights[-1] + 6 * 3_600, facts)
    return PremiumTraffic(lines, destinations, nights, test, float(rng.uniform(40.0, 120.0)), stage.end)
