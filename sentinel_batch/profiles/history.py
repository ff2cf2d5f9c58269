"""What lies before a day: who called whom, how active callers were, and how unusual the day is for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.profiles.figures import Columns, Groups
from sentinel_batch.profiles.grouping import IntArray, RealArray, count, locate, unite

LOOKBACK_DAYS = 28
"""Days before a day in which a callee counts as known: four whole weeks, so that every weekday is in it equally."""

TRAILING_DAYS = 14
"""Days before a day that make up a number's usual behaviour."""

MIN_ACTIVE_DAYS = 5
"""Fewer active days than this are too short a history: the median of four values says little."""

MAD_TO_SIGMA = 1.4826
"""Makes the median absolute deviation of normal data their standard deviation (Rousseeuw and Croux 1993)."""

TRAILING_FIGURES = {
    "call_count": "calls_z",
    "unique_callees": "callees_z",
    "total_minutes": "minutes_z",
    "international_calls": "international_z",
    "night_calls": "night_z",
}
"""Figure to the column of its robust z."""

Pairs = Mapping[str, IntArray]
"""Keys of who called (``a``) and who was called (``b``)."""


def measure_contacts(groups: Groups, made: Pairs, received: Pairs) -> Columns:
    """Count callees never called before, and callees that call back.

    Parameters
    ----------
    groups
        The day's calls of the callers.
    made, received
        Of the pairs of the lookback (``a`` called ``b``), in any order, possibly repeated: at least those in which a
        caller called a callee of the day, and those in which a callee of the day called a caller.
    """
    pairs = groups.made_pairs
    callers = groups.callers_of(pairs)
    back = unite(groups.pack(received["b"], received["a"]), groups.received_pairs)
    new, returns = ~locate(pairs, groups.pack(made["a"], made["b"]))[1], locate(pairs, back)[1]
    size = count(callers, groups.size)
    unknown, returned = (count(callers[chosen], groups.size) for chosen in (new, returns))
    return {
        "new_callees": unknown,
        "new_callee_share": unknown / size,
        "callees_calling_back": returned,
        "reciprocity": returned / size,
    }


def measure_unusual(today: pl.DataFrame, trailing: Sequence[pl.DataFrame]) -> Columns:
    """Compare a day with the caller's own active days before it.

    Parameters
    ----------
    today
        ``key``, ascending, and the figures of :data:`TRAILING_FIGURES`.
    trailing
        The same of each earlier day, in any order.
    """
    keys = today["key"].to_numpy()
    places = [_find(keys, day) for day in trailing]
    active = sum((place >= 0 for place in places), np.zeros(keys.size, dtype=np.int64))
    columns: Columns = {"active_days": active}
    for figure, name in TRAILING_FIGURES.items():
        past = [_pick(day, figure, place) for day, place in zip(trailing, places, strict=True)]
        columns[name] = score_robustly(today[figure].to_numpy().astype(np.float64), past)
    return columns


def _find(keys: IntArray, day: pl.DataFrame) -> npt.NDArray[np.int32]:
    places, found = locate(keys, day["key"].to_numpy())
    return np.where(found, places, -1).astype(np.int32)


def _pick(day: pl.DataFrame, figure: str, places: npt.NDArray[np.int32]) -> RealArray:
    values = day[figure].to_numpy().astype(np.float64)
    return np.where(places >= 0, values[places], np.nan) if values.size else np.full(places.size, np.nan)


def score_robustly(today: RealArray, past: Sequence[RealArray]) -> RealArray:
    """Return ``(x - median) / scale`` with ``scale = max(1.4826 MAD, sqrt(median), 1)``.

    The MAD of a steady number is 0; a count that is random at a steady rate (Poisson) still varies by the square root
    of its mean, so less than that, or than one, is never unusual.

    Parameters
    ----------
    today
        One value per caller.
    past
        The values of earlier days, NaN where the caller made no call; with fewer than
        :data:`MIN_ACTIVE_DAYS` of them the score is NaN.
    """
    if len(past) < MIN_ACTIVE_DAYS:
        return np.full(today.size, np.nan)
    table = np.column_stack(past)
    number = (~np.isnan(table)).sum(axis=1)
    middle = _median(table, number)
    spread = _median(np.abs(table - middle[:, None]), number)
    # Three floors: the spread that was seen, the spread that chance gives a count, and one whole call.
    scale = np.maximum(np.maximum(MAD_TO_SIGMA * spread, np.sqrt(np.maximum(middle, 0))), 1)
    scores: RealArray = np.where(number >= MIN_ACTIVE_DAYS, (today - middle) / scale, np.nan)
    return scores


def _median(table: RealArray, number: IntArray) -> RealArray:
    """Return each row's median over its ``number`` values that are not NaN (sorting puts NaN last)."""
    ordered = np.sort(table, axis=1)
    rows, last = np.arange(len(table)), np.maximum(number - 1, 0)
    middle: RealArray = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return middle
