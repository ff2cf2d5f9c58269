"""Arithmetic on groups of rows: integer arrays, sorted once, then cut where the group changes.

A *code* is the position of a row's group, counted from 0. Every function gives the same result whatever the order of
its rows, so profiles do not depend on how files are cut.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
RealArray = npt.NDArray[np.float64]
FlagArray = npt.NDArray[np.bool_]

_DENSE = 4
"""Values that span at most so many times their number are looked up in a table instead of being sorted."""

_LAST = np.iinfo(np.int64).max

_KEPT = (32 << 20) - 8192
"""Just below the largest block that glibc learns from (DEFAULT_MMAP_THRESHOLD_MAX)."""


def sort_within(codes: IntArray, values: IntArray) -> IntArray:
    """Return the values of each group in order, group by group.

    Parameters
    ----------
    codes
        In order.
    values
        One for each code.
    """
    if not codes.size:
        return values
    lowest = int(values.min())
    bits = (int(values.max()) - lowest).bit_length()
    # Rare: more than 63 bits together would overflow into the sign, so the slow way is taken.
    if int(codes[-1]).bit_length() + bits > 63:
        return values[np.lexsort((values, codes))]
    # Both values share one integer: sorting it takes a fraction of the time of an indirect sort by two keys.
    packed = codes << bits
    packed |= values - lowest
    packed.sort()
    packed &= (1 << bits) - 1
    packed += lowest
    return packed


def sort_rows(values: IntArray) -> tuple[IntArray, IntArray]:
    """Return the values in order, and the row of each."""
    if not values.size:
        return values, values
    lowest, bits = int(values.min()), values.size.bit_length()
    if (int(values.max()) - lowest).bit_length() + bits > 63:
        order = np.argsort(values)
        return values[order], order
    # Value and row share one integer: half of the time of an indirect sort.
    packed = values - lowest
    packed <<= bits
    packed |= np.arange(values.size)
    packed.sort()
    rows = packed & ((1 << bits) - 1)
    packed >>= bits
    packed += lowest
    return packed, rows


def number_groups(values: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct values in order, and where each value stands among them."""
    if not values.size:
        return values, values
    lowest = int(values.min())
    span = int(values.max()) - lowest + 1
    if span <= _DENSE * values.size:
        met = np.zeros(span, dtype=np.bool_)
        met[values - lowest] = True
        return np.flatnonzero(met) + lowest, (np.cumsum(met) - 1)[values - lowest]
    ordered, order = sort_rows(values)
    new = find_starts(ordered)
    codes = np.empty(values.size, dtype=np.int64)
    codes[order] = np.cumsum(new) - 1
    return ordered[new], codes


def find_starts(ordered: IntArray) -> FlagArray:
    """Tell which values of an ordered array are the first of their kind."""
    new = np.ones(ordered.size, dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return new


def count_pairs(codes: IntArray, values: npt.NDArray[Any], bits: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return the distinct pairs in order, and how often each occurs; values are less than 2^bits."""
    packed = count_values((codes << bits) | values)
    return packed[0] >> bits, packed[0] & ((1 << bits) - 1), packed[1]


def count_values(values: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct values in order, and how often each occurs; the array itself is put in order."""
    values.sort()
    starts = np.flatnonzero(find_starts(values))
    return values[starts], np.diff(starts, append=values.size)


def unite(*values: IntArray) -> IntArray:
    """Return the distinct values in order; sorting beats the hash table of ``numpy.unique`` tenfold."""
    ordered = np.concatenate(values)
    ordered.sort()
    return ordered[find_starts(ordered)]


def count(codes: IntArray, groups: int) -> IntArray:
    """Return the number of rows of each group."""
    return np.bincount(codes, minlength=groups)


def add_up(codes: IntArray, values: npt.NDArray[Any], groups: int) -> RealArray:
    """Return the sum of each group; exact for whole numbers below 2^53."""
    sums: RealArray = np.bincount(codes, weights=values, minlength=groups).astype(np.float64, copy=False)
    return sums


def find_medians(codes: IntArray, values: IntArray, firsts: IntArray, sizes: IntArray) -> RealArray:
    """Return the median of each group, none of which is empty; codes are in order, groups begin at ``firsts``."""
    ordered = sort_within(codes, values)
    # The two middle rows are the same one where the number is odd.
    medians: RealArray = (ordered[firsts + (sizes - 1) // 2] + ordered[firsts + sizes // 2]) / 2
    return medians


def rank_values(
    codes: IntArray, values: IntArray, ranks: IntArray, groups: int
) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    """Return, for each group, the number of distinct values, the ranks of the most frequent and of the next (-1: none),
    the first's rows, and all rows.

    Parameters
    ----------
    codes
        In any order.
    values
        Places in ``ranks``; the place 0 is no value.
    ranks
        Of values that are equally frequent that of the smallest rank comes first.
    groups
        Their number.
    """
    first, second, most = np.full(groups, -1), np.full(groups, -1), np.zeros(groups, dtype=np.int64)
    codes, values, rows = count_pairs(codes, values, int(ranks.size).bit_length())
    if ranks.size > 1 and not values.all():
        known = values > 0
        codes, values, rows = codes[known], values[known], rows[known]
    if not values.any():
        return most, first, second, most, most
    distinct, bits, top = count(codes, groups), int(ranks.max()).bit_length(), int(rows.max())
    filled = np.flatnonzero(distinct)
    starts = (np.cumsum(distinct) - distinct)[filled]
    # The fewer rows are missing, and the smaller the rank, the smaller the number.
    order = (top - rows) << bits | ranks[values]
    best = np.minimum.reduceat(order, starts)
    first[filled], most[filled] = best & ((1 << bits) - 1), top - (best >> bits)
    order[order == np.repeat(best, distinct[filled])] = _LAST
    best = np.minimum.reduceat(order, starts)
    second[filled] = np.where(best == _LAST, -1, best & ((1 << bits) - 1))
    return distinct, first, second, most, add_up(codes, rows, groups).astype(np.int64)


def locate(wanted: IntArray, ordered: IntArray) -> tuple[IntArray, FlagArray]:
    """Return where each value stands in an ordered array of distinct values, and whether it is there."""
    if not ordered.size:
        return np.zeros(wanted.size, dtype=np.int64), np.zeros(wanted.size, dtype=np.bool_)
    places = np.minimum(np.searchsorted(ordered, wanted), ordered.size - 1)
    return places, ordered[places] == wanted


def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed arrays for the next ones, where it is glibc.

    It gives freed memory back if it is more than twice the largest block that was ever freed, and fetching it anew from
    the system, page by page, costs a fifth of the time of all arithmetic here. So one large block is freed; what the
    library keeps because of it is less than 64 MiB for each thread.
    """
    np.empty(_KEPT, dtype=np.uint8)
