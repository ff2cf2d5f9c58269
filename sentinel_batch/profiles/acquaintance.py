"""Which pairs of numbers may have called each other on a day: asked of every call of the 28 days before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sentinel_batch.profiles.grouping import FlagArray, IntArray

_ROOM = 12
"""Places for each pair: one stranger in twelve is taken for an acquaintance, and dropped by the exact comparison."""

_FEWEST, _MOST = 16, 30
"""Bits of a place; a billion places take 1 GiB while they are filled, and an eighth of it afterwards."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
_WORD = np.uint64(64)


class Acquaintances:
    """A filter (Bloom's, with one hash) that never loses a pair; it knows no direction.

    Parameters
    ----------
    most
        Pairs that will be added, at most.
    """

    def __init__(self, most: int) -> None:
        bits = min(max((most * _ROOM).bit_length(), _FEWEST), _MOST)
        self._shift = _WORD - np.uint64(bits)
        self._flags: npt.NDArray[Any] = np.zeros(1 << bits, dtype=np.bool_)

    def add(self, a: IntArray, b: IntArray) -> None:
        """Add pairs."""
        self._flags[self._place(a, b)] = True

    def close(self) -> None:
        """Make the filter small, once every pair is added."""
        self._flags = np.packbits(self._flags)

    def may_know(self, a: IntArray, b: IntArray) -> FlagArray:
        """Tell which pairs may be among those that were added, this way or the other way round."""
        places = self._place(a, b)
        masks = np.uint8(128) >> (places & np.uint64(7)).astype(np.uint8)
        known: FlagArray = (self._flags[places >> np.uint64(3)] & masks) != 0
        return known

    def _place(self, a: IntArray, b: IntArray) -> npt.NDArray[np.uint64]:
        places = _stir(a)
        places += _stir(b)
        places *= _MIX
        places >>= self._shift
        return places


def _stir(keys: IntArray) -> npt.NDArray[np.uint64]:
    stirred = keys.view(np.uint64) * _MIX
    stirred ^= stirred >> np.uint64(32)
    return stirred
