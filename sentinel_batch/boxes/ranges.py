"""Numbers next to each other: SIMs that were bought together, given how dense the candidates stand in the range."""

from __future__ import annotations

import numpy as np

from sentinel_batch.boxes.likelihood import hedge
from sentinel_batch.boxes.pairs import NO_PAIRS, Pairs
from sentinel_batch.profiles.grouping import IntArray, RealArray

DISTANCES = (10, 100, 1_000, 10_000)
"""How far apart two numbers may be; all are tried, with equal weight."""

_NEIGHBOURS = 40
_HALF = 0.5


class NumberRange:
    """Evidence of neighbouring numbers.

    For each distance r the e-value is ``(n - 1) / neighbours`` where the two are no further apart, with the neighbours
    that the number has within r among the n candidates (half of one added), else 0; it is averaged over
    :data:`DISTANCES`. Of both directions the smaller counts.

    Parameters
    ----------
    digits
        The candidates' numbers as integers; negative for caller ids that are no numbers.
    """

    kind = "number_range"

    def __init__(self, digits: IntArray) -> None:
        self.digits = digits
        self.known = digits >= 0
        self.ordered = np.sort(digits[self.known])
        self.neighbours = [self._count(distance) for distance in DISTANCES]

    def _count(self, distance: int) -> IntArray:
        first = np.searchsorted(self.ordered, self.digits - distance, side="left")
        last = np.searchsorted(self.ordered, self.digits + distance, side="right")
        neighbours: IntArray = last - first - 1
        return neighbours

    def propose(self) -> Pairs:
        """Return pairs of near numbers, each with at most 40 that follow it."""
        order = np.flatnonzero(self.known)[np.argsort(self.digits[self.known], kind="stable")]
        found = []
        for step in range(1, min(_NEIGHBOURS, order.size - 1) + 1):
            near = self.digits[order[step:]] - self.digits[order[:-step]] <= DISTANCES[2]
            one, other = order[:-step][near], order[step:][near]
            found.append(Pairs(np.minimum(one, other), np.maximum(one, other)))
        if not found:
            return NO_PAIRS
        return Pairs(np.concatenate([p.a for p in found]), np.concatenate([p.b for p in found]))

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        apart = np.abs(self.digits[pairs.a] - self.digits[pairs.b])
        ratios = np.zeros(len(pairs))
        for distance, neighbours in zip(DISTANCES, self.neighbours, strict=True):
            most = np.maximum(neighbours[pairs.a], neighbours[pairs.b])
            ratios += np.where(apart <= distance, (self.ordered.size - 1) / (most + _HALF), 0.0)
        both = self.known[pairs.a] & self.known[pairs.b]
        evidence: RealArray = np.where(both, hedge(ratios / len(DISTANCES)), 0.0)
        return evidence
