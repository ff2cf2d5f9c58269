"""How good a ranking is, where fraud is rare: every figure takes weights, the numbers that each row stands for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def average_precision(labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None) -> float | None:
    """Return the area under the precision-recall curve: the mean precision at each fraudulent number.

    Parameters
    ----------
    labels, scores
        Shape (rows,); label 1 is fraud. Rows of equal score are taken together.
    weights
        Shape (rows,); None counts every row once.

    Returns
    -------
    float or None
        0 to 1; a ranking by chance has the share of fraud. None without fraud.
    """
    truth, values, mass = _sorted(labels, scores, weights)
    total = float((truth * mass).sum())
    if total == 0:
        return None
    last = np.append(np.diff(values) != 0, True)
    found, seen = np.cumsum(truth * mass)[last], np.cumsum(mass)[last]
    gained = np.diff(np.append(0.0, found))
    return min(1.0, float((gained * found / seen).sum() / total))


def precision_at(labels: ArrayLike, scores: ArrayLike, count: int) -> float | None:
    """Return the share of fraud among the rows of highest score; ties are counted by their expected share.

    Parameters
    ----------
    labels, scores
        Shape (rows,).
    count
        Number of rows looked at; None is returned below 1.
    """
    truth, values, _ = _sorted(labels, scores, None)
    taken = min(count, len(truth))
    if taken < 1:
        return None
    edge = values[taken - 1]
    above, tied = values > edge, values == edge
    expected = truth[above].sum() + truth[tied].mean() * (taken - above.sum())
    return float(expected / taken) if np.isfinite(expected) else None


def recall_at(labels: ArrayLike, scores: ArrayLike, count: int) -> float | None:
    """Return the share of all fraud that is among so many rows of highest score; None without fraud or rows."""
    total = float(np.asarray(labels, dtype=np.float64).sum())
    share = precision_at(labels, scores, count)
    return None if share is None or total == 0 else share * min(count, len(np.asarray(labels))) / total


def reliability(
    labels: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None = None, edges: tuple[float, ...] = ()
) -> list[dict[str, float]]:
    """Return stated and true shares of fraud by band of probability; empty bands are left out.

    Parameters
    ----------
    labels, probabilities, weights
        Shape (rows,).
    edges
        Bounds of the bands, rising; by default 0, 0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 1.
    """
    truth, stated, mass = _sorted(labels, probabilities, weights)
    bounds = edges or (0.0, 0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0)
    bands = []
    for low, high in pairwise(bounds):
        inside = (stated >= low) & ((stated < high) | (high == bounds[-1]))
        if inside.any():
            share = mass[inside] / mass[inside].sum()
            bands.append(
                {
                    "from": low,
                    "to": high,
                    "rows": int(inside.sum()),
                    "fraud_rows": int(truth[inside].sum()),
                    "stated": float(np.sum(share * stated[inside])),
                    "true": float(np.sum(share * truth[inside])),
                }
            )
    return bands


def _sorted(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    truth = np.asarray(labels, dtype=np.float64)
    mass = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    return truth[order], values[order], mass[order]
