"""How far a segment lies from everything that the model was trained on, in the space of its statistics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import ModelError

DIRECTIONS = 32
"""Principal directions of training in which distance is measured: the rest is mostly noise of single segments."""


@dataclass(frozen=True)
class Domain:
    """Where training lies.

    Attributes
    ----------
    directions
        Turns standardised statistics into coordinates of unit variance, shape (features, directions).
    places
        Coordinates of the training sources, one row for each source and class, shape (places, directions).
    limit
        Distance from which the promised error rates no longer hold (``docs/detection-quality.md``).
    """

    directions: NDArray[np.float32] = field(repr=False)
    places: NDArray[np.float32] = field(repr=False)
    limit: float

    def measure(self, standardised: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the distance of each row to the nearest source, root mean square over the directions."""
        here = standardised @ self.directions
        squares = ((here[:, None, :] - self.places[None]) ** 2).mean(axis=2)
        return np.asarray(np.sqrt(squares.min(axis=1)), dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write the arrays, no pickle."""
        np.savez(path, directions=self.directions, places=self.places, limit=np.float64(self.limit))


def load_domain(path: Path) -> Domain:
    """Read what `Domain.save` wrote.

    Raises
    ------
    ModelError
        The file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"No domain at {str(path)!r}", hint="A model is a folder; copy it as a whole.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            directions, places = (stored[name].astype(np.float32) for name in ("directions", "places"))
            if directions.ndim != 2 or places.ndim != 2 or directions.shape[1] != places.shape[1]:
                raise ValueError("its arrays do not fit together")
            return Domain(directions, places, float(stored["limit"]))
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{str(path)!r} is no domain: {error}", hint="Train the model again.") from error


def fit_domain(
    standardised: NDArray[np.float32],
    groups: NDArray[np.str_],
    weights: NDArray[np.float64],
    *,
    directions: int = DIRECTIONS,
) -> Domain:
    """Find the directions in which training varies, and where its sources lie in them.

    Parameters
    ----------
    standardised
        Statistics in standard deviations from their mean, shape (rows, features).
    groups
        Source and class of each row.
    weights
        Importance of each row.
    directions
        How many directions are kept, if there are so many.

    Returns
    -------
    Domain
        With a limit that all of training keeps; `limit_by` sets one that is held out.
    """
    share = (weights / weights.sum()).astype(np.float32)
    centred = standardised - share @ standardised
    spreads, axes = np.linalg.eigh((centred * share[:, None]).T @ centred)
    kept = np.argsort(spreads)[::-1][:directions]
    turn = (axes[:, kept] / np.sqrt(np.maximum(spreads[kept], 1e-6))).astype(np.float32)
    here = standardised @ turn
    places = [here[groups == name].mean(axis=0) for name in np.unique(groups)]
    found = Domain(turn, np.array(places, dtype=np.float32), 1.0)
    return replace(found, limit=float(found.measure(standardised).max()))
