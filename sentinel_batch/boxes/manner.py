"""How two candidates call: how much, how long, how often answered, called back, called at all."""

from __future__ import annotations

import numpy as np
from scipy import stats

from sentinel_batch.boxes.likelihood import hedge
from sentinel_batch.boxes.pairs import Pairs
from sentinel_batch.profiles.grouping import IntArray, RealArray

NEARNESS = (0.05, 0.1)
"""Widths of the kernels, in shares of the candidates; both are tried, with equal weight."""

_REFERENCES = 512
_BLOCK = 1_000
_HALF = 0.5


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
        parts = [self._average(start, references) for start in range(0, size, _BLOCK)]
        self.typical = np.concatenate([*parts, np.zeros((0, len(NEARNESS)))])

    def _average(self, start: int, references: IntArray) -> RealArray:
        """Return the average kernels between a block of candidates and the references, themselves left out."""
        block = self.ranks[start : start + _BLOCK]
        distance = sum(
            np.abs(block[:, [column]] - self.ranks[references, column]) for column in range(self.ranks.shape[1])
        )
        itself = references == np.arange(start, start + len(block))[:, None]
        number = len(references) - itself.sum(axis=1)
        kernels = []
        for width in NEARNESS:
            near = np.exp(-((distance / self.ranks.shape[1] / width) ** 2))
            # Half a perfect likeness is added: what is unlike all references is not infinitely telling.
            kernels.append((np.where(itself, 0.0, near).sum(axis=1) + _HALF) / (number + 1))
        return np.column_stack(kernels)

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        distance = np.abs(self.ranks[pairs.a] - self.ranks[pairs.b]).mean(axis=1)
        ratios = np.zeros(len(pairs))
        for column, width in enumerate(NEARNESS):
            typical = np.maximum(self.typical[pairs.a, column], self.typical[pairs.b, column])
            ratios += np.exp(-((distance / width) ** 2)) / typical
        return hedge(ratios / len(NEARNESS))
