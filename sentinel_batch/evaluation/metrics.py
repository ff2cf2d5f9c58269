"""How good a queue is when fraud is rare: everything that nobody listed counts, too.

All functions take the listed numbers only, and how many honest and fraudulent ones were not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sentinel_batch.learning.measures import average_precision

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""Level of the intervals."""


def area_under_precision(labels: ArrayLike, scores: ArrayLike, missed: int = 0, honest: int = 0) -> float | None:
    """Return the area under the precision-recall curve, with the numbers that were not listed last, all tied.

    Parameters
    ----------
    labels, scores
        Of the listed numbers, shape (rows,); label 1 is fraud; scores above 0.
    missed, honest
        Fraudulent and honest numbers that were not listed.

    Returns
    -------
    float or None
        0 to 1; None without fraud.
    """
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    mass = np.append(np.ones(len(truth)), [missed, honest])
    return average_precision(np.append(truth, [1.0, 0.0]), np.append(values, [0.0, 0.0]), mass)


def precision_at(labels: ArrayLike, scores: ArrayLike, count: int, missed: int = 0, honest: int = 0) -> float | None:
    """Return the share of fraud among the first ``count`` numbers; ties by their expected share.

    If fewer are listed, the rest is drawn by chance from those that are not.

    Parameters
    ----------
    labels, scores, missed, honest
        As for :func:`area_under_precision`.
    count
        How many are looked at; None is returned below 1.
    """
    if count < 1:
        return None
    truth, values = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    truth, values = truth[order], values[order]
    if count >= len(values):
        rest = missed + honest
        drawn = min(count - len(values), rest)
        return float((truth.sum() + (drawn * missed / rest if rest else 0.0)) / count)
    edge = values[count - 1]
    above, tied = values > edge, values == edge
    return float((truth[above].sum() + truth[tied].mean() * (count - above.sum())) / count)


def review_nightly(nights: Sequence[tuple[ArrayLike, ArrayLike]], budget: int) -> NDArray[Any]:
    """Return the numbers that are looked at if each night the ``budget`` best that nobody has looked at yet are.

    Parameters
    ----------
    nights
        For each night the listed numbers (integers) and their scores; equal scores by number.
    budget
        Numbers a night.
    """
    seen = np.empty(0, dtype=np.int64)
    for numbers, scores in nights:
        listed, values = np.asarray(numbers, dtype=np.int64), np.asarray(scores, dtype=np.float64)
        fresh = ~np.isin(listed, seen)
        listed, values = listed[fresh], values[fresh]
        seen = np.append(seen, listed[np.lexsort((listed, -values))][:budget])
    return seen


def bootstrap_interval(
    measure: Callable[[Sequence[int], int], Sequence[float | None]],
    units: Sequence[int],
    *,
    draws: int = 200,
    seed: int = 1,
) -> list[tuple[float, float] | None] | None:
    """Return the interval of each of several figures when whole units (boxes) are drawn again with replacement.

    Parameters
    ----------
    measure
        The figures of a list of units, in which a unit may occur several times; its second argument is a seed.
    units
        What is drawn from.
    draws, seed
        Number of draws; seed of them.

    Returns
    -------
    list or None
        Percentile intervals at :data:`LEVEL`; None without draws, or with fewer than three units, of which an interval
        would say nothing.

    Notes
    -----
    B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. Few units make it too narrow.
    """
    if len(units) < 3 or draws < 1:
        return None
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(units), size=(draws, len(units))).tolist()
    figures = [measure([units[place] for place in row], draw) for draw, row in enumerate(chosen)]
    intervals: list[tuple[float, float] | None] = []
    for column in zip(*figures, strict=True):
        known = [figure for figure in column if figure is not None]
        ends = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) if known else None
        intervals.append(None if ends is None else (float(ends[0]), float(ends[1])))
    return intervals


def summarise_delays(hours: Sequence[float | None]) -> dict[str, float | int | None]:
    """Return of delays in hours (None: never found) how many there are and were found, median and 90 % quantile.

    The quantiles are those of all, found or not: None where they fall among those that were never found.
    """
    known = sorted(hour for hour in hours if hour is not None)
    every = np.array([*known, *[np.inf] * (len(hours) - len(known))])
    figures: dict[str, float | int | None] = {"numbers": len(hours), "found": len(known)}
    for name, level in (("median", 0.5), ("slow", 0.9)):
        value = float(np.quantile(every, level, method="higher")) if len(every) else np.inf
        figures[name] = value if np.isfinite(value) else None
    return figures
