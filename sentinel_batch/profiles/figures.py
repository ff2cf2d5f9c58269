"""The figures of a caller's day that follow from the calls of that day alone. docs/profiles.md defines each.

Formulas: Herfindahl index and entropy as usual; the choice of figures follows published SIM-box detectors, see there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.profiles.calls import Calls, ReceivedCalls
from sentinel_batch.profiles.grouping import (
    FlagArray,
    IntArray,
    RealArray,
    add_up,
    count,
    count_pairs,
    find_medians,
    number_groups,
    rank_values,
    sort_pairs,
)
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.texts import TextCodes

NIGHT_BEGINS, NIGHT_ENDS = 22, 6
"""Local hours: night is from 22:00 to 06:00."""

SHORT_SECONDS = 6
"""A completed call of at most so many seconds is short: the billing increment of six seconds in which carriers
measure short-duration traffic."""

_MICROS = 1_000_000

Columns = dict[str, Any]


class Groups:
    """The calls of a day grouped by caller.

    Parameters
    ----------
    calls
        Calls whose callers get figures: all that they made that day.
    received
        At least all calls to them on that day.
    """

    def __init__(self, calls: Calls, received: ReceivedCalls) -> None:
        self.calls = calls
        self.keys, self.codes, places = _tell_callers(calls.caller, received.callee)
        known = np.flatnonzero(places >= 0)
        self.size = self.keys.size
        self.receivers, self.received_duration = places[known], received.duration[known]
        # One numbering of callees, and of those who called the callers, so that the two can be compared.
        self.partner_keys, partners = number_groups(np.concatenate([calls.callee, received.caller[known]]))
        self.callees, senders = partners[: len(calls)], partners[len(calls) :]
        self.pair_callers, self.pair_callees, _ = count_pairs(self.codes, self.callees)
        self.pair_receivers, self.pair_senders, _ = count_pairs(self.receivers, senders)
        # Sorted once by caller, then time: first and last call, and all gaps, are then slices of one array.
        self.timed, self.starts = sort_pairs(self.codes, calls.start)
        self.ends = np.cumsum(count(self.codes, self.size))

    def pairs(self) -> pl.DataFrame:
        """Return the distinct pairs of keys: ``a`` called ``b``."""
        return pl.DataFrame({"a": self.keys[self.pair_callers], "b": self.partner_keys[self.pair_callees]})

    def pack(self, callers: IntArray, partners: IntArray) -> IntArray:
        """Return pairs of places, of a caller and a partner, as one integer each."""
        return callers * max(self.partner_keys.size, 1) + partners

    def add(self, values: npt.NDArray[Any]) -> RealArray:
        """Add up one value per call."""
        return add_up(self.codes, values, self.size)

    def count(self, chosen: FlagArray) -> IntArray:
        """Count the chosen calls."""
        return count(self.codes[chosen], self.size)


def _tell_callers(callers: IntArray, others: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return the distinct callers in order, and where callers and others stand among them (-1: did not call)."""
    # One numbering of both: sorting is cheaper than a search for each.
    distinct, codes = number_groups(np.concatenate([callers, others]))
    called = np.zeros(distinct.size, dtype=np.bool_)
    called[codes[: callers.size]] = True
    places = np.where(called, np.cumsum(called) - 1, -1)[codes]
    return distinct[called], places[: callers.size], places[callers.size :]


def measure_volume(groups: Groups) -> Columns:
    """Count calls, callees and minutes, of the day and of its night, and the first and last call."""
    calls = groups.calls
    night = is_night(calls.hour)
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


def measure_incoming(groups: Groups) -> Columns:
    """Count the calls that the callers received that day, and from how many numbers."""
    return {
        "incoming_calls": count(groups.receivers, groups.size),
        "incoming_minutes": add_up(groups.receivers, groups.received_duration, groups.size) / 60,
        "incoming_callers": count(groups.pair_receivers, groups.size),
    }


def measure_destinations(groups: Groups, keys: NumberKeys, country_code: int) -> Columns:
    """Count international calls, and describe how calls gather on callee prefixes (Herfindahl index)."""
    # A key is the digits of the number, so its leading digits are the country code; a negative key is not E.164.
    home = keys.leading(groups.partner_keys, len(str(country_code))) == country_code
    foreign = (groups.partner_keys > 0) & ~home
    prefixes = number_groups(keys.prefixes(groups.partner_keys))[1]
    callers, _, rows = count_pairs(groups.codes, prefixes[groups.callees])
    squares = add_up(callers, rows * rows, groups.size)
    return {
        "international_calls": groups.count(foreign[groups.callees]),
        "prefix_concentration": squares / count(groups.codes, groups.size) ** 2,
    }


def measure_places(groups: Groups, texts: TextCodes) -> Columns:
    """Count cells and name the two most used."""
    distinct, first, second, most, known = _rank(groups, groups.calls.cell, texts)
    return {
        "distinct_cells": distinct,
        "first_cell": texts.decode(first),
        "second_cell": texts.decode(second),
        "top_cell_share": _divide(most, known),
    }


def measure_devices(groups: Groups, texts: TextCodes) -> Columns:
    """Count handsets (IMEI) and SIMs (IMSI), and name the most used handset."""
    distinct, first, *_ = _rank(groups, groups.calls.imei, texts)
    return {
        "imei_count": distinct,
        "imsi_count": _rank(groups, groups.calls.imsi, texts)[0],
        "top_imei": texts.decode(first),
    }


def _rank(
    groups: Groups, values: IntArray, texts: TextCodes
) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    """Return, for each caller, the number of distinct texts, the codes of the most frequent and of the next (0: none),
    the calls with the first, and those with any; of texts that are equally frequent the first in order of text counts.
    """
    known = np.flatnonzero(values)
    codes = groups.codes[known]
    found, places = number_groups(values[known])
    order = texts.sort(found)
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    distinct, first, second, most = rank_values(codes, ranks[places], groups.size)
    # One more, so that the place -1, for none, is the code 0.
    named = np.append(found[order], 0)
    return distinct, named[first], named[second], most, count(codes, groups.size)


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


def measure_day(groups: Groups, keys: NumberKeys, texts: TextCodes, country_code: int) -> pl.DataFrame:
    """Return the figures that need no other day, one row per caller in order of ``key``; undefined ones are null.

    Parameters
    ----------
    groups
        The calls of the callers.
    keys, texts
        What the calls were read with.
    country_code
        Of the home country, such as 234; every other E.164 number is international.
    """
    columns = {
        "key": groups.keys,
        "number": keys.decode(groups.keys),
        **measure_rhythm(groups),
        **measure_places(groups, texts),
        **measure_incoming(groups),
        **measure_destinations(groups, keys, country_code),
        **measure_durations(groups),
        **measure_volume(groups),
        **measure_devices(groups, texts),
    }
    return _add_ratios(pl.DataFrame(columns)).fill_nan(None)


def _add_ratios(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        callee_ratio=express_ratio("unique_callees", "call_count"),
        answer_ratio=express_ratio("completed_calls", "call_count"),
        in_out_call_ratio=express_ratio("incoming_calls", "call_count"),
        in_out_duration_ratio=express_ratio("incoming_minutes", "total_minutes"),
        international_share=express_ratio("international_calls", "call_count"),
        short_call_share=express_ratio("short_calls", "completed_calls"),
        night_share=express_ratio("night_calls", "call_count"),
    )



def express_ratio(above: str, below: str) -> pl.Expr:
    """Return the ratio of two columns, null where the denominator is 0."""
    return pl.when(pl.col(below) != 0).then(pl.col(above) / pl.col(below))


def is_night(hours: npt.NDArray[np.int8]) -> FlagArray:
    """Tell which local hours are at night."""
    night: FlagArray = (hours >= NIGHT_BEGINS) | (hours < NIGHT_ENDS)
    return night
