"""How far a segment lies from everything that the model was trained on, in the coordinates of its kernel machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.arrays import open_arrays

DIRECTIONS = 32
"""Principal directions, the widest first, in which distance is measured: the rest is mostly noise of segments."""


@dataclass(frozen=True)
class Domain:
    """Where training lies.

    Attributes
    ----------
    places
        Mean coordinates of each source and class of training, shape (places, directions).
    limit
        Distance from which the promised error rates no longer hold (``docs/detection-quality.md``).
    """

    places: NDArray[np.float32] = field(repr=False)
    limit: float

    def measure(self, here: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the distance of rows of coordinates to the nearest source, root mean square over the directions."""
        squares = ((here[:, None, : self.places.shape[1]] - self.places[None]) ** 2).mean(axis=2)
        return np.asarray(np.sqrt(squares.min(axis=1)), dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write the arrays, no pickle."""
        np.savez(path, places=self.places, limit=np.float64(self.limit))


def load_domain(path: Path) -> Domain:
    """Read what `Domain.save` wrote.

    Raises
    ------
    ModelError
        The file is missing or damaged.
    """
    with open_arrays(path, "domain") as stored:
        places, limit = stored["places"].astype(np.float32), float(stored["limit"])
        if places.ndim != 2 or not limit > 0:
            raise ValueError(f"places of shape {places.shape} and the limit {limit:g}")
        return Domain(places, limit)


def fit_domain(here: NDArray[np.float32], groups: NDArray[np.str_], *, directions: int = DIRECTIONS) -> Domain:
    """Find where the sources of training lie.

    Parameters
    ----------
    here
        Coordinates of training, shape (rows, directions).
    groups
        Source and class of each row.
    directions
        How many directions count, if there are so many.

    Returns
    -------
    Domain
        With a limit that all of training keeps; who has held sources out knows a better one.
    """
    places = [here[groups == name, :directions].mean(axis=0) for name in np.unique(groups)]
    found = np.array(places, dtype=np.float32)
    return Domain(found, max(1e-3, float(Domain(found, 1.0).measure(here).max())))
