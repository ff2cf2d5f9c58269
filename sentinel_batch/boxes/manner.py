"""How two candidates call: how much, how long, how often answered, called back, called at all."""

from __future__ import annotations

import numpy as np
from scipy import stats

from sentinel_batch.boxes.likelihood import hedge
from sentinel_batch.boxes.pairs import Pairs
from sentinel_batch.profiles.grouping import RealArray

NEARNESS = (0.05, 0.1)
"""Widths of the kernels, in shares of the candidates; both are tried, with equal weight."""

_REFERENCES = 512


class SameManner:
    """Evidence of calling in the same manner.

    Each figure is replaced by its rank among the candidates, from 0 to 1, so that no unit and no network matters. The
    distance D of two candidates is the mean difference of their ranks, and the e-value is ``exp(-(D / h)²)`` over its
    average between i and up to 512 candidates, spread evenly over the list, for a width h of :data:`NEARNESS`. Of both
    directions the smaller counts.

    Parameters
    ----------
    manner
        Candidates × figures (:attr:`~sentinel_batch.boxes.candidates.Candidates.manner`).
    """

    kind = "same_manner"

    def __init__(self, manner: RealArray) -> None:
        self.ranks = stats.rankdata(manner, axis=0) / max(len(manner), 1)
        size = len(manner)
        references = np.unique(np.linspace(0, size - 1, min(size, _REFERENCES)).astype(np.int64))
        self.typical = np.array([self._average(place, references) for place in range(size)]).reshape(size, -1)

    def _average(self, place: int, references: np.ndarray) -> RealArray:
        others = references[references != place]
        distance = np.abs(self.ranks[others] - self.ranks[place]).mean(axis=1)
        # Half a perfect likeness among the references is added: what is unlike all of them is not infinitely telling.
        kernels = [(np.exp(-((distance / width) ** 2)).sum() + 0.5) / (len(others) + 1) for width in NEARNESS]
        return np.array(kernels)

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        distance = np.abs(self.ranks[pairs.a] - self.ranks[pairs.b]).mean(axis=1)
        ratios = np.zeros(len(pairs))
        for column, width in enumerate(NEARNESS):
            typical = np.maximum(self.typical[pairs.a, column], self.typical[pairs.b, column])
            ratios += np.exp(-((distance / width) ** 2)) / typical
        return hedge(ratios / len(NEARNESS))
