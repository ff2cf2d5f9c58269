"""Calls of and to the hard negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Flags, Floats, Ints
from .callbacks import draw_callbacks
from .calls import NOWHERE, Calls, join_calls
from .geography import CITIES, Cells, city_shares
from .kinds import KINDS, Kind
from .numbers import NumberRegister
from .outcomes import draw_outcomes
from .people import draw_flicker, sort_within
from .plan import Plan, Purpose
from .rhythms import DAY_SECONDS, RHYTHMS, queue_calls
from .roster import Directory, Roster

_FEWEST = 2
_FRESH_SHARE = 0.3
_PROBES_PER_HANDSET = 4
_DIALLING_SECONDS = 8.0
_LIST_SKEW = 1.6


@dataclass(frozen=True)
class Business:
    """All numbers of one kind.

    Parameters
    ----------
    index
        Position of the kind, for the source of randomness.
    kind
        How they behave.
    numbers
        Positions in the directory.
    mean
        Outgoing calls of each on a full working day.
    regulars
        Whom each calls again and again, one row each.
    """

    index: int
    kind: Kind
    numbers: Ints
    mean: Floats
    regulars: Ints

    def calls(self, plan: Plan, directory: Directory, foreign: Ints, day: int) -> Calls:
        """Return a day's calls from, to, and back to these numbers."""
        rng = plan.rng(Purpose.BUSINESS_CALLS, self.index, day)
        weekday = plan.weekday(day)
        made = self._outgoing(rng, directory, foreign, day, weekday)
        back = draw_callbacks(rng, directory, made, self.kind.callback_missed, self.kind.callback_answered)
        return join_calls([made, back, self._incoming(rng, plan, directory, day, weekday)])

    def _outgoing(self, rng: np.random.Generator, directory: Directory, foreign: Ints, day: int, weekday: int) -> Calls:
        kind, size = self.kind, len(self.numbers)
        rhythm = RHYTHMS[kind.rhythm]
        works = rng.random(size) < kind.working
        mean = self.mean * rhythm.volume(weekday) * np.exp(kind.day_spread * rng.standard_normal(size)) * works
        count = rng.poisson(mean)
        row = np.repeat(np.arange(size), count)
        second = self._timetable(rng, row, count) if kind.scheduled else rhythm.draw(rng, len(row), weekday)
        second = sort_within(row, second)
        callee = self._callees(rng, directory, foreign, row)
        kept = directory.in_use(callee, day) & (callee != self.numbers[row])
        row, second, callee = row[kept], second[kept], callee[kept]
        chance = np.minimum(directory.answers[callee] * kind.answer_factor, 0.995)
        outcomes = draw_outcomes(rng, chance, kind.durations)
        second = queue_calls(row, second, outcomes.busy + rng.exponential(_DIALLING_SECONDS, len(row)) + 1)
        return Calls.of(second, self.numbers[row], callee, outcomes)

    def _timetable(self, rng: np.random.Generator, row: Ints, count: Ints) -> Floats:
        """Return evenly spaced seconds of the day, a little late each."""
        start = np.cumsum(count) - count
        turn = np.arange(len(row)) - start[row]
        phase = rng.random(len(count))[row]
        spaced = (turn + phase) / np.maximum(count, 1)[row] * DAY_SECONDS
        late: Floats = spaced + rng.exponential(4.0, len(row))
        return late

    def _callees(self, rng: np.random.Generator, directory: Directory, foreign: Ints, row: Ints) -> Ints:
        kind, size = self.kind, len(row)
        which = (rng.random(size) ** _LIST_SKEW * self.regulars.shape[1]).astype(np.int64)
        callee: Ints = self.regulars[row, which]
        draw = rng.random(size)
        stranger = draw < kind.stranger
        callee[stranger] = rng.integers(directory.lines, size=int(stranger.sum()))
        away = np.flatnonzero(draw > 1 - kind.abroad)
        near = (self.numbers[row[away]] * 7 + (rng.random(len(away)) ** 2 * 4).astype(np.int64)) % len(foreign)
        callee[away] = foreign[near]
        return callee

    def _incoming(self, rng: np.random.Generator, plan: Plan, directory: Directory, day: int, weekday: int) -> Calls:
        kind, size = self.kind, len(self.numbers)
        rhythm = RHYTHMS[kind.incoming_rhythm]
        factor = np.exp(kind.day_spread * rng.standard_normal(size)) * rhythm.volume(weekday)
        row = np.repeat(np.arange(size), rng.poisson(kind.incoming * self.mean / max(kind.calls, 1.0) * factor))
        which = (rng.random(len(row)) * self.regulars.shape[1]).astype(np.int64)
        regular: Flags = rng.random(len(row)) < kind.incoming_regular
        caller = np.where(regular, self.regulars[row, which], rng.integers(plan.subscribers, size=len(row)))
        kept = directory.in_use(caller, day)
        row, caller = row[kept], caller[kept]
        outcomes = draw_outcomes(rng, directory.answers[self.numbers[row]].astype(np.float64), kind.incoming_durations)
        return Calls.of(rhythm.draw(rng, len(row), weekday), caller, self.numbers[row], outcomes)


def plan_businesses(plan: Plan, cells: Cells, register: NumberRegister, roster: Roster) -> list[Business]:
    """Draw the hard negatives and add them to the roster."""
    return [
        _plan_business(plan, cells, register, roster, index, name, kind)
        for index, (name, kind) in enumerate(KINDS.items())
    ]


def count_businesses(plan: Plan) -> int:
    """Return how many numbers all hard negatives have together."""
    return sum(plan.instances(kind.share, _FEWEST) for kind in KINDS.values())


def _plan_business(
    plan: Plan, cells: Cells, register: NumberRegister, roster: Roster, index: int, name: str, kind: Kind
) -> Business:
    rng = plan.rng(Purpose.BUSINESSES, index)
    size = plan.instances(kind.share, _FEWEST)
    fixed = np.arange(size) < round(size * kind.fixed)
    listed = np.arange(size)[::-1] >= round(size * kind.unlisted)
    home = np.where(fixed, NOWHERE, cells.draw_in_city(rng, rng.choice(len(CITIES), size, p=city_shares())))
    handset = roster.add_handsets(rng.random(size) < kind.modules)
    if name == "network_probe":
        handset = handset[np.arange(size) // _PROBES_PER_HANDSET]
    columns = {
        "answers": np.clip(rng.normal(kind.answers, 0.05, size), 0.02, 0.99),
        "home": home,
        "work": home,
        "elsewhere": rng.uniform(*kind.elsewhere, size),
        "flicker": draw_flicker(rng, size),
        "handset": np.where(fixed, NOWHERE, handset),
        "later_handset": np.where(fixed, NOWHERE, handset),
        "served": ~fixed,
        "returns": np.full(size, not kind.scheduled),
    }
    digits = _draw_digits(rng, register, fixed)
    numbers = []
    for chosen, segment in ((listed, kind.segment), (~listed, "consumer")):
        part: dict[str, Any] = {column: values[chosen] for column, values in columns.items()}
        numbers.append(roster.add(digits[chosen], "hard_negative", name, segment=segment, **part))
    ids = np.concatenate(numbers)
    mean = kind.calls * np.exp(kind.spread * rng.standard_normal(size) - kind.spread**2 / 2)
    if name == "network_probe":
        regulars = np.tile(ids, (size, 1))
    else:
        regulars = rng.integers(plan.subscribers, size=(size, kind.pool)).astype(np.int32)
    return Business(index, kind, ids, mean, regulars)


def _draw_digits(rng: np.random.Generator, register: NumberRegister, fixed: Flags) -> Ints:
    size = len(fixed)
    fresh = ~fixed & (rng.random(size) < _FRESH_SHARE)
    digits = np.empty(size, dtype=np.int64)
    digits[fixed] = register.take_fixed(int(fixed.sum()))
    digits[fresh] = register.take_fresh(int(fresh.sum()))
    settled = ~fixed & ~fresh
    digits[settled] = register.take_settled(int(settled.sum()))
    return digits
