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
    count_values,
    find_medians,
    find_starts,
    locate,
    number_groups,
    rank_values,
    sort_rows,
    sort_within,
    unite,
)
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.texts import TextCodes

NIGHT_BEGINS, NIGHT_ENDS = 22, 6
"""Local hours: night is from 22:00 to 06:00."""

SHORT_SECONDS = 6
"""A completed call of at most so many seconds is short: the billing increment of six seconds in which carriers
measure short-duration traffic."""

_MICROS = 1_000_000
_HOUR_BITS = 5
_NEVER = np.iinfo(np.int64).max

Columns = dict[str, Any]


class Partners:
    """Those who are called by callers, or call them, as numbers of few bits.

    Parameters
    ----------
    room
        Bits that there are for a partner beside a caller.
    *keys
        Keys of all of them.
    """

    def __init__(self, room: int, *keys: IntArray) -> None:
        filled = [part for part in keys if part.size]
        self._lowest = min((int(part.min()) for part in filled), default=0)
        self._highest = max((int(part.max()) for part in filled), default=0)
        self._keys: IntArray | None = None
        self.bits = (self._highest - self._lowest).bit_length()
        if self.bits > room:
            # Rare: very long numbers. Then partners are numbered.
            self._keys = unite(*keys)
            self.bits = self._keys.size.bit_length()
        self.mask = (1 << self.bits) - 1

    def encode(self, keys: IntArray) -> IntArray:
        """Return the numbers of partners."""
        return keys - self._lowest if self._keys is None else locate(keys, self._keys)[0]

    def decode(self, numbers: IntArray) -> IntArray:
        """Return the keys of partners."""
        return numbers + self._lowest if self._keys is None else self._keys[numbers]

    def know(self, keys: IntArray) -> FlagArray:
        """Tell for which keys there are numbers."""
        if self._keys is not None:
            return locate(keys, self._keys)[1]
        known: FlagArray = (keys >= self._lowest) & (keys <= self._highest)
        return known


class Groups:
    """The calls of a day, put in order of their callers.

    Parameters
    ----------
    calls
        Calls whose callers get figures: all that they made that day.
    received
        At least all calls to them on that day.
    """

    def __init__(self, calls: Calls, received: ReceivedCalls) -> None:
        callers, order = sort_rows(calls.caller)
        columns = {name: _reorder(values, order) for name, values in vars(calls).items() if name != "caller"}
        self.calls = Calls(caller=callers, **columns)
        new = find_starts(self.calls.caller)
        self.firsts = np.flatnonzero(new)
        self.keys = self.calls.caller[self.firsts]
        self.codes = np.cumsum(new) - 1
        self.size = self.keys.size
        self.sizes = np.diff(self.firsts, append=len(calls))
        self.lasts = self.firsts + self.sizes - 1
        # By caller, then time: first and last call, and all gaps, are slices of one array.
        self.starts = sort_within(self.codes, self.calls.start)
        self.receivers, senders, self.received_duration = _choose_received(received, self.keys)
        self.partners = Partners(63 - self.size.bit_length(), self.calls.callee, senders)
        self.made_pairs = self.count_partners(self.codes, self.calls.callee)[0]
        self.received_pairs = self.count_partners(self.receivers, senders)[0]

    def pairs(self) -> pl.DataFrame:
        """Return the distinct pairs of keys: ``a`` called ``b``."""
        callers, callees = self.made_pairs >> self.partners.bits, self.made_pairs & self.partners.mask
        return pl.DataFrame({"a": self.keys[callers], "b": self.partners.decode(callees)})

    def callers_of(self, pairs: IntArray) -> IntArray:
        """Return the caller of each pair."""
        return pairs >> self.partners.bits

    def count_partners(self, callers: IntArray, partners: IntArray) -> tuple[IntArray, IntArray]:
        """Return the distinct pairs of callers (places) and partners (keys), packed and in order, and their calls."""
        packed = callers << self.partners.bits
        packed |= self.partners.encode(partners)
        return count_values(packed)

    def pack(self, callers: IntArray, partners: IntArray) -> IntArray:
        """Return the distinct pairs of keys of those who are known here, packed and in order."""
        places, here = locate(callers, self.keys)
        known = np.flatnonzero(here & self.partners.know(partners))
        return self.count_partners(places[known], partners[known])[0]

    def add(self, values: npt.NDArray[Any]) -> IntArray:
        """Add up one whole number per call."""
        sums: IntArray = np.add.reduceat(values, self.firsts)
        return sums

    def count(self, chosen: FlagArray) -> IntArray:
        """Count the chosen calls."""
        return count(self.codes[chosen], self.size)


def _reorder(values: npt.NDArray[Any], order: IntArray) -> npt.NDArray[Any]:
    # A shortcut: most feeds have no IMEI or cell at all.
    return values[order] if values.any() else values


def _choose_received(received: ReceivedCalls, keys: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return the places, among callers, of those who were called by anybody, who called them, and how long."""
    called, order = sort_rows(received.callee)
    new = find_starts(called)
    places, known = locate(called[new], keys)
    codes = np.cumsum(new) - 1
    chosen = np.flatnonzero(known[codes])
    return places[codes[chosen]], received.caller[order[chosen]], received.duration[order[chosen]]


def measure_volume(groups: Groups) -> Columns:
    """Count calls, callees and minutes, of the day and of its night, and the first and last call."""
    calls = groups.calls
    night = is_night(calls.hour)
    night_pairs, _ = groups.count_partners(groups.codes[night], calls.callee[night])
    return {
        "call_count": groups.sizes,
        "unique_callees": count(groups.callers_of(groups.made_pairs), groups.size),
        "total_minutes": groups.add(calls.duration) / 60,
        "night_calls": groups.count(night),
        "night_callees": count(groups.callers_of(night_pairs), groups.size),
        "night_minutes": groups.add(np.where(night, calls.duration, 0)) / 60,
        "first_call": pl.Series(groups.starts[groups.firsts]).cast(pl.Datetime("us", "UTC")),
        "last_call": pl.Series(groups.starts[groups.lasts]).cast(pl.Datetime("us", "UTC")),
    }


def measure_durations(groups: Groups) -> Columns:
    """Describe how long calls last, and how many are completed, and short."""
    calls = groups.calls
    completed = groups.count(calls.completed)
    talk = groups.add(np.where(calls.completed, calls.duration, 0))
    return {
        "mean_duration": groups.add(calls.duration) / groups.sizes,
        "median_duration": find_medians(groups.codes, calls.duration, groups.firsts, groups.sizes),
        "completed_calls": completed,
        "mean_completed_duration": _divide(talk, completed),
        "short_calls": groups.count(calls.completed & (calls.duration <= SHORT_SECONDS)),
    }


def measure_incoming(groups: Groups) -> Columns:
    """Count the calls that the callers received that day, and from how many numbers."""
    return {
        "incoming_calls": count(groups.receivers, groups.size),
        "incoming_minutes": add_up(groups.receivers, groups.received_duration, groups.size) / 60,
        "incoming_callers": count(groups.callers_of(groups.received_pairs), groups.size),
    }


def measure_destinations(groups: Groups, keys: NumberKeys, country_code: int) -> Columns:
    """Count international calls, and describe how calls gather on callee prefixes (Herfindahl index)."""
    # A key is the digits of the number, so its leading digits are the country code; a negative key is not E.164.
    callees = groups.calls.callee
    prefixes = keys.prefixes(callees)
    home = keys.leading(np.where(callees > 0, prefixes, 0), len(str(country_code))) == country_code
    lowest = int(prefixes.min())
    bits = (int(prefixes.max()) - lowest).bit_length()
    callers, _, rows = count_pairs(groups.codes, prefixes - lowest, bits)
    squares = add_up(callers, rows * rows, groups.size)
    return {
        "international_calls": groups.count((callees > 0) & ~home),
        "prefix_concentration": squares / groups.sizes**2,
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
    found, places = number_groups(values)
    if found[0]:
        # Every call has a text; the place 0 is kept for those without.
        found, places = np.append(0, found), places + 1
    order = texts.sort(found[1:])
    ranks = np.zeros(found.size, dtype=np.int64)
    ranks[order + 1] = np.arange(order.size)
    distinct, first, second, most, known = rank_values(groups.codes, places, ranks, groups.size)
    # One more, so that the rank -1, for none, is the code 0.
    named = np.append(found[1:][order], 0)
    return distinct, named[first], named[second], most, known


def measure_rhythm(groups: Groups) -> Columns:
    """Describe the seconds between starts of consecutive calls, and how calls spread over local hours (bits)."""
    firsts, starts = groups.firsts, groups.starts
    number = groups.sizes - 1
    mean = _divide(starts[groups.lasts] - starts[firsts], number)
    gaps = np.diff(starts, prepend=0)
    squares = (gaps - np.repeat(mean, groups.sizes)) ** 2
    # What lies before a caller's first call is no gap.
    squares[firsts], gaps[firsts] = 0, _NEVER
    spread = np.sqrt(_divide(add_up(groups.codes, squares, groups.size), number))
    return {
        "gap_mean": mean / _MICROS,
        # One gap has no spread. Rounded, because sums of squares differ in the last digit with the order of the rows.
        "gap_cv": np.where(number > 1, _divide(spread, mean), np.nan).round(9),
        "gap_min": np.where(number > 0, np.minimum.reduceat(gaps, firsts), np.nan) / _MICROS,
        "hour_entropy": _entropy(groups),
    }


def _entropy(groups: Groups) -> RealArray:
    callers, _, rows = count_pairs(groups.codes, groups.calls.hour, _HOUR_BITS)
    size = groups.sizes
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


def count_nights(callers: IntArray, hours: npt.NDArray[np.int8]) -> tuple[IntArray, IntArray, IntArray]:
    """Return the distinct callers in order, their calls, and their calls at night."""
    packed = (callers << 1) | is_night(hours)
    packed.sort()
    keys = packed >> 1
    firsts = np.flatnonzero(find_starts(keys))
    return keys[firsts], np.diff(firsts, append=keys.size), np.add.reduceat(packed & 1, firsts)
