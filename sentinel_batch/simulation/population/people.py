"""Ordinary subscribers: whom they call, how much, when; how they move, and which handsets they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Flags, Floats, Ints
from .callbacks import draw_callbacks
from .calls import Calls, join_calls
from .contacts import Contacts, plan_contacts
from .geography import CITIES, NEIGHBOURS, Cells, city_shares
from .numbers import NumberRegister
from .outcomes import LONGEST_CALL, Outcomes, draw_outcomes
from .plan import Plan, Purpose
from .rhythms import DAY_SECONDS, RHYTHMS, draw_sessions, queue_calls
from .roster import Directory, Roster

BLOCK = 50_000
"""Subscribers whose calls of a day come from one stream of random numbers."""

FRESH_SHARE = 0.05
"""Share of the numbers sold in the last months: they stand in the ranges on sale."""

_JOINING_PER_DAY = 0.0008
_LEAVING_PER_DAY = 0.0005
_ACTIVITY_MEDIAN, _ACTIVITY_SPREAD = 3.2, 0.9
_DAY_SHAPE = 2.5
_SOCIABILITY = 0.7
_STRANGER_SHAPE = (0.9, 12.0)
_WRONG_NUMBER = 0.005
_HECTIC, _HECTIC_FACTOR, _HECTIC_STRANGERS = 0.0008, 8.0, 0.6
_ANNOUNCING_DAYS, _ANNOUNCING_FACTOR = 2, 2.5
_SESSION_SHARE, _SESSION_GAP = 0.3, 240.0
_CALLBACK_MISSED, _CALLBACK_ANSWERED = 0.22, 0.02
_ABROAD_SHARE = 0.08
_ABROAD_TALK = 2.2
_RELATIVES = 3
_INSTALLED_DUAL = 0.22
_TRIPLE = 0.0005
_COUNTERFEIT = 0.001
_ONE_ANTENNA = 0.5
_COUNTERFEIT_GROUP = 25
_CHANGE_PER_DAY = 0.003


@dataclass(frozen=True)
class People:
    """Ordinary subscribers; they are the first numbers of the directory.

    Parameters
    ----------
    plan
        The population's parameters.
    activity
        Mean calls a day.
    shift
        Seconds by which each is later than the common rhythm.
    abroad, strangers
        Share of calls to relatives abroad, and to people never called before.
    contacts
        The social graph.
    """

    plan: Plan
    activity: Floats
    shift: Floats
    abroad: Floats
    strangers: Floats
    contacts: Contacts

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return -(-self.plan.subscribers // BLOCK)

    def calls(self, directory: Directory, relatives: Ints, day: int, block: int) -> Calls:
        """Return a day's calls of one block of subscribers, and the calls back to them.

        Parameters
        ----------
        directory
            All numbers.
        relatives
            Numbers abroad that each subscriber knows, one row each.
        day, block
            Which; the result depends on nothing else.
        """
        rng = self.plan.rng(Purpose.PEOPLE_CALLS, day, block)
        weekday = self.plan.weekday(day)
        ids = np.arange(block * BLOCK, min((block + 1) * BLOCK, self.plan.subscribers))
        count, strangers = self._counts(rng, directory, ids, day)
        caller = np.repeat(ids, count)
        second = self._seconds(rng, caller, count, weekday)
        callee, known = self._callees(rng, directory, caller, relatives, np.repeat(strangers, count))
        kept = directory.in_use(callee, day) & (callee != caller)
        caller, callee, second, known = caller[kept], callee[kept], second[kept], known[kept]
        abroad = callee >= directory.lines
        chance = directory.answers[callee] * np.where(known, 1.0, 0.85)
        outcomes = draw_outcomes(rng, chance, "person")
        talk = np.minimum(outcomes.duration * np.where(abroad, _ABROAD_TALK, 1.0), LONGEST_CALL).astype(np.int32)
        second = queue_calls(caller, second, outcomes.busy + rng.exponential(15.0, len(caller)) + 3)
        made = Calls.of(second, caller, callee, Outcomes(talk, outcomes.cause, outcomes.busy))
        return join_calls([made, draw_callbacks(rng, directory, made, _CALLBACK_MISSED, _CALLBACK_ANSWERED)])

    def _counts(self, rng: np.random.Generator, directory: Directory, ids: Ints, day: int) -> tuple[Ints, Floats]:
        """Return how many calls each makes, and its share of strangers: on some days a wedding, a vote, a search."""
        hectic = rng.random(len(ids)) < _HECTIC
        joined = directory.first_day[ids]
        announces = (joined > 0) & (day - joined < _ANNOUNCING_DAYS)
        mean = self.activity[ids] * RHYTHMS["person"].volume(self.plan.weekday(day))
        mean *= directory.in_use(ids, day) & (directory.silent_day[ids] > day)
        mean *= np.where(hectic, _HECTIC_FACTOR, 1.0) * np.where(announces, _ANNOUNCING_FACTOR, 1.0)
        count = rng.poisson(mean * rng.gamma(_DAY_SHAPE, 1 / _DAY_SHAPE, len(ids)))
        return count, self.strangers[ids] + _HECTIC_STRANGERS * hectic

    def _seconds(self, rng: np.random.Generator, caller: Ints, count: Ints, weekday: int) -> Floats:
        second: Floats = (RHYTHMS["person"].draw(rng, len(caller), weekday) + self.shift[caller]) % DAY_SECONDS
        first = (np.cumsum(count) - count)[count > 0]
        second = draw_sessions(rng, second, first, _SESSION_SHARE, _SESSION_GAP)
        return sort_within(caller, second)

    def _callees(
        self, rng: np.random.Generator, directory: Directory, caller: Ints, relatives: Ints, strangers: Floats
    ) -> tuple[Ints, Flags]:
        """Return whom the calls go to, and whether caller and callee know each other."""
        size = len(caller)
        callee = self.contacts.draw(rng, caller)
        draw = rng.random(size)
        stranger = draw < strangers + _WRONG_NUMBER
        callee[stranger] = rng.integers(self.plan.subscribers, size=int(stranger.sum()))
        wrong = draw < _WRONG_NUMBER
        callee[wrong] = rng.integers(directory.lines, size=int(wrong.sum()))
        foreign = np.flatnonzero(draw > 1 - self.abroad[caller])
        which = (rng.random(len(foreign)) ** 2 * _RELATIVES).astype(np.int64)
        callee[foreign] = relatives[caller[foreign], which]
        return callee, ~stranger


def sort_within(line: Ints, seconds: Floats) -> Floats:
    """Return the seconds of each line (lines side by side, ascending) in order."""
    span = float(DAY_SECONDS * 16)
    return np.sort(line * span + seconds) - line * span


def plan_people(plan: Plan, cells: Cells, register: NumberRegister, roster: Roster) -> People:
    """Draw the ordinary subscribers and add them to the roster."""
    rng = plan.rng(Purpose.PEOPLE)
    size = plan.subscribers
    home, work = _draw_places(rng, cells, size)
    handset = _draw_handsets(rng, roster, home, work)
    fresh = rng.random(size) < FRESH_SHARE
    digits = np.empty(size, dtype=np.int64)
    digits[fresh] = register.take_fresh(int(fresh.sum()))
    digits[~fresh] = register.take_settled(int((~fresh).sum()))
    joins = fresh & (rng.random(size) < _JOINING_PER_DAY * plan.days / FRESH_SHARE)
    leaves = ~joins & (rng.random(size) < _LEAVING_PER_DAY * plan.days)
    changes = rng.random(size) < _CHANGE_PER_DAY * plan.days
    later = handset.copy()
    later[changes] = roster.add_handsets(rng.random(int(changes.sum())) < 0.004)
    settled = rng.random(size) < 0.3
    roster.add(
        digits,
        "subscriber",
        "consumer",
        segment="consumer",
        answers=rng.beta(8.0, 3.0, size),
        first_day=np.where(joins, rng.integers(0, plan.days, size), 0),
        last_day=np.where(leaves, rng.integers(0, plan.days, size), plan.days),
        home=home,
        work=work,
        elsewhere=np.where(settled, 0.03, rng.beta(1.2, 6.0, size)),
        flicker=draw_flicker(rng, size),
        handset=handset,
        later_handset=later,
        change_day=np.where(changes, rng.integers(0, plan.days, size), plan.days),
    )
    activity = np.exp(np.log(_ACTIVITY_MEDIAN) + _ACTIVITY_SPREAD * rng.standard_normal(size))
    abroad = np.where(rng.random(size) < _ABROAD_SHARE, rng.beta(1.0, 9.0, size), 0.0)
    shift = rng.normal(0.0, 4_500.0, size)
    strangers = rng.beta(*_STRANGER_SHAPE, size)
    contacts = plan_contacts(plan, (activity / _ACTIVITY_MEDIAN) ** _SOCIABILITY)
    return People(plan, activity, shift, abroad, strangers, contacts)


def draw_flicker(rng: np.random.Generator, size: int) -> Floats:
    """Return the share of calls that a neighbouring antenna serves: none for half, a third for some."""
    return np.where(rng.random(size) < _ONE_ANTENNA, 0.0, rng.beta(0.8, 6.0, size))


def _draw_places(rng: np.random.Generator, cells: Cells, size: int) -> tuple[Ints, Ints]:
    """Return homes in geographic order, and workplaces: none, near, or anywhere in the city."""
    city = np.sort(rng.choice(len(CITIES), size, p=city_shares()))
    home = np.sort(cells.draw_in_city(rng, city))
    work = cells.draw_in_city(rng, cells.city[home])
    draw = rng.random(size)
    work = np.where(draw < 0.25, cells.draw_near(rng, home, NEIGHBOURS), work)
    return home, np.where(draw > 0.62, home, work).astype(np.int32)


def _draw_handsets(rng: np.random.Generator, roster: Roster, home: Ints, work: Ints) -> Ints:
    """Return handsets: some hold two or three SIMs of one owner, some share a counterfeit IMEI."""
    size = len(home)
    handset = roster.add_handsets(rng.random(size) < 0.004)
    second = np.flatnonzero(rng.random(size) < _INSTALLED_DUAL / 2)
    second = second[(second > 0) & np.concatenate([[True], np.diff(second) > 1])]
    third = second[rng.random(len(second)) < _TRIPLE * 2 / _INSTALLED_DUAL] + 1
    for later, before in ((second, second - 1), (third[third < size], third[third < size] - 2)):
        handset[later], home[later], work[later] = handset[before], home[before], work[before]
    forged = np.flatnonzero(rng.random(size) < _COUNTERFEIT)
    models = roster.add_handsets(np.zeros(max(1, len(forged) // _COUNTERFEIT_GROUP), dtype=np.bool_))
    handset[forged] = models[(rng.random(len(forged)) ** 2 * len(models)).astype(np.int64)]
    return handset
