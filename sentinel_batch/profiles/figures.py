"""The figures of a caller's day that follow from the calls of that day alone. docs/profiles.md defines each.

Formulas: Herfindahl index and entropy as usual; the choice of figures follows published SIM-box detectors, see there.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.profiles.calls import Calls
from sentinel_batch.profiles.grouping import (
    FlagArray,
    IntArray,
    RealArray,
    add_up,
    count,
    count_pairs,
    find_medians,
    locate,
    number_groups,
    rank_values,
    sort_pairs,
)
from sentinel_batch.profiles.keys import NumberKeys

NIGHT_BEGINS, NIGHT_ENDS = 22, 6
"""Local hours: night is from 22:00 to 06:00."""

SHORT_SECONDS = 6
"""A completed call of at most so many seconds is short: the billing increment of six seconds in which carriers
measure short-duration traffic."""

_MICROS = 1_000_000
_THREADS = 2
"""Sorting and arithmetic of NumPy run outside Python's lock; more threads would only hold more arrays at once."""

Columns = dict[str, Any]


class Groups:
    """The calls of a day grouped by caller.

    Parameters
    ----------
    calls
        Calls whose callers get figures.
    """

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.keys, self.codes = number_groups(calls.caller)
        self.callee_keys, self.callees = number_groups(calls.callee)
        self.size = self.keys.size
        self.pair_callers, self.pair_callees, _ = count_pairs(self.codes, self.callees)
        # Sorted once by caller, then time: first and last call, and all gaps, are then slices of one array.
        self.timed, self.starts = sort_pairs(self.codes, calls.start)
        self.ends = np.cumsum(count(self.codes, self.size))

    def pairs(self) -> pl.DataFrame:
        """Return the distinct pairs of keys: ``a`` called ``b``."""
        return pl.DataFrame({"a": self.keys[self.pair_callers], "b": self.callee_keys[self.pair_callees]})

    def add(self, values: npt.NDArray[Any]) -> RealArray:
        """Add up one value per call."""
        return add_up(self.codes, values, self.size)

    def count(self, chosen: FlagArray) -> IntArray:
        """Count the chosen calls."""
        return count(self.codes[chosen], self.size)


def measure_volume(groups: Groups) -> Columns:
    """Count calls, callees and minutes, of the day and of its night, and the first and last call."""
    calls = groups.calls
    night = (calls.hour >= NIGHT_BEGINS) | (calls.hour < NIGHT_ENDS)
    night_callers, _, _ = count_pairs(groups.codes[night], groups.callees[night])
    size = count(groups.codes, groups.size)
    return {
        "call_count": size,
        "unique_callees": count(groups.pair_callers, groups.size),
        "total_minutes": groups.add(calls.duration) / 60,
        "night_calls": groups.count(night),
        "night_callees": count(night_callers, groups.size),
        "night_minutes": groups.add(np.where(night, calls.duration, 0)) / 60,
        "first_call": pl.Series(groups.starts[groups.ends - size]).cast(pl.Datetime("us", "UTC")),
        "last_call": pl.Series(groups.starts[groups.ends - 1]).cast(pl.Datetime("us", "UTC")),
    }


def measure_durations(groups: Groups) -> Columns:
    """Describe how long calls last, and how many are completed, and short."""
    calls = groups.calls
    completed = groups.count(calls.completed)
    talk = groups.add(np.where(calls.completed, calls.duration, 0))
    return {
        "mean_duration": groups.add(calls.duration) / count(groups.codes, groups.size),
        "median_duration": find_medians(groups.codes, calls.duration, groups.size),
        "completed_calls": completed,
        "mean_completed_duration": _divide(talk, completed),
        "short_calls": groups.count(calls.completed & (calls.duration <= SHORT_SECONDS)),
    }


def measure_incoming(groups: Groups, incoming: Calls) -> Columns:
    """Count the calls that the callers received that day, and from how many numbers."""
    # The whole day is in hand: the distinct pairs are known already, and need not be sorted a second time.
    if incoming is groups.calls:
        places, found = locate(groups.callee_keys, groups.keys)
        called = places[groups.pair_callees[found[groups.pair_callees]]]
        places, found = places[groups.callees], found[groups.callees]
    else:
        places, found = locate(incoming.callee, groups.keys)
        called = count_pairs(places[found], incoming.caller[found])[0]
    codes = places[found]
    return {
        "incoming_calls": count(codes, groups.size),
        "incoming_minutes": add_up(codes, incoming.duration[found], groups.size) / 60,
        "incoming_callers": count(called, groups.size),
    }


def measure_destinations(groups: Groups, keys: NumberKeys, country_code: int) -> Columns:
    """Count international calls, and describe how calls gather on callee prefixes (Herfindahl index)."""
    # A key is the digits of the number, so its leading digits are the country code; a negative key is not E.164.
    home = keys.leading(groups.callee_keys, len(str(country_code))) == country_code
    foreign = (groups.callee_keys > 0) & ~home
    prefixes = np.unique(keys.prefixes(groups.callee_keys), return_inverse=True)[1]
    callers, _, rows = count_pairs(groups.codes, prefixes[groups.callees])
    squares = add_up(callers, rows * rows, groups.size)
    return {
        "international_calls": groups.count(foreign[groups.callees]),
        "prefix_concentration": squares / count(groups.codes, groups.size) ** 2,
    }


def measure_places(groups: Groups) -> Columns:
    """Count cells and name the two most used."""
    cell = groups.calls.cell
    known = cell.codes >= 0
    distinct, first, second, most = rank_values(groups.codes[known], cell.codes[known], groups.size)
    return {
        "distinct_cells": distinct,
        "first_cell": cell.decode(first),
        "second_cell": cell.decode(second),
        "top_cell_share": _divide(most, groups.count(known)),
    }


def measure_devices(groups: Groups) -> Columns:
    """Count handsets (IMEI) and SIMs (IMSI), and name the most used handset."""
    imei, imsi = groups.calls.imei, groups.calls.imsi
    handsets, subscribers = imei.codes >= 0, imsi.codes >= 0
    distinct, first, _, _ = rank_values(groups.codes[handsets], imei.codes[handsets], groups.size)
    return {
        "imei_count": distinct,
        "imsi_count": rank_values(groups.codes[subscribers], imsi.codes[subscribers], groups.size)[0],
        "top_imei": imei.decode(first),
    }


def measure_rhythm(groups: Groups) -> Columns:
    """Describe the seconds between starts of consecutive calls, and how calls spread over local hours (bits)."""
    same = groups.timed[1:] == groups.timed[:-1]
    # A difference across two callers is no gap: only those between calls of one caller are kept.
    codes, gaps = groups.timed[1:][same], np.diff(groups.starts)[same]
    number = count(codes, groups.size)
    mean = _divide(add_up(codes, gaps, groups.size), number)
    spread = np.sqrt(_divide(add_up(codes, (gaps - mean[codes]) ** 2, groups.size), number))
    shortest, several = np.full(groups.size, np.nan), np.flatnonzero(number)
    if several.size:
        # reduceat has no notion of an empty group, so callers with a single call are left out beforehand.
        shortest[several] = np.minimum.reduceat(gaps, (np.cumsum(number) - number)[several])
    return {
        "gap_mean": mean / _MICROS,
        # One gap has no spread. Rounded, because sums of squares differ in the last digit with the order of the rows.
        "gap_cv": np.where(number > 1, _divide(spread, mean), np.nan).round(9),
        "gap_min": shortest / _MICROS,
        "hour_entropy": _entropy(groups),
    }


def _entropy(groups: Groups) -> RealArray:
    callers, _, rows = count_pairs(groups.codes, groups.calls.hour)
    size = count(groups.codes, groups.size)
    # log2(n) - sum(k log2 k) / n equals -sum(p log2 p) and needs no division for each hour.
    bits: RealArray = np.log2(size) - add_up(callers, rows * np.log2(rows), groups.size) / size
    # Rounding can leave -1e-16 where all calls lie in one hour.
    clipped: RealArray = np.maximum(bits, 0).round(9)
    return clipped


def _divide(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> RealArray:
    """Divide; NaN where the denominator is 0."""
    quotients: RealArray = np.divide(above, below, out=np.full(len(above), np.nan), where=below != 0)
    return quotients


def measure_day(groups: Groups, incoming: Calls, keys: NumberKeys, country_code: int) -> pl.DataFrame:
    """Return the figures that need no other day, one row per caller in order of ``key``; undefined ones are null.

    Parameters
    ----------
    groups
        The calls of the callers.
    incoming
        At least all calls to them on that day.
    keys
        What the calls were read with.
    country_code
        Of the home country, such as 234; every other E.164 number is international.
    """
    families: list[Callable[[], Columns]] = [
        partial(measure_rhythm, groups),
        partial(measure_places, groups),
        partial(measure_incoming, groups, incoming),
        partial(measure_destinations, groups, keys, country_code),
        partial(measure_durations, groups),
        partial(measure_volume, groups),
        partial(measure_devices, groups),
    ]
    columns: Columns = {"key": groups.keys, "number": keys.decode(groups.keys)}
    with ThreadPoolExecutor(_THREADS) as pool:
        for family in pool.map(lambda measure: measure(), families):
            columns |= family
    return _add_ratios(pl.DataFrame(columns)).fill_nan(None)


def _add_ratios(frame: pl.DataFrame) -> pl.DataFrame:
    def ratio(above: str, below: str) -> pl.Expr:
        return pl.when(pl.col(below) != 0).then(pl.col(above) / pl.col(below))

    return frame.with_columns(
        callee_ratio=ratio("unique_callees", "call_count"),
        answer_ratio=ratio("completed_calls", "call_count"),
        in_out_call_ratio=ratio("incoming_calls", "call_count"),
        in_out_duration_ratio=ratio("incoming_minutes", "total_minutes"),
        international_share=ratio("international_calls", "call_count"),
        short_call_share=ratio("short_calls", "completed_calls"),
        night_share=ratio("night_calls", "call_count"),
    )


def select_callers(calls: Calls, part: tuple[int, int]) -> Calls:
    """Return the calls that the numbers of one part make."""
    if part[1] == 1:
        return calls
    mine = calls.caller % part[1] == part[0]
    labels = {name: replace(getattr(calls, name), codes=getattr(calls, name).codes[mine]) for name in _LABELS}
    arrays = {name: getattr(calls, name)[mine] for name in _ARRAYS}
    return Calls(**arrays, **labels)


_LABELS = ("cell", "imei", "imsi")
_ARRAYS = ("caller", "callee", "start", "duration", "hour", "completed")
