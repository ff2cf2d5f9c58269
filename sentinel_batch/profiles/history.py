"""What lies before a day: who called whom, how active callers were, and how unusual the day is for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.profiles.calls import Calls
from sentinel_batch.profiles.figures import Columns, Groups
from sentinel_batch.profiles.grouping import FlagArray, IntArray, RealArray, count, locate, unite

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


def measure_contacts(groups: Groups, incoming: Calls, history: pl.LazyFrame | None) -> Columns:
    """Count callees never called before, and callees that call back.

    Parameters
    ----------
    groups
        The day's calls of the callers.
    incoming
        At least all calls to them on that day.
    history
        Pairs ``a`` called ``b`` of the lookback, by key, in any order, possibly repeated; None if it has no calls.
    """
    nodes = unite(groups.keys, groups.callee_keys)
    callers = locate(groups.keys, nodes)[0][groups.pair_callers]
    callees = locate(groups.callee_keys, nodes)[0][groups.pair_callees]
    earlier = _find_earlier(nodes, callers, callees, history)
    # A pair as one integer, in a base that every place fits; it sorts and searches like a single key.
    pairs = callers * nodes.size + callees
    today = pairs if incoming is groups.calls else _pack(incoming.caller, incoming.callee, nodes)
    new = ~locate(pairs, earlier)[1]
    back = _contains(unite(earlier, today), callees * nodes.size + callers)
    size = count(groups.pair_callers, groups.size)
    unknown, returned = (count(groups.pair_callers[chosen], groups.size) for chosen in (new, back))
    return {
        "new_callees": unknown,
        "new_callee_share": unknown / size,
        "callees_calling_back": returned,
        "reciprocity": returned / size,
    }


def _find_earlier(nodes: IntArray, callers: IntArray, callees: IntArray, history: pl.LazyFrame | None) -> IntArray:
    """Return the pairs of history, packed and in order, that are the day's, or the day's the other way round."""
    if history is None:
        return np.zeros(0, dtype=np.int64)
    a, b = nodes[callers], nodes[callees]
    # Only pairs of today matter, in either direction, so the join keeps a small part of 28 days.
    wanted = pl.LazyFrame({"a": np.concatenate([a, b]), "b": np.concatenate([b, a])})
    met = history.join(wanted, on=["a", "b"], how="semi").unique().collect(engine="streaming")
    return _pack(met["a"].to_numpy(), met["b"].to_numpy(), nodes)


def _pack(a: IntArray, b: IntArray, nodes: IntArray) -> IntArray:
    """Return each distinct pair of known numbers as one integer, in order."""
    (callers, here), (callees, there) = locate(a, nodes), locate(b, nodes)
    both = here & there
    return unite(callers[both] * nodes.size + callees[both])


def _contains(ordered: IntArray, wanted: IntArray) -> FlagArray:
    """Tell which values an ordered array holds; looked up in order, which is kind to the cache."""
    order = np.argsort(wanted)
    found = np.empty(wanted.size, dtype=np.bool_)
    found[order] = locate(wanted[order], ordered)[1]
    return found


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
