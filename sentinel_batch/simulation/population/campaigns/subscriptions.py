"""Fraud with subscriptions: robocallers' SIMs, numbers taken over, SIMs cloned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Ints
from ..callbacks import draw_callbacks
from ..calls import OPEN, Calls, join_calls
from ..geography import measure_distance
from ..outcomes import draw_outcomes
from ..people import sort_within
from ..rhythms import DAY_SECONDS, RHYTHMS, queue_calls
from ..roster import Directory
from ..writing import Renewal
from .scheme import Stage, at, make_calls

_FAR_KM = 200.0
_BUSY = 2.0


@dataclass(frozen=True)
class Misuse:
    """Calls to strangers from a few numbers, on some days.

    Parameters
    ----------
    subscribers
        How many there are to call.
    numbers
        Who calls.
    days
        On which days, and from which second since the first midnight.
    not_before
        Second before which no call is made.
    volume
        Mean calls a day of each.
    rhythm, durations
        Names of rhythm and mixture.
    answer_factor, callback_missed, callback_answered
        As of a strategy.
    cell, handset
        Where, and with which handset; open is the number's own.
    weekdays
        Of the days.
    end
        End of the simulation, in seconds.
    """

    subscribers: int
    numbers: Ints
    days: tuple[int, ...]
    weekdays: tuple[int, ...]
    not_before: float
    volume: float
    rhythm: str
    durations: str
    end: int
    answer_factor: float = 0.8
    callback_missed: float = 0.06
    callback_answered: float = 0.01
    cell: int = OPEN
    handset: int = OPEN

    def carry_out(self, rng: np.random.Generator, directory: Directory) -> Calls:
        """Return the calls, and the calls back."""
        return join_calls(
            [self._day(rng, directory, day, weekday) for day, weekday in zip(self.days, self.weekdays, strict=True)]
        )

    def _day(self, rng: np.random.Generator, directory: Directory, day: int, weekday: int) -> Calls:
        row = np.repeat(np.arange(len(self.numbers)), rng.poisson(self.volume, len(self.numbers)))
        second = sort_within(row, RHYTHMS[self.rhythm].draw(rng, len(row), weekday))
        callee = rng.integers(self.subscribers, size=len(row))
        outcomes = draw_outcomes(rng, directory.answers[callee] * self.answer_factor, self.durations)
        second = queue_calls(row, second, outcomes.busy + rng.exponential(20.0, len(row)) + 1)
        made = make_calls(
            second + day * DAY_SECONDS, self.numbers[row], callee, outcomes, self.end, self.cell, self.handset
        )
        made = made.take((made.second >= self.not_before) & (made.second < (day + 1) * DAY_SECONDS))
        back = draw_callbacks(
            rng, directory, made, self.callback_missed, self.callback_answered, end=(day + 1) * DAY_SECONDS
        )
        return join_calls([made, back])


def plan_short_duration(stage: Stage, rng: np.random.Generator) -> Misuse:
    """Plan a robocaller: a few SIMs that play seconds of an announcement to thousands."""
    first = stage.draw_day(rng)
    size = int(rng.integers(2, 5))
    volume = float(rng.uniform(220.0, 480.0))
    facts: dict[str, object] = {"calls_a_day": round(volume)}
    numbers = stage.enlist_sims(rng, size, "short_duration", facts, first_day=first)
    days = tuple(range(first, min(first + int(rng.integers(2, 6)), stage.plan.days)))
    return Misuse(
        stage.plan.subscribers, numbers, days, _weekdays(stage, days), 0.0, volume, "extended", "robocall", stage.end
    )


def plan_sim_takeover(stage: Stage, rng: np.random.Generator) -> Misuse:
    """Plan a SIM swap: from one hour on, another SIM, handset and city, and calls to strangers around the clock."""
    number = stage.draw_subscribers(rng, 1, _BUSY)
    first = max(stage.draw_day(rng), min(7, stage.plan.days - 1))
    start = at(first, rng.uniform(0.0, 12.0))
    days = tuple(range(first, min(first + int(rng.integers(2, 5)), stage.plan.days)))
    cell = int(_draw_cells(stage, rng)[0])
    handset = int(stage.roster.add_handsets(np.zeros(1, dtype=np.bool_))[0])
    spare = stage.roster.add(np.array([int(number[0]) + 1]), "background", "subscription", answers=0.0)
    stage.renewals.append(Renewal(int(number[0]), start, int(spare[0])))
    stage.roster.silence(int(number[0]), first)
    facts: dict[str, object] = {"was": "consumer", "cell": stage.cells.codes[cell]}
    stage.accuse(int(number[0]), "sim_takeover", start, (days[-1] + 1) * DAY_SECONDS - 1, facts)
    return Misuse(
        stage.plan.subscribers, number, days, _weekdays(stage, days), start, float(rng.uniform(25.0, 60.0)),
        "abroad", "abroad", stage.end, cell=cell, handset=handset,
    )  # fmt: skip


def plan_cloned_sim(stage: Stage, rng: np.random.Generator) -> Misuse:
    """Plan a clone: the same SIM makes calls in a city far away, between those of its holder."""
    number = stage.draw_subscribers(rng, 1, _BUSY)
    first = stage.draw_day(rng)
    days = tuple(range(first, min(first + int(rng.integers(3, 9)), stage.plan.days)))
    home = np.full(64, stage.roster.column("home")[number[0]])
    cells = _draw_cells(stage, rng, 64)
    cell = int(cells[np.argmax(measure_distance(stage.cells, home, cells) > _FAR_KM)])
    handset = int(stage.roster.add_handsets(np.zeros(1, dtype=np.bool_))[0])
    facts: dict[str, object] = {"was": "consumer", "cell": stage.cells.codes[cell]}
    stage.accuse(int(number[0]), "cloned_sim", at(first, 0.0), (days[-1] + 1) * DAY_SECONDS - 1, facts)
    return Misuse(
        stage.plan.subscribers, number, days, _weekdays(stage, days), 0.0, float(rng.uniform(8.0, 25.0)),
        "person", "person", stage.end, cell=cell, handset=handset,
    )  # fmt: skip


def _draw_cells(stage: Stage, rng: np.random.Generator, size: int = 1) -> Ints:
    return rng.integers(len(stage.cells), size=size)


def _weekdays(stage: Stage, days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(stage.plan.weekday(day) for day in days)
