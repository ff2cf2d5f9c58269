"""From a score to a probability that holds at the share of fraudsters among real subscribers."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np

from sentinel_batch.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BASE_RATE = 0.0002
"""Share of fraudulent numbers that probabilities are stated for unless told otherwise: 200 in a million."""

_STEPS = 100
_RIDGE = 1e-9
_LEAST_SLOPE = 1e-3


@dataclass(frozen=True)
class Calibration:
    """Log-odds of fraud = ``slope * score + offset``, at a base rate.

    Parameters
    ----------
    slope, offset
        Of the line; the slope is positive, so that the order of scores is kept.
    base_rate
        Share of fraudulent numbers that the log-odds hold for, between 0 and 1.
    """

    slope: float
    offset: float
    base_rate: float = BASE_RATE

    def log_odds(self, scores: ArrayLike, base_rate: float | None = None) -> NDArray[Any]:
        """Return log-odds of fraud, for another base rate if one is given.

        Raises
        ------
        ModelError
            If the base rate is not between 0 and 1.
        """
        wanted = self.base_rate if base_rate is None else check_base_rate(base_rate)
        # By Bayes' rule another base rate moves all log-odds by the same amount; the evidence stays as it is.
        moved = to_log_odds(wanted) - to_log_odds(self.base_rate)
        return np.asarray(self.slope * np.asarray(scores, dtype=np.float64) + self.offset + moved)


def check_base_rate(value: float) -> float:
    """Return the base rate, or raise :class:`ModelError` if it is not between 0 and 1."""
    if not 0 < value < 1:
        raise ModelError(
            f"The base rate {value} is not allowed.",
            hint="Give the share of fraudulent numbers, between 0 and 1, such as 0.0002.",
            value=value,
        )
    return value


def to_log_odds(probability: float) -> float:
    """Return the log-odds of a probability between 0 and 1."""
    return log(probability / (1 - probability))


def to_probability(log_odds: ArrayLike) -> NDArray[Any]:
    """Return the probabilities of log-odds."""
    # Beyond ±40 a double is 0 or 1 for every purpose here, and exp could overflow.
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(log_odds, dtype=np.float64), -40, 40))))


def fit_calibration(
    scores: ArrayLike, labels: ArrayLike, *, weights: ArrayLike | None = None, base_rate: float = BASE_RATE
) -> Calibration:
    """Fit a calibration on scores of numbers that the model was not trained on.

    Parameters
    ----------
    scores, labels
        Of shape (rows,); label 1 is fraud.
    weights
        How many numbers of the population each row stands for, within its class.
    base_rate
        Share of the fraud class in the fit: the classes are weighted to it, whatever share the rows have, so that the
        fit is best where alerts are decided, in the tail.

    Raises
    ------
    ModelError
        If a class is missing, or the base rate is not between 0 and 1.

    Notes
    -----
    J. Platt, "Probabilistic outputs for support vector machines" (1999), with smoothed targets as his, which keep the
    slope finite when the classes are separable: each class counts one example more, whose label is the base rate.
    """
    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    fraud = truth > 0.5
    if not fraud.any() or fraud.all():
        raise ModelError(
            "A probability needs examples of both classes; only one is there.", hint="Add labels of the other class."
        )
    share = check_base_rate(base_rate)
    mass = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64).copy()
    # Far more of the labelled numbers than of real ones are fraudulent: without this, probabilities would be much too
    # high.
    mass[fraud] *= share / mass[fraud].sum()
    mass[~fraud] *= (1 - share) / mass[~fraud].sum()
    targets = np.where(fraud, (fraud.sum() + share) / (fraud.sum() + 1), share / ((~fraud).sum() + 1))
    slope, offset = _solve(values, targets, mass, to_log_odds(share))
    # A model that is worse than chance would turn the order of its scores round; it is left nearly flat instead.
    return Calibration(max(slope, _LEAST_SLOPE), offset, share)


def _solve(scores: NDArray[Any], targets: NDArray[Any], mass: NDArray[Any], start: float) -> tuple[float, float]:
    """Minimise the weighted cross-entropy by Newton steps, halved where one would make it worse."""
    inputs = np.column_stack([scores, np.ones(len(scores))])
    solution = np.array([0.0, start])
    loss = _loss(inputs @ solution, targets, mass)
    for _ in range(_STEPS):
        likely = to_probability(inputs @ solution)
        gradient = inputs.T @ (mass * (likely - targets))
        curvature = (inputs * (mass * likely * (1 - likely))[:, None]).T @ inputs + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        # A full Newton step can overshoot where nearly all targets are near 0: halve it until the loss falls.
        shorter = next(
            (s for s in 0.5 ** np.arange(30) if _loss(inputs @ (solution - s * step), targets, mass) < loss), 0
        )
        solution = solution - shorter * step
        if shorter == 0 or loss - (loss := _loss(inputs @ solution, targets, mass)) < 1e-12:
            break
    return float(solution[0]), float(solution[1])


def _loss(log_odds: NDArray[Any], targets: NDArray[Any], mass: NDArray[Any]) -> float:
    # The cross-entropy written with log-odds; computed from probabilities it would lose all digits in the tails.
    return float(np.sum(mass * (np.logaddexp(0, log_odds) - targets * log_odds)))
