"""Who knows whom: a graph in which both sides know each other, most live close by, and few are called most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Ints
from .plan import Plan, Purpose

_STUBS = 7.0
_FAR_SHARE = 0.2
_REACH_DECADES = 3.5
_MUTUAL_SPREAD = 1.5
_OWN_SPREAD = 0.5


@dataclass(frozen=True)
class Contacts:
    """The contacts of all subscribers, those of one side by side.

    Parameters
    ----------
    target
        Whom a contact is.
    reach
        The subscriber's position plus the share of its calls to this contact and those before it.
    """

    target: Ints
    reach: Floats

    def draw(self, rng: np.random.Generator, caller: Ints) -> Ints:
        """Return a contact of each caller (in ascending order), the close ones most often."""
        place = np.searchsorted(self.reach, caller + rng.random(len(caller)) * (1 - 1e-9))
        return self.target[np.minimum(place, len(self.target) - 1)]


def plan_contacts(plan: Plan, sociability: Floats) -> Contacts:
    """Return the social graph.

    Each subscriber names about seven others; a tie holds for both sides, with a strength that both share (log-normal,
    so that the ranks of one's contacts fall off about as in Zipf's law) and a part of their own.

    Parameters
    ----------
    plan
        The population's parameters.
    sociability
        Mean number of others that each names, relative to the average.
    """
    rng = plan.rng(Purpose.CONTACTS)
    size = plan.subscribers
    source = np.repeat(np.arange(size, dtype=np.int32), 1 + rng.poisson(_STUBS * sociability))
    # Positions are geographic: distances in the list, spread over decades, make small worlds within towns.
    distance = (10.0 ** (rng.random(len(source)) * _REACH_DECADES)).astype(np.int32)
    distance *= rng.choice(np.array([-1, 1], dtype=np.int32), len(source))
    far = rng.random(len(source)) < _FAR_SHARE
    other = (source + np.where(far, rng.integers(1, size, len(source)), distance)) % size
    strength = _MUTUAL_SPREAD * rng.standard_normal(len(source), dtype=np.float32)
    kept = other != source
    source, other, strength = source[kept], other[kept].astype(np.int32), strength[kept]
    both = np.concatenate([source, other])
    order = np.argsort(both, kind="stable")
    target = np.concatenate([other, source])[order]
    own = _OWN_SPREAD * rng.standard_normal(len(both), dtype=np.float32)
    weight = np.exp((np.concatenate([strength, strength]) + own)[order]).astype(np.float64)
    return Contacts(target, _cumulate(both[order], weight))


def _cumulate(source: Ints, weight: Floats) -> Floats:
    """Return each source plus the share of its weight that has gone by; every source must occur."""
    starts = np.flatnonzero(np.concatenate([[True], source[1:] != source[:-1]]))
    sizes = np.diff(np.concatenate([starts, [len(source)]]))
    share = weight / np.repeat(np.add.reduceat(weight, starts), sizes)
    running = np.cumsum(share)
    before = np.concatenate([[0.0], running[starts[1:] - 1]])
    reach: Floats = source + np.minimum(running - np.repeat(before, sizes), 1.0)
    return reach
