"""Where callers are: at home, at work, elsewhere in town, on a journey; and which handset they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Flags, Floats, Ints
from .calls import NOWHERE, OPEN, Calls
from .geography import CITIES, Cells, city_shares, measure_distance
from .plan import Plan
from .rhythms import DAY_SECONDS
from .roster import Directory

_HOUR = 3_600
_AT_WORK = 0.72
_ROAD_KM_PER_HOUR = 65.0
_FLIGHT_KM_PER_HOUR = 550.0
_AIRPORT_HOURS = 2.5
_TRAVELLERS = 0.1
_FORTNIGHT = 14.0


@dataclass(frozen=True)
class Journeys:
    """At most one journey of each subscriber.

    Parameters
    ----------
    leaves, returns
        Seconds since the first midnight; infinite for those who stay.
    lasts
        Seconds on the way, each way; nobody calls then.
    cell
        Where the traveller stays.
    """

    leaves: Floats
    returns: Floats
    lasts: Floats
    cell: Ints

    def under_way(self, numbers: Ints, moment: Ints | Floats) -> Flags:
        """Tell which subscribers are on the way at a moment each, in seconds since the first midnight."""
        leaves, returns, lasts = self.leaves[numbers], self.returns[numbers], self.lasts[numbers]
        out: Flags = (moment > leaves) & (moment < leaves + lasts)
        return out | ((moment >= returns) & (moment < returns + lasts))


def plan_journeys(plan: Plan, cells: Cells, home: Ints, rng: np.random.Generator) -> Journeys:
    """Return the journeys of subscribers: one in ten is on one in a fortnight."""
    size = len(home)
    stays = rng.random(size) >= min(1.0, _TRAVELLERS * plan.days / _FORTNIGHT)
    leaves = (rng.integers(-3, plan.days, size) * 24 + rng.uniform(5.0, 18.0, size)) * _HOUR
    nights = rng.geometric(0.3, size)
    returns = leaves + (nights * 24 + rng.uniform(-5.0, 5.0, size)) * _HOUR
    cell = cells.draw_in_city(rng, rng.choice(len(CITIES), size, p=city_shares()))
    distance = measure_distance(cells, home, cell)
    hours = np.minimum(distance / _ROAD_KM_PER_HOUR, _AIRPORT_HOURS + distance / _FLIGHT_KM_PER_HOUR)
    leaves[stays], returns[stays] = np.inf, np.inf
    return Journeys(leaves, np.maximum(returns, leaves + 2 * hours * _HOUR + _HOUR), hours * _HOUR, cell)


@dataclass(frozen=True)
class Whereabouts:
    """Everything that tells where a caller is.

    Parameters
    ----------
    directory
        Homes, workplaces, handsets.
    cells
        Antennas.
    journeys
        Of the first numbers of the directory.
    """

    directory: Directory
    cells: Cells
    journeys: Journeys

    def place(self, rng: np.random.Generator, calls: Calls, day: int, weekday: int) -> Calls:
        """Fill in open cells and handsets; calls of people on the way, or fallen silent, are left out."""
        open_cell = calls.cell == OPEN
        cell, away = self._cells(rng, calls, day, weekday)
        handset = np.where(calls.handset == OPEN, self._handsets(calls.caller, day), calls.handset)
        placed = Calls(
            calls.second,
            calls.caller,
            calls.callee,
            calls.duration,
            calls.cause,
            np.where(open_cell, cell, calls.cell).astype(np.int32),
            handset.astype(np.int32),
        )
        lost = open_cell & (away | (self.directory.silent_day[calls.caller] <= day))
        return placed.take(~lost) if lost.any() else placed

    def _handsets(self, caller: Ints, day: int) -> Ints:
        own = self.directory
        changed = own.change_day[caller] <= day
        return np.where(changed, own.later_handset[caller], own.handset[caller])

    def _cells(self, rng: np.random.Generator, calls: Calls, day: int, weekday: int) -> tuple[Ints, Flags]:
        own, caller, size = self.directory, calls.caller, len(calls)
        hour = calls.second // _HOUR
        working = (weekday < 5) & (hour >= 8) & (hour < 17) & (rng.random(size) < _AT_WORK)
        cell = np.where(working, own.work[caller], own.home[caller])
        roams = (rng.random(size) < own.elsewhere[caller]) & (cell >= 0)
        nearby = rng.random(size) < 0.6
        if roams.any():
            there = cell[roams]
            town = self.cells.draw_in_city(rng, self.cells.city[there])
            cell[roams] = np.where(nearby[roams], self.cells.draw_near(rng, there), town)
        moment = day * DAY_SECONDS + calls.second
        cell, away = self._travel(caller, moment, cell)
        flickers = (rng.random(size) < own.flicker[caller]) & (cell >= 0)
        if flickers.any():
            cell[flickers] = self.cells.draw_near(rng, cell[flickers], 2)
        return np.where(cell < 0, NOWHERE, cell), away

    def _travel(self, caller: Ints, moment: Ints, cell: Ints) -> tuple[Ints, Flags]:
        trips = self.journeys
        known = np.minimum(caller, len(trips.leaves) - 1)
        leaves = np.where(caller < len(trips.leaves), trips.leaves[known], np.inf)
        gone = np.flatnonzero(moment > leaves)
        away = np.zeros(len(cell), dtype=np.bool_)
        who, when = known[gone], moment[gone]
        arrived, back = trips.leaves[who] + trips.lasts[who], trips.returns[who]
        away[gone] = trips.under_way(who, when)
        there = gone[(when >= arrived) & (when < back)]
        cell[there] = trips.cell[known[there]]
        return cell, away
