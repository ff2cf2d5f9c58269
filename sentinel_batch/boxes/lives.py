"""When candidates begin and end: activated on the same day, silent from the same day, one taking over from another."""

from __future__ import annotations

import numpy as np

from sentinel_batch.boxes.likelihood import hedge
from sentinel_batch.boxes.pairs import Pairs
from sentinel_batch.profiles.grouping import IntArray, RealArray

_HALF = 0.5
_QUIET_DAYS = 2


class Lives:
    """Evidence of lives that begin together, end together, or follow each other.

    A number that called on the first day of the window may be years old: of it no beginning is known; one that called
    on the last two days has not ended. Each of four e-values is ``(n - 1) / of whom it is true`` where it is true of
    the pair, else 0 (half a candidate added below): born on the same day, ended on the same day, the one born on the
    day on which the other ended or on the next, both born or ended within the window. Their average counts.

    Parameters
    ----------
    first, last
        First and last day with calls of each candidate, counted from 0 within the window.
    days
        Length of the window.
    """

    kind = "lives"

    def __init__(self, first: IntArray, last: IntArray, days: int) -> None:
        self.number = len(first)
        self.born = np.where(first > 0, first, -1)
        self.ended = np.where(last < days - _QUIET_DAYS, last, -1)
        self.passing = int(((self.born >= 0) | (self.ended >= 0)).sum())
        self.births = np.bincount(self.born[self.born >= 0], minlength=days + 1)
        self.ends = np.bincount(self.ended[self.ended >= 0], minlength=days + 1)

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        born_a, born_b = self.born[pairs.a], self.born[pairs.b]
        ended_a, ended_b = self.ended[pairs.a], self.ended[pairs.b]
        ratios = self._together(born_a, born_b, self.births) + self._together(ended_a, ended_b, self.ends)
        ratios += np.maximum(self._follow(ended_a, born_b), self._follow(ended_b, born_a))
        passing = ((born_a >= 0) | (ended_a >= 0)) & ((born_b >= 0) | (ended_b >= 0))
        ratios += np.where(passing, (self.number - 1) / (self.passing - 1 + _HALF), 0.0)
        evidence: RealArray = hedge(ratios / 4.0)
        known = (born_a >= 0) | (born_b >= 0) | (ended_a >= 0) | (ended_b >= 0)
        return np.where(known, evidence, 0.0)

    def _together(self, one: IntArray, other: IntArray, count: IntArray) -> RealArray:
        same = (one == other) & (one >= 0)
        ratios: RealArray = np.where(same, (self.number - 1) / (count[one] - 1 + _HALF), 0.0)
        return ratios

    def _follow(self, ended: IntArray, born: IntArray) -> RealArray:
        follows = (ended >= 0) & (born >= ended) & (born <= ended + 1)
        # Seen from either side: how many others began then, how many ended then.
        began = self.births[ended] + self.births[np.minimum(ended + 1, len(self.births) - 1)]
        stopped = self.ends[born] + self.ends[born - 1]
        # Whichever of the two is taken for the follower: half of the chance each.
        ratios: RealArray = np.where(follows, (self.number - 1) / (np.maximum(began, stopped) + _HALF) / 2.0, 0.0)
        return ratios
