"""A kernel machine over a description of segments: how like those of each class in training a segment is.

Where trees cut single statistics, it looks at all of them together, in the directions in which training varies. On
sources that training has not seen it does better than linear discriminants (``docs/detection-quality.md``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from audio_batch.spoof.arrays import open_arrays

Array = NDArray[np.float32]

CLIP = 5.0
"""Standard deviations beyond which a value counts no more: one odd value must not decide alone."""
DIRECTIONS, FLOOR = 150, 0.5
"""Principal directions that are looked at, and what is added to their variance: the last ones are mostly noise."""
WIDTH, RIDGE = 0.5, 1.0
MOST_ROWS = 4000
"""Rows of training that are kept unless told otherwise: memory in training grows with their square."""
ARRAYS = ("centre", "scale", "turn", "places", "pulls")
HALVED = ("turn", "places")
"""The large ones, kept in 16 bits."""


@dataclass(frozen=True)
class Kernel:
    """Radial basis functions at the segments of training.

    Attributes
    ----------
    centre, scale
        Mean and standard deviation of each value in training, shape (features,).
    turn
        Turns standardised values into coordinates, shape (features, directions).
    places
        Coordinates of the segments of training, shape (places, directions).
    pulls
        How strongly each pulls towards synthetic, shape (places,).
    """

    centre: Array = field(repr=False)
    scale: Array = field(repr=False)
    turn: Array = field(repr=False)
    places: Array = field(repr=False)
    pulls: Array = field(repr=False)

    def score(self, values: Array) -> NDArray[np.float64]:
        """Return how synthetic rows of values look, about -1 … 1; a missing value counts as the mean."""
        return self.judge(self.locate(values))

    def judge(self, here: Array) -> NDArray[np.float64]:
        """Return the same of coordinates from `locate`."""
        return np.asarray(_compare(here, self.places, self._squares) @ self.pulls, dtype=np.float64)

    @cached_property
    def _squares(self) -> Array:
        return _square(self.places)

    def locate(self, values: Array) -> Array:
        """Return the coordinates of rows of values, shape (rows, directions)."""
        away = np.nan_to_num((values - self.centre) / self.scale)
        return np.asarray(np.clip(away, -CLIP, CLIP) @ self.turn, dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write the arrays, no pickle."""
        halved = {name: getattr(self, name).astype(np.float16) for name in HALVED}
        np.savez_compressed(path, **{name: getattr(self, name) for name in ARRAYS} | halved)

    def rounded(self) -> Kernel:
        """Return it as `save` keeps it, so that what is calibrated is what is read."""
        return replace(self, **{name: getattr(self, name).astype(np.float16).astype(np.float32) for name in HALVED})


def _compare(here: Array, there: Array, squares: Array) -> Array:
    """Return how near rows lie to others, whose squares are known: 1 in the same place, 0 far away."""
    narrow = np.float32(WIDTH / here.shape[1])
    # In place: the result is as large as all of training.
    found = (2 * narrow * here) @ there.T
    found -= (narrow * _square(here))[:, None]
    found -= narrow * squares
    return np.exp(np.minimum(found, 0, out=found), out=found)


def _square(rows: Array) -> Array:
    return np.asarray((rows * rows).sum(axis=1))


def load_kernel(path: Path) -> Kernel:
    """Read what `Kernel.save` wrote.

    Raises
    ------
    ModelError
        The file is missing or damaged.
    """
    with open_arrays(path, "kernel machine") as stored:
        kernel = Kernel(*(stored[name].astype(np.float32) for name in ARRAYS))
        kernel.score(np.zeros((1, kernel.centre.size), np.float32))
        return kernel


def fit_kernel(
    values: Array, labels: NDArray[np.integer], weights: NDArray[np.float64], *, seed: int = 0, most: int = MOST_ROWS
) -> Kernel:
    """Fit by ridge regression to ±1 (a least-squares support vector machine, Suykens and Vandewalle 1999).

    Parameters
    ----------
    values
        Shape (rows, features), NaN allowed.
    labels
        0 = human, 1 = synthetic.
    weights
        Importance of each row, see `training.weigh_rows`.
    seed
        Draws rows where there are more than `most`.
    most
        How many rows are kept.
    """
    values = np.asarray(values, dtype=np.float32)
    if len(values) > most:
        drawn = np.random.default_rng(seed).choice(len(values), most, replace=False)
        values, labels, weights = values[drawn], labels[drawn], weights[drawn]
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0) + np.float32(1e-6)
    nothing = np.zeros((1, 1), np.float32)
    raw = Kernel(centre, scale, np.eye(values.shape[1], dtype=np.float32), nothing, nothing[0])
    rows = raw.locate(values)
    spreads, axes = np.linalg.eigh((rows.T @ rows).astype(np.float64) / len(rows))
    kept = np.argsort(spreads)[::-1][:DIRECTIONS]
    turn = (axes[:, kept] / np.sqrt(np.maximum(spreads[kept], 0) + FLOOR)).astype(np.float32)
    found = Kernel(centre, scale, turn, rows @ turn, nothing[0]).rounded()
    alike = _compare(found.places, found.places, _square(found.places))
    alike[np.diag_indices_from(alike)] += (RIDGE * weights.mean() / np.maximum(weights, 1e-9)).astype(np.float32)
    factor = cho_factor(alike, overwrite_a=True, check_finite=False)
    pulls = cho_solve(factor, np.where(labels == 1, 1.0, -1.0).astype(np.float32), check_finite=False)
    return replace(found, pulls=pulls.astype(np.float32))
