"""Calls of ordinary subscribers: a daily rhythm, favourite contacts, conversations of 30 seconds to 30 minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .calls import CAUSES, DAY_SECONDS, LOCATIONS, Calls
from .numbering import FIRST_SIMBOX_INDEX, IntArray, NumberPlan

SHORTEST_CALL_SECONDS = 30
LONGEST_CALL_SECONDS = 1800
SPREAD_SECONDS = 23 * 3600
"""Traffic of the last day (and of each SIM box) fits in this many seconds, as the seed's does."""

_MEAN_EXTRA_SECONDS = 150.0
_CALLS_PER_DAY = 5
_FEWEST_SUBSCRIBERS = 50
_MOST_SUBSCRIBERS = FIRST_SIMBOX_INDEX
_FAVOURITES = 8
_FAVOURITE_SHARE = 0.75
_AT_HOME_SHARE = 0.85
_OUTBOUND_SHARE = 0.92
_ACTIVITY_SKEW = 1.25
_CAUSE_BOUNDS = np.array([0.95, 0.98, 0.99])
_HOURLY_TRAFFIC = (3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 10, 10, 9, 9, 10, 11, 12, 13, 13, 11, 8, 5)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rhythm:
    """Share of all traffic up to each hour.

    Parameters
    ----------
    hours
        Start of each hour, in seconds, and the end of the last.
    share
        Share of the traffic before it, from 0 to 1.
    """

    hours: FloatArray
    share: FloatArray

    @classmethod
    def over(cls, days: int) -> Rhythm:
        """Return the rhythm of ``days`` days, of which the last ends at 23:00."""
        hourly = np.tile(_HOURLY_TRAFFIC, days)[:-1]
        share = np.concatenate([[0.0], np.cumsum(hourly) / hourly.sum()]).astype(np.float64)
        return cls(np.arange(len(share), dtype=np.float64) * 3600.0, share)

    def slices(self, count: int) -> IntArray:
        """Return the ``count + 1`` bounds, in whole seconds, of slices that carry about the same traffic each."""
        return np.interp(np.linspace(0.0, 1.0, count + 1), self.share, self.hours).astype(np.int64)

    def split(self, total: int, bounds: IntArray) -> IntArray:
        """Return how many of ``total`` calls fall into each slice."""
        before = np.rint(np.interp(bounds, self.hours, self.share) * total).astype(np.int64)
        return np.diff(before)

    def seconds(self, rng: np.random.Generator, size: int, first: int, end: int) -> IntArray:
        """Return ``size`` random seconds in ``[first, end)``."""
        low, high = np.interp([first, end], self.hours, self.share)
        drawn = np.interp(low + (high - low) * rng.random(size), self.share, self.hours)
        return np.clip(drawn.astype(np.int64), first, end - 1)


@dataclass(frozen=True)
class Subscribers:
    """Ordinary subscribers; they call each other.

    Parameters
    ----------
    count
        How many there are; subscriber ``i`` has number ``i`` of the plan.
    plan
        Their numbers.
    rhythm
        When they call.
    """

    count: int
    plan: NumberPlan
    rhythm: Rhythm

    @classmethod
    def for_traffic(cls, calls: int, days: int, plan: NumberPlan) -> Subscribers:
        """Return as many subscribers as make ``calls`` calls in ``days`` days, about five a day each."""
        wanted = math.ceil(calls / (_CALLS_PER_DAY * days))
        return cls(min(max(wanted, _FEWEST_SUBSCRIBERS), _MOST_SUBSCRIBERS), plan, Rhythm.over(days))

    def calls(self, rng: np.random.Generator, size: int, first: int, end: int) -> Calls:
        """Return ``size`` calls that start in ``[first, end)``, sorted; no caller starts two in one second."""
        second, caller = np.divmod(self._starts(rng, size, first, end), self.count)
        return Calls(
            second=second,
            caller=self.plan.digits(caller),
            callee=self.plan.digits(self._callees(rng, caller)),
            duration=_durations(rng, size),
            direction=(rng.random(size) >= _OUTBOUND_SHARE).astype(np.int64),
            cause=np.searchsorted(_CAUSE_BOUNDS, rng.random(size), side="right").clip(0, len(CAUSES) - 1),
            location=_locations(rng, caller),
            simbox=np.zeros(size, dtype=np.bool_),
        )

    def _starts(self, rng: np.random.Generator, size: int, first: int, end: int) -> IntArray:
        """Return ``size`` different pairs of second and caller, each as one integer, in order."""
        starts = np.empty(0, dtype=np.int64)
        while (missing := size - len(starts)) > 0:
            callers = (self.count * rng.random(missing) ** _ACTIVITY_SKEW).astype(np.int64)
            drawn = self.rhythm.seconds(rng, missing, first, end) * self.count + callers
            starts = np.sort(np.concatenate([starts, drawn]))  # np.unique hashes, at six times the cost
            starts = starts[np.concatenate([[True], starts[1:] != starts[:-1]])]
        return starts

    def _callees(self, rng: np.random.Generator, caller: IntArray) -> IntArray:
        size = len(caller)
        rank = (_FAVOURITES * rng.random(size) ** 2).astype(np.int64)
        favourite = _scramble(caller * _FAVOURITES + rank, self.count - 1)
        stranger = (rng.random(size) * (self.count - 1)).astype(np.int64)
        step = np.where(rng.random(size) < _FAVOURITE_SHARE, favourite, stranger) + 1
        callee: IntArray = (caller + step) % self.count
        return callee


def _durations(rng: np.random.Generator, size: int) -> IntArray:
    """Draw from an exponential distribution cut off at the longest call."""
    longest_extra = LONGEST_CALL_SECONDS - SHORTEST_CALL_SECONDS
    reach = -math.expm1(-(longest_extra + 1) / _MEAN_EXTRA_SECONDS)
    extra = (-_MEAN_EXTRA_SECONDS * np.log1p(-reach * rng.random(size))).astype(np.int64)
    return SHORTEST_CALL_SECONDS + np.minimum(extra, longest_extra)


def _locations(rng: np.random.Generator, caller: IntArray) -> IntArray:
    home = _scramble(caller, len(LOCATIONS))
    away = (rng.random(len(caller)) * len(LOCATIONS)).astype(np.int64)
    return np.where(rng.random(len(caller)) < _AT_HOME_SHARE, home, away)


def _scramble(values: IntArray, below: int) -> IntArray:
    """Map each value to a fixed pseudo-random integer in ``[0, below)`` (the finaliser of SplitMix64)."""
    mixed = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(below)).astype(np.int64)


def last_second(days: int) -> int:
    """Return the end of the traffic of ``days`` days, in seconds since midnight of the first."""
    return (days - 1) * DAY_SECONDS + SPREAD_SECONDS
