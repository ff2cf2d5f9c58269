"""From what the classifiers say to calibrated log-likelihood ratios, and to labels by stated costs.

The last step is a logistic regression on few inputs with shrinkage, one for each channel class, fitted on predictions
for speakers and attack families that the classifiers have not seen. Both classes weigh the same in it, so its log-odds
are log-likelihood ratios: 0 means that the recording is as likely from one class as from the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.spoof.metrics import Costs
from audio_batch.verdict import Label

SHRINKAGE = 0.01
"""Weight of the penalty on the slopes, per unit of mean cross-entropy: pulls scores to 0.5, never away from it."""

REAL_COSTS = Costs(miss=40.0)
"""For the lower threshold: a synthetic voice that is waved through unseen costs 40 checks of a human one."""


@dataclass(frozen=True)
class Thresholds:
    """Scores at which labels change.

    Attributes
    ----------
    real
        Up to here ``likely_real``.
    synthetic
        From here ``likely_synthetic``; between the two ``uncertain``.
    """

    real: float = 1 / (1 + float(np.exp(-REAL_COSTS.log_odds_threshold)))
    synthetic: float = 1 / (1 + float(np.exp(-Costs().log_odds_threshold)))

    def label(self, score: float) -> Label:
        """Return the label of a score of a recording that nothing speaks against."""
        if score >= self.synthetic:
            return "likely_synthetic"
        return "likely_real" if score <= self.real else "uncertain"


@dataclass(frozen=True)
class Calibration:
    """A line in the outputs of the classifiers.

    Attributes
    ----------
    slopes
        One for each classifier.
    offset
        Log-odds where all outputs are 0.
    """

    slopes: tuple[float, ...]
    offset: float

    def apply(self, outputs: ArrayLike) -> NDArray[np.float64]:
        """Return log-odds of synthetic for classifier outputs of shape (rows, classifiers)."""
        log_odds: NDArray[np.float64] = np.asarray(outputs, dtype=np.float64) @ np.array(self.slopes) + self.offset
        return log_odds

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return {"slopes": list(self.slopes), "offset": self.offset}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Calibration:
        """Read what `to_dict` wrote.

        Raises
        ------
        ModelError
            A field is missing or not a number.
        """
        try:
            return cls(tuple(float(s) for s in stored["slopes"]), float(stored["offset"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"The calibration {str(stored)[:80]!r} is damaged", hint="Train the model again."
            ) from error


def fit_calibration(
    outputs: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None, shrinkage: float = SHRINKAGE
) -> Calibration:
    """Fit a calibration on outputs for recordings that the classifiers have not seen.

    Parameters
    ----------
    outputs
        Log-odds of the classifiers, shape (rows, classifiers).
    labels
        0 = human, 1 = synthetic, shape (rows,).
    weights
        Importance of each row inside its class (to count families and speakers alike), shape (rows,).
    shrinkage
        Penalty on the squared slopes; more of it pulls all scores towards 0.5.

    Raises
    ------
    AudioUsageError
        Only one class is there.
    """
    # A single classifier may come as a plain row; the two transpositions make a column of it.
    inputs = np.atleast_2d(np.asarray(outputs, dtype=np.float64).T).T
    truth = np.asarray(labels, dtype=np.float64)
    if len(np.unique(truth)) < 2:
        raise AudioUsageError(
            "Calibration needs human and synthetic recordings; only one class is there",
            hint="Add recordings of the other class to the manifest.",
        )
    importance = _balance(truth, np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64))
    *slopes, offset = _solve_logistic(np.column_stack([inputs, np.ones(len(inputs))]), truth, importance, shrinkage)
    return Calibration(tuple(float(s) for s in slopes), float(offset))


def _balance(truth: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    balanced = weights.copy()
    for label in (0.0, 1.0):
        # Both classes weigh half, whatever the manifest holds: that makes the log-odds likelihood ratios.
        balanced[truth == label] *= 0.5 / weights[truth == label].sum()
    return balanced


def _solve_logistic(
    inputs: NDArray[np.float64], truth: NDArray[np.float64], importance: NDArray[np.float64], shrinkage: float
) -> NDArray[np.float64]:
    """Minimise weighted cross-entropy plus shrinkage by Newton steps; the last column is the offset, not shrunk."""
    # Only slopes are shrunk. Shrinking the offset, too, would pull scores to one side instead of to 0.5.
    penalty = np.append(np.full(inputs.shape[1] - 1, shrinkage), 1e-9)
    solution = np.zeros(inputs.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(inputs @ solution, -30, 30)))
        gradient = inputs.T @ (importance * (probability - truth)) + penalty * solution
        curvature = (inputs * (importance * probability * (1 - probability))[:, None]).T @ inputs + np.diag(penalty)
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(solution)), gradient)
        # Where the classes separate, a full Newton step from a flat region overshoots and never comes back.
        solution = solution - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return solution
