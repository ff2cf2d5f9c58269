"""SIM boxes: their SIMs, slots and antennas, and the conversations that they carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Flags, Floats, Ints
from .callbacks import draw_callbacks
from .calls import OPEN, Calls, join_calls
from .geography import CITIES, Cells, city_shares
from .numbers import NumberRegister
from .outcomes import draw_outcomes
from .people import draw_flicker
from .plan import FEWEST_SIMS, Plan, Purpose
from .rhythms import DAY_SECONDS, RHYTHMS, queue_calls
from .roster import Directory, Roster
from .strategies import STRATEGIES, Strategy

_MOST_SIMS = 14
_STARTED_BEFORE = 0.55
_REGISTERED_TO_BUSINESS = 0.25
_MODULE_SHARE = 0.3
_CUSTOMER_SHARE = 0.3
_CUSTOMER_DAYS = 6.0
_RELATIVES_ABROAD = 4
_FAVOURITES = 10
_REST_OF_THE_WORLD = 0.25
_CHANGES_PER_DAY = (3, 7)
_SPARE_HANDSETS = 24
_WORKING_SHIFTS = 2
_CAPPED_SPREAD = 0.1


@dataclass(frozen=True)
class Box:
    """A SIM box, with all the SIMs that it ever holds.

    Parameters
    ----------
    index
        For the source of randomness.
    box_id
        As in the truth.
    name, strategy
        How it works.
    sims
        Positions in the directory.
    slot, first_day, last_day
        Where each SIM belongs and on which days it works.
    volume
        Calls of a SIM on a working day.
    shift_start
        Hour at which each SIM's shift begins, where there are shifts.
    handsets
        Positions of the IMEIs that the box shows.
    antennas
        Cells that it appears in, home first.
    customers, favourites
        Callees that come again, through whichever SIM; few that are meant to look like friends.
    """

    index: int
    box_id: str
    name: str
    sims: Ints
    slot: Ints
    first_day: Ints
    last_day: Ints
    volume: float
    shift_start: Floats
    handsets: Ints
    antennas: Ints
    customers: Ints
    favourites: Ints

    @property
    def strategy(self) -> Strategy:
        """How it works."""
        return STRATEGIES[self.name]

    def calls(self, plan: Plan, directory: Directory, day: int) -> Calls:
        """Return the calls of a day, and the few calls back."""
        rng = plan.rng(Purpose.BOX_CALLS, self.index, day)
        weekday = plan.weekday(day)
        row, second = self._attempts(rng, day, weekday)
        callee, own = self._callees(rng, plan, row, day)
        kept = directory.in_use(callee, day) & (callee != self.sims[row])
        row, second, callee, own = row[kept], second[kept], callee[kept], own[kept]
        chance = np.where(own, 0.93, directory.answers[callee] * self.strategy.answer_factor)
        outcomes = draw_outcomes(rng, chance, self.strategy.durations)
        pause = self.strategy.pause_seconds * np.exp(0.9 * rng.standard_normal(len(row)))
        second = queue_calls(row, second, outcomes.busy + pause + 1)
        cell = self._cells(rng, row, second)
        made = Calls.of(
            second, self.sims[row], callee, outcomes, cell=cell, handset=self._handsets(rng, row, second, day)
        )
        outside = ~np.isin(made.callee, self.sims)
        missed, answered = self.strategy.callback_missed * outside, self.strategy.callback_answered * outside
        return join_calls([made, draw_callbacks(rng, directory, made, missed, answered)])

    def _attempts(self, rng: np.random.Generator, day: int, weekday: int) -> tuple[Ints, Floats]:
        """Return SIM and second of each call, by SIM and time."""
        strategy, size = self.strategy, len(self.sims)
        rhythm = RHYTHMS[strategy.rhythm]
        works: Flags = (self.first_day <= day) & (day <= self.last_day) & (rng.random(size) >= strategy.rest)
        mean = self.volume * np.exp(strategy.spread * rng.standard_normal(size)) * works
        mean *= 1.0 if strategy.shift_hours else rhythm.volume(weekday)
        # A cap is a cap: whoever works up to one makes no random number of calls.
        count = np.rint(mean).astype(np.int64) if strategy.spread < _CAPPED_SPREAD else rng.poisson(mean)
        row = np.repeat(np.arange(size), count)
        second = rhythm.draw(rng, len(row), weekday)
        if strategy.shift_hours:
            hours = rng.uniform(*strategy.shift_hours, size)
            start = self.shift_start + rng.normal(0.0, 0.4, size)
            second = ((start[row] + rng.random(len(row)) * hours[row]) * 3_600) % DAY_SECONDS
        order = np.lexsort((second, row))
        return row[order], second[order]

    def _callees(self, rng: np.random.Generator, plan: Plan, row: Ints, day: int) -> tuple[Ints, Flags]:
        """Return whom the calls go to, and which go to SIMs of the same box."""
        size, strategy = len(row), self.strategy
        callee = rng.integers(plan.subscribers, size=size)
        with_relatives = rng.random(size) >= _REST_OF_THE_WORLD
        callee[with_relatives] -= callee[with_relatives] % _RELATIVES_ABROAD
        draw = rng.random(size)
        known = draw < _CUSTOMER_SHARE
        callee[known] = rng.choice(self.customers, int(known.sum()))
        friend = draw > 1 - strategy.favourite_share
        callee[friend] = rng.choice(self.favourites, int(friend.sum()))
        own: Flags = (draw > 1 - strategy.favourite_share - strategy.own_share) & ~friend
        alive = self.sims[(self.first_day <= day) & (day <= self.last_day)]
        if own.any():
            callee[own] = rng.choice(alive, int(own.sum()))
        return callee, own

    def _cells(self, rng: np.random.Generator, row: Ints, second: Floats) -> Ints | int:
        """Return antennas: switched every hour or so where there are several, else left to the flicker of home."""
        if len(self.antennas) == 1:
            return OPEN
        spell = (second // 3_600).astype(np.int64) // 2
        draw = rng.integers(len(self.antennas), size=(len(self.sims), 13))
        shown: Ints = self.antennas[draw[row, np.minimum(spell, 12)]]
        return shown

    def _handsets(self, rng: np.random.Generator, row: Ints, second: Floats, day: int) -> Ints | int:
        size, way = len(self.sims), self.strategy.handsets
        if way == "slot":
            return OPEN
        if way == "bank":
            slots = len(self.handsets)
            spell = np.minimum(second // (6 * 3_600), 3).astype(np.int64)
            shown = (self.slot[row] + spell * 3 + day * 5 + rng.integers(2, size=size)[row]) % slots
            taken: Ints = self.handsets[shown]
            return taken
        changes = rng.integers(*_CHANGES_PER_DAY, size)
        spell = (second / DAY_SECONDS * changes[row]).astype(np.int64)
        drawn = rng.integers(len(self.handsets), size=(size, _CHANGES_PER_DAY[1] + 1))
        shown = drawn[row, np.minimum(spell, _CHANGES_PER_DAY[1])]
        changed: Ints = self.handsets[shown]
        return changed


@dataclass(frozen=True)
class BoxOrder:
    """A box to be built: its index, strategy, slots, and how many SIMs it uses up in all."""

    index: int
    name: str
    slots: int
    lives: tuple[tuple[int, int, int], ...]

    @property
    def sims(self) -> int:
        """Number of SIMs."""
        return len(self.lives)


def order_boxes(plan: Plan) -> list[BoxOrder]:
    """Return the boxes of a plan: strategies in turn, until the SIMs are used up (at least one box)."""
    if plan.boxes is not None:
        return [_order_box(plan, index) for index in range(plan.boxes)]
    budget = round(plan.prevalence * plan.subscribers)
    orders = [_order_box(plan, 0)] if budget else []
    while orders and budget >= sum(order.sims for order in orders) + FEWEST_SIMS:
        orders.append(_order_box(plan, len(orders)))
    return orders


def _order_box(plan: Plan, index: int) -> BoxOrder:
    rng = plan.rng(Purpose.BOXES, index, 0)
    name = plan.strategies[index % len(plan.strategies)]
    slots = int(rng.integers(FEWEST_SIMS, _MOST_SIMS + 1))
    slots = plan.sims_per_box if plan.sims_per_box is not None else slots
    latest = max(1, plan.days - min(4, plan.days // 2))
    start = 0 if rng.random() < _STARTED_BEFORE else int(rng.integers(0, latest))
    life = STRATEGIES[name].life_days
    lives: list[tuple[int, int, int]] = []
    for slot in range(slots):
        if life is None:
            lives.append((slot, start, plan.days))
            continue
        day = start
        while day < plan.days:
            end = day + int(rng.integers(life[0], life[1] + 1))
            lives.append((slot, day, end - 1))
            day = end
    return BoxOrder(index, name, slots, tuple(lives))


def build_boxes(
    plan: Plan, cells: Cells, register: NumberRegister, roster: Roster, orders: list[BoxOrder]
) -> list[Box]:
    """Build the boxes and add their SIMs to the roster."""
    return [_build_box(plan, cells, register, roster, order) for order in orders]


def _build_box(plan: Plan, cells: Cells, register: NumberRegister, roster: Roster, order: BoxOrder) -> Box:
    rng = plan.rng(Purpose.BOXES, order.index, 1)
    strategy = STRATEGIES[order.name]
    box_id = f"BOX-{order.index + 1:03d}"
    slot, first_day, last_day = np.array(order.lives, dtype=np.int64).T
    home = cells.draw_in_city(rng, rng.choice(len(CITIES), 1, p=city_shares()))
    antennas = _draw_antennas(rng, cells, home, int(rng.integers(strategy.antennas[0], strategy.antennas[1] + 1)))
    module = rng.random() < _MODULE_SHARE
    shown = order.slots if strategy.handsets != "changing" else order.slots * _CHANGES_PER_DAY[1] + _SPARE_HANDSETS
    handsets = roster.add_handsets(np.full(shown, module and strategy.handsets != "changing"))
    volume = float(rng.uniform(*strategy.volume))
    sims = roster.add(
        _draw_sims(rng, register, order),
        "fraud",
        "simbox",
        strategy=order.name,
        box_id=box_id,
        segment="business" if rng.random() < _REGISTERED_TO_BUSINESS else "consumer",
        facts={
            "slots": order.slots,
            "calls_a_day": round(volume, 1),
            "cell": cells.codes[int(home[0])],
            "antennas": [cells.codes[cell] for cell in antennas.tolist()],
            "modules": bool(module),
        },
        answers=0.04,
        returns=False,
        first_day=first_day,
        last_day=last_day,
        home=home[0],
        work=home[0],
        elsewhere=0.0,
        flicker=draw_flicker(rng, 1)[0],
        handset=handsets[slot],
        later_handset=handsets[slot],
    )
    customers = int(volume * order.slots * _CUSTOMER_DAYS)
    return Box(
        order.index, box_id, order.name, sims, slot, first_day, last_day, volume,
        shift_start=(rng.uniform(6.0, 12.0) + slot % _WORKING_SHIFTS * rng.uniform(5.0, 8.0)),
        handsets=handsets,
        antennas=antennas,
        customers=rng.integers(plan.subscribers, size=customers),
        favourites=rng.integers(plan.subscribers, size=_FAVOURITES),
    )  # fmt: skip


def _draw_sims(rng: np.random.Generator, register: NumberRegister, order: BoxOrder) -> Ints:
    """Return numbers: bought together when the box began, or with each later delivery."""
    digits = np.empty(order.sims, dtype=np.int64)
    days = np.array([first for _, first, _ in order.lives])
    for day in np.unique(days).tolist():
        chosen = np.flatnonzero(days == day)
        digits[chosen] = rng.permutation(register.take_run(len(chosen)))
    return digits


def _draw_antennas(rng: np.random.Generator, cells: Cells, home: Ints, count: int) -> Ints:
    """Return home and other cells: half of them nearby, the others anywhere in the city (remote antennas)."""
    chosen = [int(home[0])]
    for turn in range(4 * count):
        if len(chosen) == count:
            break
        draw = cells.draw_near(rng, home) if turn % 2 else cells.draw_in_city(rng, cells.city[home])
        if int(draw[0]) not in chosen:
            chosen.append(int(draw[0]))
    return np.array(chosen, dtype=np.int32)
