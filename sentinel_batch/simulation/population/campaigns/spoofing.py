"""Fraud with numbers: invented caller ids, many callers at once, ranges dialled through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..abroad import TRUNKS
from ..arrays import Ints
from ..calls import NOWHERE, OPEN, Calls
from ..numbers import RANGE, draw_range
from ..outcomes import UNALLOCATED, Outcomes, draw_outcomes
from ..rhythms import DAY_SECONDS
from ..roster import Directory
from .scheme import Stage, at, make_calls

_UNALLOCATED_FIRST = (234_010_0000000, 234_600_0000000, 234_710_0000000, 234_890_0000000, 234_999_0000000)
"""Ranges that no operator holds, each of ten million numbers."""


@dataclass(frozen=True)
class SpoofedCalls:
    """Robocalls over an international trunk that pretend to come from within the country.

    Parameters
    ----------
    callers, callees
        Caller id and callee of each call.
    start, seconds
        When, and for how long.
    end
        End of the simulation, in seconds.
    """

    callers: Ints
    callees: Ints
    start: float
    seconds: float
    end: int

    def carry_out(self, rng: np.random.Generator, directory: Directory) -> Calls:
        """Return the calls."""
        size = len(self.callers)
        outcomes = draw_outcomes(rng, directory.answers[self.callees] * 0.75, "robocall")
        second = self.start + rng.random(size) * self.seconds
        return make_calls(second, self.callers, self.callees, outcomes, self.end, NOWHERE, NOWHERE)


def plan_cli_spoofing(stage: Stage, rng: np.random.Generator) -> SpoofedCalls:
    """Plan robocalls with three sorts of caller ids: unallocated, of impossible length, next to the callee's own."""
    size = stage.draw_size(rng, 60, 120)
    callees = rng.choice(stage.plan.subscribers, size * 3, replace=False)
    unallocated = rng.choice(_UNALLOCATED_FIRST, size) + rng.integers(10_000_000, size=size)
    short = rng.choice([234_803, 234_816, 234_905], size) * 10**5 + rng.integers(10**5, size=size)
    near = stage.register.take_unused(stage.roster.column("digits")[callees[2 * size :]])
    trunk = int(rng.integers(len(TRUNKS)))
    ids, whom = [], []
    sorts = {"unallocated": unallocated, "impossible_length": short, "neighbour": near}
    for turn, (sort, digits) in enumerate(sorts.items()):
        chosen, first = np.unique(digits, return_index=True)
        numbers = stage.roster.add(
            chosen, "fraud", "cli_spoofing", served=False, trunk=trunk, answers=0.0, facts={"caller_id": sort}
        )
        repeat = rng.integers(1, 2 if sort == "neighbour" else 7, len(chosen))
        ids.append(np.repeat(numbers, repeat))
        own = callees[turn * size + first]
        other = rng.integers(stage.plan.subscribers, size=int(repeat.sum()))
        whom.append(np.repeat(own, repeat) if sort == "neighbour" else other)
    start = at(stage.draw_day(rng), rng.uniform(8.0, 17.0))
    return SpoofedCalls(np.concatenate(ids), np.concatenate(whom), start, rng.uniform(2.0, 5.0) * 3_600, stage.end)


@dataclass(frozen=True)
class MaskingAttack:
    """Many callers to one callee within seconds, in waves.

    Parameters
    ----------
    callers, callee
        Who calls whom.
    waves
        Seconds at which a wave begins.
    end
        End of the simulation, in seconds.
    """

    callers: Ints
    callee: int
    waves: tuple[float, ...]
    end: int

    def carry_out(self, rng: np.random.Generator, directory: Directory) -> Calls:
        """Return the calls: the first may get through, the others find the line busy."""
        size = len(self.callers)
        caller = np.tile(self.callers, len(self.waves))
        second = np.repeat(self.waves, size) + rng.uniform(0.0, 5.0, len(caller))
        outcomes = draw_outcomes(rng, np.full(len(caller), 0.12), "errand")
        return make_calls(second, caller, np.full(len(caller), self.callee), outcomes, self.end)


def plan_call_masking(stage: Stage, rng: np.random.Generator) -> MaskingAttack:
    """Plan an attack on one subscriber's line, by which calls of a bank, say, do not get through."""
    size = int(rng.integers(8, 21))
    start = at(stage.draw_day(rng), rng.uniform(8.0, 20.0))
    waves = tuple((start + np.cumsum(rng.exponential(600.0, int(rng.integers(3, 8))))).tolist())
    callee = int(stage.draw_subscribers(rng, 1)[0])
    facts: dict[str, object] = {"callee": f"+{stage.roster.column('digits')[callee]}", "waves": len(waves)}
    callers = stage.enlist_sims(rng, size, "call_masking", facts, first_day=int(start // DAY_SECONDS))
    return MaskingAttack(callers, callee, waves, stage.end)


@dataclass(frozen=True)
class Sweep:
    """One caller dials number after number.

    Parameters
    ----------
    caller, callees
        Who, and whom in order.
    start, pause
        When, and mean seconds between the calls.
    end
        End of the simulation, in seconds.
    """

    caller: int
    callees: Ints
    start: float
    pause: float
    end: int

    def carry_out(self, rng: np.random.Generator, directory: Directory) -> Calls:
        """Return the calls: most numbers are unallocated, the others ring once or twice."""
        size = len(self.callees)
        held = directory.served[self.callees]
        drawn = draw_outcomes(rng, np.where(held, 0.5, 0.0), "probe", voicemail=held)
        duration = np.where(held, np.minimum(drawn.duration, rng.integers(1, 6, size)), 0)
        cause = np.where(held, drawn.cause, UNALLOCATED).astype(np.int8)
        second = self.start + np.cumsum(duration + 2.0 + rng.exponential(self.pause, size))
        caller = np.full(size, self.caller)
        return make_calls(second, caller, self.callees, Outcomes(duration, cause, drawn.busy), self.end, OPEN, OPEN)


def plan_sequential_dialling(stage: Stage, rng: np.random.Generator) -> Sweep:
    """Plan a sweep through one range, by steps of one to three."""
    size = stage.draw_size(rng, 300, 900)
    steps = np.cumsum(rng.choice([1, 2, 3], size, p=[0.8, 0.15, 0.05]))
    digits = draw_range(rng)[int(rng.integers(RANGE - steps[-1])) + steps]
    start = at(stage.draw_day(rng), rng.uniform(7.0, 20.0))
    facts: dict[str, object] = {"from": f"+{digits[0]}", "to": f"+{digits[-1]}"}
    caller = int(stage.enlist_sims(rng, 1, "sequential_dialling", facts, first_day=int(start // DAY_SECONDS))[0])
    return Sweep(caller, stage.roster.find(digits), start, float(rng.uniform(3.0, 10.0)), stage.end)
