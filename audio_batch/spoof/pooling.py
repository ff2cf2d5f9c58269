"""From the log-odds of all segments to that of the call: a line in their mean and quantiles, learned on calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_batch.errors import ModelError
from audio_batch.spoof.calibration import fit_calibration

QUANTILES = (0.2, 0.5, 0.8)
LIMIT = 6.0
"""Log-odds of a segment are clipped to ±6: no single saturated segment outweighs its neighbours."""
MOST = 16
"""Segments from which on more of them add no certainty: what is left is the voice, the line and the engine."""
GROWTHS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Pooling:
    """How a call is judged by all of its segments.

    Attributes
    ----------
    weights
        Of the mean and of `QUANTILES` of the segments' log-odds.
    growth
        By what share of itself the result grows with each doubling of the segments, up to `MOST` of them.
    offset
        Added at the end, in log-odds.
    """

    weights: tuple[float, ...] = (1.0,) + (0.0,) * len(QUANTILES)
    growth: float = 0.0
    offset: float = 0.0

    def pool(self, log_odds: ArrayLike) -> float:
        """Return the log-likelihood ratio of a call; `log_odds` are those of its segments, at least one."""
        values = np.asarray(log_odds, dtype=np.float64)
        return float(_describe(values) @ np.array(self.weights) * _grow(len(values), self.growth) + self.offset)

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return {"weights": list(self.weights), "growth": self.growth, "offset": self.offset}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Pooling:
        """Read what `to_dict` wrote.

        Raises
        ------
        ModelError
            A field is missing or not a number.
        """
        try:
            weights = tuple(float(weight) for weight in stored["weights"])
            if len(weights) != 1 + len(QUANTILES):
                raise ValueError(f"{len(weights)} weights")
            return cls(weights, float(stored["growth"]), float(stored["offset"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"The pooling {str(stored)[:80]!r} is damaged", hint="Train the model again.") from error


def _describe(values: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(values, -LIMIT, LIMIT)
    return np.array([clipped.mean(), *np.quantile(clipped, QUANTILES)])


def _grow(count: int, growth: float) -> float:
    return 1.0 + growth * float(np.log2(min(count, MOST)))


def fit_pooling(
    calls: Sequence[NDArray[np.float64]], labels: ArrayLike, *, weights: ArrayLike | None = None
) -> Pooling:
    """Learn from calls that the segments' scorer has not seen.

    Parameters
    ----------
    calls
        Log-odds of the segments of each call.
    labels
        0 = human, 1 = synthetic, one for each call.
    weights
        Importance of each call inside its class.
    """
    described = np.array([_describe(values) for values in calls])
    counts = [len(values) for values in calls]
    truth = np.asarray(labels)
    best, lowest = Pooling(), np.inf
    for growth in GROWTHS:
        grown = described * np.array([_grow(count, growth) for count in counts])[:, None]
        fitted = fit_calibration(grown, truth, weights=weights)
        cost = _cost(fitted.apply(grown), truth, weights)
        if cost < lowest:
            best, lowest = Pooling(fitted.slopes, growth, fitted.offset), cost
    return best


def _cost(log_odds: NDArray[np.float64], truth: NDArray[np.int_], weights: ArrayLike | None) -> float:
    importance = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    losses = np.logaddexp(0.0, np.where(truth == 1, -log_odds, log_odds))
    return float(sum(np.average(losses[truth == c], weights=importance[truth == c]) for c in (0, 1)))
