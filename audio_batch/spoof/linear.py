"""A linear discriminant over statistics of a segment: it carries to voices from elsewhere what trees do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import ModelError

CLIP = 5.0
"""Standard deviations beyond which a statistic counts no more: one odd value must not decide alone."""


@dataclass(frozen=True)
class Linear:
    """Weights of standardised statistics.

    Attributes
    ----------
    centre, scale
        Mean and standard deviation of each statistic in training, shape (features,).
    weights
        Log-odds for each standard deviation, shape (features,).
    offset
        Log-odds where every statistic is at its mean.
    """

    centre: NDArray[np.float32] = field(repr=False)
    scale: NDArray[np.float32] = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    offset: float

    def score(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log-odds of synthetic for values of shape (rows, features); a missing one counts as the mean."""
        return np.asarray(self.standardise(values) @ self.weights + self.offset, dtype=np.float64)

    def explain(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the part of each statistic in the log-odds, shape (rows, features)."""
        return np.asarray(self.standardise(values) * self.weights, dtype=np.float64)

    def standardise(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values in standard deviations from the mean of training, clipped."""
        away = np.nan_to_num((values - self.centre) / self.scale)
        return np.asarray(np.clip(away, -CLIP, CLIP), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write the numbers as arrays of 32 bits, no pickle."""
        np.savez(path, centre=self.centre, scale=self.scale, weights=self.weights, offset=np.float64(self.offset))


def load_linear(path: Path) -> Linear:
    """Read what `Linear.save` wrote.

    Raises
    ------
    ModelError
        The file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"No discriminant at {str(path)!r}", hint="A model is a folder; copy it as a whole.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            centre, scale, weights = (stored[name].astype(np.float32) for name in ("centre", "scale", "weights"))
            if not centre.shape == scale.shape == weights.shape == (centre.size,):
                raise ValueError("its arrays differ in shape")
            return Linear(centre, scale, weights, float(stored["offset"]))
    except (OSError, KeyError, ValueError) as error:
        raise ModelError(f"{str(path)!r} is no discriminant: {error}", hint="Train the model again.") from error


def fit_linear(
    values: NDArray[np.float32],
    labels: NDArray[np.integer],
    sources: NDArray[np.str_],
    weights: NDArray[np.float64],
    *,
    between: float = 1.0,
    shrinkage: float = 0.1,
) -> Linear:
    """Fit Fisher's discriminant, which looks away from directions in which sources of one class differ.

    Parameters
    ----------
    values
        Shape (rows, features), NaN allowed.
    labels
        0 = human, 1 = synthetic.
    sources
        Where each row comes from.
    weights
        Importance of each row, see `training.weigh_rows`.
    between
        How much scatter between sources of one class counts, against that inside them: more of it keeps the
        discriminant from learning what tells one room, microphone or engine from the next.
    shrinkage
        Added to each variance, as a share of the mean variance.
    """
    centre, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0) + 1e-6
    raw = Linear(centre.astype(np.float32), scale.astype(np.float32), np.zeros(values.shape[1], np.float32), 0.0)
    rows, share = raw.standardise(values), weights / weights.sum()
    _, group = np.unique(np.char.add(sources.astype(str), labels.astype(str)), return_inverse=True)
    mass, means = _average(rows, group, share)
    of_group = np.array([labels[np.argmax(group == number)] for number in range(len(mass))])
    human, synthetic = (np.average(means[of_group == c], axis=0, weights=mass[of_group == c]) for c in (0, 1))
    inside = (rows - means[group]) * np.sqrt(share)[:, None].astype(np.float32)
    apart = (means - np.where(of_group[:, None] == 1, synthetic, human)) * np.sqrt(mass)[:, None]
    scatter = (inside.T @ inside).astype(np.float64) + between * apart.T @ apart
    scatter[np.diag_indices_from(scatter)] += shrinkage * np.trace(scatter) / len(scatter)
    direction = np.linalg.solve(scatter, synthetic - human)
    offset = -float(direction @ (human + synthetic)) / 2
    return Linear(raw.centre, raw.scale, direction.astype(np.float32), offset)


def _average(
    rows: NDArray[np.float32], group: NDArray[np.intp], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return the weight and the mean of each group of rows."""
    mass = np.asarray(np.bincount(group, share), dtype=np.float64)
    means = np.zeros((len(mass), rows.shape[1]), dtype=np.float32)
    for number in range(len(mass)):
        inside = group == number
        means[number] = share[inside].astype(np.float32) @ rows[inside] / mass[number]
    return mass, means
