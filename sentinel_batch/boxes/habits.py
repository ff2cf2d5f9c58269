"""Hours of the day that two candidates keep, ranked among the hours that others keep."""

from __future__ import annotations

import numpy as np

from sentinel_batch.boxes.likelihood import calibrate, hedge
from sentinel_batch.boxes.pairs import Pairs
from sentinel_batch.profiles.grouping import IntArray, RealArray

_REFERENCES = 512


class SameHours:
    """Evidence of the same hours of the day.

    How alike two are is the Bhattacharyya affinity of their calls over the hours, ``sum sqrt(f_i f_j)``. Its p-value is
    its rank among the affinities of i to up to 512 candidates, spread evenly over the list of numbers; of both
    directions the larger counts.

    Parameters
    ----------
    hours
        Candidates × 24: calls in each local hour.
    """

    kind = "same_hours"

    def __init__(self, hours: RealArray) -> None:
        shares = hours / np.maximum(hours.sum(axis=1, keepdims=True), 1.0)
        self.roots = np.sqrt(shares)
        size = len(hours)
        self.references = np.unique(np.linspace(0, size - 1, min(size, _REFERENCES)).astype(np.int64))

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        members, places = np.unique(np.concatenate([pairs.a, pairs.b]), return_inverse=True)
        if not members.size:
            return np.zeros(0)
        levels = np.sort(self.roots[members] @ self.roots[self.references].T, axis=1)
        alike = np.einsum("ij,ij->i", self.roots[pairs.a], self.roots[pairs.b])
        one, other = places[: len(pairs)], places[len(pairs) :]
        chances = np.maximum(_rank(levels, one, alike), _rank(levels, other, alike))
        return hedge(calibrate(chances))


def _rank(levels: RealArray, rows: IntArray, values: RealArray) -> RealArray:
    """Return the share of a row's levels that are at least the value, the value itself counted."""
    # Affinities lie between 0 and 1: two for each row lays all rows on one ordered line.
    line = (levels + 2.0 * np.arange(len(levels))[:, None]).ravel()
    below = np.searchsorted(line, values + 2.0 * rows, side="left") - rows * levels.shape[1]
    ranked: RealArray = (levels.shape[1] - below + 1.0) / (levels.shape[1] + 1.0)
    return ranked
