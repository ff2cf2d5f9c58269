"""A day of the agents: where they are, whom they call, who calls back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .plan import Purpose
from .roles import STRATEGIES
from .society import Band, Society, move

if TYPE_CHECKING:
    from numpy.typing import NDArray

ABROAD = -1
"""Caller of calls from abroad: nobody in the society."""

DAY = 86_400
_LONGEST = 7_200
_FOREIGN_CALLS = 0.12
_FLICKER = 0.1
_FAR = 6

HOURS = {
    "person": (1, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 8, 8, 8, 7, 7, 8, 9, 10, 11, 10, 8, 5, 2),
    "office": (0, 0, 0, 0, 0, 0, 1, 4, 9, 12, 12, 11, 8, 9, 11, 11, 10, 7, 3, 1, 0, 0, 0, 0),
    "evening": (3, 2, 1, 1, 1, 2, 4, 5, 6, 6, 7, 7, 7, 7, 8, 8, 9, 10, 12, 13, 13, 12, 9, 6),
    "flat": (1,) * 24,
}
"""Weights of the hours of the day."""


@dataclass(frozen=True)
class DayCalls:
    """Calls in columns of equal length, by time; ``caller`` is :data:`ABROAD` for those from abroad."""

    second: NDArray[Any]
    caller: NDArray[Any]
    callee: NDArray[Any]
    duration: NDArray[Any]
    cell: NDArray[Any]

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self.second)


def live_day(society: Society, day: int) -> DayCalls:
    """Return all calls of a local day; a duration of 0 is that of an unanswered call."""
    rng = society.plan.rng(Purpose.CALLS, day)
    weekend = society.plan.date(day).weekday() >= 5
    columns = [_call_band(society, band, day, rng, weekend) for band in society.bands]
    columns.append(_call_from_abroad(society, rng))
    second, caller, callee, duration = (np.concatenate(part) for part in zip(*columns, strict=True))
    within = (second < DAY) & (caller != callee)
    second, caller, callee, duration = (part[within] for part in (second, caller, callee, duration))
    order = np.lexsort((callee, caller, second))
    second, caller, callee, duration = (part[order] for part in (second, caller, callee, duration))
    return DayCalls(second, caller, callee, duration, _locate(society, caller, second, rng))


def list_working(society: Society, band: Band, day: int) -> NDArray[Any]:
    """Return the positions of a band that may call on a day: SIMs that take turns rest on the others' days."""
    everyone = np.arange(band.first, band.end)
    begun = everyone[society.first_day[band.first : band.end] <= day]
    if band.strategy is None or STRATEGIES[band.strategy].working == 1:
        return begun
    turns = round(1 / STRATEGIES[band.strategy].working)
    slots = max(1, len(band) // turns)
    turn: NDArray[Any] = begun[((begun - band.first) // slots) % turns == day % turns]
    return turn


def _call_band(
    society: Society, band: Band, day: int, rng: np.random.Generator, weekend: bool
) -> tuple[NDArray[Any], ...]:
    habit, able = band.habit, list_working(society, band, day)
    rate = society.rate[able] * np.exp(habit.spread * rng.standard_normal(len(able)) - habit.spread**2 / 2)
    if weekend and habit.hours == "office":
        rate = rate * 0.15
    caller = np.repeat(able, rng.poisson(rate))
    weights = np.array(HOURS[habit.hours], dtype=np.float64)
    hour = rng.choice(24, len(caller), p=weights / weights.sum())
    second = hour * 3600 + rng.integers(3600, size=len(caller))
    callee = _choose(society, band, caller, rng)
    answered = rng.random(len(caller)) < habit.answered * _answering(society, callee)
    duration = _talk(rng, answered, habit.duration, habit.deviation)
    back = rng.random(len(caller)) < np.where(answered, habit.answered_back, habit.missed_back)
    return _with_callbacks(rng, (second, caller, callee, duration), back, habit.answers)


def _with_callbacks(
    rng: np.random.Generator, calls: tuple[NDArray[Any], ...], back: NDArray[Any], answers: float
) -> tuple[NDArray[Any], ...]:
    second, caller, callee, duration = calls
    later = second[back] + duration[back] + rng.exponential(2_400, int(back.sum())).astype(np.int64) + 20
    spoken = _talk(rng, rng.random(len(later)) < answers, 55.0, 1.0)
    return (
        np.concatenate([second, later]),
        np.concatenate([caller, callee[back]]),
        np.concatenate([callee, caller[back]]),
        np.concatenate([duration, spoken]),
    )


def _talk(rng: np.random.Generator, answered: NDArray[Any], median: float, deviation: float) -> NDArray[Any]:
    seconds = np.exp(np.log(median) + deviation * rng.standard_normal(len(answered)))
    return np.where(answered, np.clip(seconds, 1, _LONGEST), 0).astype(np.int64)


def _choose(society: Society, band: Band, caller: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Choose a callee for each call: a contact, anybody, a household with relatives abroad, or one's own group."""
    habit, plan, size = band.habit, society.plan, len(caller)
    known = society.starts[caller + 1] - society.starts[caller]
    # The dearest contacts are called most: the square of a uniform draw leans to the first.
    place = society.starts[caller] + (known * rng.random(size) ** 2.0).astype(np.int64)
    contact = society.contacts[np.minimum(place, len(society.contacts) - 1)]
    anybody = rng.integers(plan.subscribers, size=size)
    families = society.households[(len(society.households) * rng.random(size) ** 1.5).astype(np.int64)]
    own = rng.integers(band.first, band.end, size=size)
    draw = rng.random(size)
    bounds = np.cumsum([habit.own, habit.family, habit.stranger])
    chosen = np.select([draw < bound for bound in bounds], [own, families, anybody], contact)
    return np.where((known == 0) & (chosen == contact), anybody, chosen)


def _answering(society: Society, callee: NDArray[Any]) -> NDArray[Any]:
    """Return how readily the callees answer, against a subscriber: machines and boxes hardly ever do."""
    readiness = np.ones(len(society))
    for band in society.bands[1:]:
        readiness[band.first : band.end] = band.habit.answers / society.bands[0].habit.answers
    ready: NDArray[Any] = np.minimum(readiness[callee], 1.2)
    return ready


def _call_from_abroad(society: Society, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
    size = rng.poisson(_FOREIGN_CALLS * len(society.households))
    weights = np.array(HOURS["evening"], dtype=np.float64)
    second = rng.choice(24, size, p=weights / weights.sum()) * 3600 + rng.integers(3600, size=size)
    callee = society.households[(len(society.households) * rng.random(size) ** 1.5).astype(np.int64)]
    return second, np.full(size, ABROAD), callee, _talk(rng, rng.random(size) < 0.66, 160.0, 0.9)


def _locate(society: Society, caller: NDArray[Any], second: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Return the cell of each call: home, work and haunts by the hour; -1 for calls from abroad."""
    hour = second // 3600
    static, roaming = _movements(society)
    at_work = (hour >= 8) & (hour < 17) & (caller % 5 < 3)
    out = (hour >= 18) & (hour < 22) & (rng.random(len(caller)) < 0.4)
    cell = np.select([at_work, out], [society.work[caller], society.haunt[caller]], society.home[caller])
    cell = np.where(static[caller], society.home[caller], cell)
    rounds = rng.integers(-_FAR, _FAR + 1, (2, len(caller))) * roaming[caller]
    flicker = rng.integers(0, 2, (2, len(caller))) * (rng.random(len(caller)) < _FLICKER)
    return np.where(caller == ABROAD, -1, move(cell, rounds + flicker, society.width))


def _movements(society: Society) -> tuple[NDArray[Any], NDArray[Any]]:
    static, roaming = (np.zeros(len(society), dtype=np.bool_) for _ in range(2))
    for band in society.bands:
        static[band.first : band.end] = band.habit.movement == "static"
        roaming[band.first : band.end] = band.habit.movement == "roaming"
    return static, roaming
