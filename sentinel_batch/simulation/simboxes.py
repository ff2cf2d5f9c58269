"""Calls of SIM boxes: one to five seconds, each to another destination, all within 23 hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .calls import LOCATIONS, Calls
from .numbering import FIRST_SIMBOX_INDEX, IntArray, NumberPlan
from .subscribers import SPREAD_SECONDS, last_second

LONGEST_CALL_SECONDS = 5
MOST_CALLS = 1_000_000
"""Largest number of calls of one SIM box (twelve a second)."""

MOST_SIMBOXES = 1_000_000

_MILDEST_DECAY = 0.3
_STRONGEST_DECAY = 0.8


@dataclass(frozen=True)
class SimBoxes:
    """SIM boxes, and the numbers they call from.

    Parameters
    ----------
    plan
        Numbers of those they call.
    callers
        Digits of the SIM boxes' own numbers, one each.
    calls_each
        Calls of each, each to a destination of its own.
    """

    plan: NumberPlan
    callers: IntArray
    calls_each: int

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int, calls_each: int, plan: NumberPlan) -> SimBoxes:
        """Return ``count`` SIM boxes with numbers of their own, which no subscriber shares."""
        indices = FIRST_SIMBOX_INDEX + rng.choice(FIRST_SIMBOX_INDEX, count, replace=False).astype(np.int64)
        return cls(plan, plan.digits(indices), calls_each)

    @property
    def count(self) -> int:
        """Number of SIM boxes."""
        return len(self.callers)

    @property
    def numbers(self) -> list[str]:
        """The SIM boxes' numbers in E.164."""
        return [f"+{digits}" for digits in self.callers.tolist()]

    def calls(self, rng: np.random.Generator, days: int) -> Calls:
        """Return all their calls in order of time."""
        each, size = self.calls_each, self.count * self.calls_each
        first = (rng.random(self.count) * (last_second(days) - SPREAD_SECONDS + 1)).astype(np.int64)
        second = np.repeat(first, each) + (rng.random(size) * SPREAD_SECONDS).astype(np.int64)
        home = (rng.random(self.count) * len(LOCATIONS)).astype(np.int64)
        nothing = np.zeros(size, dtype=np.int64)
        calls = Calls(
            second=second,
            caller=np.repeat(self.callers, each),
            callee=self.plan.digits(self._destinations(rng)),
            duration=self._durations(rng),
            direction=nothing,
            cause=nothing,
            location=np.repeat(home, each),
            simbox=np.ones(size, dtype=np.bool_),
        )
        return calls.take(np.argsort(second, kind="stable"))

    def _destinations(self, rng: np.random.Generator) -> IntArray:
        """Return, for each SIM box in turn, distinct indices below the SIM boxes' own."""
        drawn = [rng.choice(FIRST_SIMBOX_INDEX, self.calls_each, replace=False) for _ in range(self.count)]
        return np.concatenate([np.empty(0, dtype=np.int64), *drawn])

    def _durations(self, rng: np.random.Generator) -> IntArray:
        drawn = [short_durations(rng, self.calls_each) for _ in range(self.count)]
        return np.concatenate([np.empty(0, dtype=np.int64), *drawn])


def short_durations(rng: np.random.Generator, size: int) -> IntArray:
    """Draw durations of 1 to 5 seconds whose average is below 3 with certainty, not only in expectation.

    Uniform durations average 3.0, and half of such SIM boxes would escape a rule that asks for less. Here each second
    more is rarer by a factor drawn per SIM box (0.3 to 0.8: a mean of 1.4 to 2.6), and the sample is stratified: call
    ``i`` takes its quantile from the ``i``-th of ``size`` equal parts. So the average stays within ``4 / size`` of its
    mean, below 2.7 for more than 50 calls.

    Parameters
    ----------
    rng
        Source of randomness.
    size
        Number of calls.

    Returns
    -------
    numpy.ndarray
        Durations in seconds, in random order.
    """
    decay = _MILDEST_DECAY + (_STRONGEST_DECAY - _MILDEST_DECAY) * rng.random()
    weights = decay ** np.arange(LONGEST_CALL_SECONDS)
    bounds = np.cumsum(weights / weights.sum())[:-1]
    quantiles = (rng.permutation(size) + rng.random(size)) / max(size, 1)
    return 1 + np.searchsorted(bounds, quantiles, side="right").astype(np.int64)
