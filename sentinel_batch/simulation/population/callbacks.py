"""Calls back: whoever missed a call, and sometimes whoever took it, calls the caller."""

from __future__ import annotations

import numpy as np

from .arrays import Floats, Ints
from .calls import Calls
from .outcomes import draw_outcomes
from .rhythms import DAY_SECONDS
from .roster import Directory

_PROMPT_SHARE = 0.6
_PROMPT_SECONDS = 400.0
_LATE_SECONDS = 9_000.0


def draw_callbacks(
    rng: np.random.Generator,
    directory: Directory,
    calls: Calls,
    missed: Floats | float,
    answered: Floats | float,
    mixture: str = "person",
    end: int = DAY_SECONDS,
) -> Calls:
    """Return the calls back to the callers of ``calls`` on the same day.

    Parameters
    ----------
    rng
        Source of randomness.
    directory
        Who answers how often.
    calls
        The day's calls.
    missed, answered
        Chance that a missed, an answered call is returned.
    mixture
        Name of the mixture of durations.
    end
        Second from which no call is returned.
    """
    chance = np.where(calls.duration == 0, missed, answered)
    able = directory.served[calls.callee] & directory.returns[calls.callee]
    returned = calls.take(rng.random(len(calls)) < chance * able)
    size = len(returned)
    delay = rng.exponential(np.where(rng.random(size) < _PROMPT_SHARE, _PROMPT_SECONDS, _LATE_SECONDS))
    second: Ints = (returned.second + returned.duration + 20 + delay).astype(np.int64)
    outcomes = draw_outcomes(rng, directory.answers[returned.caller].astype(np.float64), mixture)
    return Calls.of(second, returned.callee, returned.caller, outcomes, end=end)
