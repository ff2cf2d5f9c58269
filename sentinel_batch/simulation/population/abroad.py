"""Numbers abroad: relatives and partners of subscribers, who call them over the international trunks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Ints
from .calls import NOWHERE, Calls
from .numbers import draw_foreign
from .outcomes import draw_outcomes
from .plan import Plan, Purpose
from .rhythms import RHYTHMS
from .roster import Directory, Roster

TRUNKS = ("INT-LOS-1", "INT-LOS-2", "INT-ABV-1", "INT-SAT-3")
"""International trunk groups; calls to and from one number abroad keep to one of them."""

_NUMBERS_PER_SUBSCRIBER = 0.08
_FEWEST = 400
_RELATIVES = 3
_CALLS_PER_SUBSCRIBER = 0.035


@dataclass(frozen=True)
class Abroad:
    """Numbers abroad.

    Parameters
    ----------
    numbers
        Positions in the directory.
    relatives
        For each subscriber, the numbers abroad that belong to it.
    """

    numbers: Ints
    relatives: Ints

    def calls(self, plan: Plan, directory: Directory, day: int) -> Calls:
        """Return a day's calls from abroad that take the regular, paid way."""
        rng = plan.rng(Purpose.FOREIGN_CALLS, day)
        weekday = plan.weekday(day)
        rhythm = RHYTHMS["diaspora"]
        size = rng.poisson(_CALLS_PER_SUBSCRIBER * plan.subscribers * rhythm.volume(weekday))
        # Squared: those with much family abroad are called most.
        callee = (rng.random(size) ** 2 * plan.subscribers).astype(np.int64) * 7919 % plan.subscribers
        caller = self.relatives[callee, (rng.random(size) ** 2 * _RELATIVES).astype(np.int64)]
        kept = directory.in_use(callee, day)
        caller, callee = caller[kept], callee[kept]
        outcomes = draw_outcomes(rng, directory.answers[callee] * 0.95, "abroad")
        second = rhythm.draw(rng, len(caller), weekday)
        return Calls.of(second, caller, callee, outcomes, cell=NOWHERE, handset=NOWHERE)


def plan_abroad(plan: Plan, roster: Roster) -> Abroad:
    """Draw numbers abroad and add them to the roster."""
    rng = plan.rng(Purpose.FOREIGN_CALLS)
    size = max(_FEWEST, round(_NUMBERS_PER_SUBSCRIBER * plan.subscribers))
    numbers = roster.add(
        draw_foreign(rng, size),
        "subscriber",
        "foreign",
        served=False,
        trunk=rng.integers(len(TRUNKS), size=size),
        answers=rng.beta(8.0, 4.0, size),
    )
    relatives = numbers[rng.integers(size, size=(plan.subscribers, _RELATIVES))]
    return Abroad(numbers, relatives.astype(np.int32))
