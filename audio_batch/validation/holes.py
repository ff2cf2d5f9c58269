"""Runs of one value in a signal: lost packets, cuts, muted stretches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RUN_SECONDS = 0.01
"""Shortest run that counts: half a packet of 20 ms; sound does not stand still so long."""
LONGEST_DROPOUT_SECONDS = 1.0
"""A hole that lasts longer is a muted stretch, not a lost packet."""
EDGE_LEVEL = 0.01
"""Magnitude next to a hole (-40 dBFS) from which it is said to lie in the midst of sound."""
_EDGE_SECONDS = 0.002


class HoleCounter:
    """Count runs block by block; a run over a block's edge counts as two.

    Parameters
    ----------
    sampling_rate
        In Hz.

    Attributes
    ----------
    samples
        Samples in runs of `RUN_SECONDS` or more.
    longest
        Samples of the longest run.
    dropouts
        Runs with sound of `EDGE_LEVEL` within 2 ms on both sides, and no longer than `LONGEST_DROPOUT_SECONDS`.
    """

    def __init__(self, sampling_rate: int) -> None:
        self._least, self._most = round(RUN_SECONDS * sampling_rate), round(LONGEST_DROPOUT_SECONDS * sampling_rate)
        self._edge = round(_EDGE_SECONDS * sampling_rate)
        self.samples = self.longest = self.dropouts = 0

    def add(self, block: NDArray[np.float32], magnitudes: NDArray[np.float32]) -> None:
        """Take in the next block, shape (samples,), with its magnitudes."""
        changes = np.flatnonzero(block[1:] != block[:-1]) + 1
        bounds = np.concatenate([[0], changes, [len(block)]])
        lengths = np.diff(bounds)
        # A clipped top is a run too, but of full scale.
        long = np.flatnonzero((lengths >= self._least) & (magnitudes[bounds[:-1]] < 0.5))
        if not len(long):
            return
        self.samples += int(lengths[long].sum())
        self.longest = max(self.longest, int(lengths[long].max()))
        short = long[lengths[long] <= self._most]
        self.dropouts += sum(self._is_abrupt(magnitudes, int(bounds[run]), int(bounds[run + 1])) for run in short)

    def _is_abrupt(self, magnitudes: NDArray[np.float32], start: int, end: int) -> bool:
        before, after = magnitudes[max(0, start - self._edge) : start], magnitudes[end : end + self._edge]
        level = EDGE_LEVEL + float(magnitudes[start])
        return bool(before.max(initial=0) >= level and after.max(initial=0) >= level)
