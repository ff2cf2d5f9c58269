"""Pairs of candidates, as two arrays of their positions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sentinel_batch.profiles.grouping import FlagArray, IntArray, RealArray, unite


@dataclass(frozen=True)
class Pairs:
    """Pairs ``a < b`` of positions in the list of candidates."""

    a: IntArray
    b: IntArray

    def __len__(self) -> int:
        """Return the number of pairs."""
        return int(self.a.size)

    def choose(self, chosen: FlagArray | IntArray) -> Pairs:
        """Return some of the pairs."""
        return Pairs(self.a[chosen], self.b[chosen])


NO_PAIRS = Pairs(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def join_pairs(parts: Iterable[Pairs], size: int) -> Pairs:
    """Return each pair once, in order, of all that are proposed among so many candidates."""
    packed = unite(*(part.a * size + part.b for part in parts), NO_PAIRS.a)
    return Pairs(packed // size, packed % size)


def look_up(matrix: Any, rows: IntArray, columns: IntArray) -> RealArray:
    """Return the entries of a sparse matrix at some places, 0 where it has none."""
    if not len(rows):
        return np.zeros(0)
    ordered = sparse.csr_array(matrix)
    ordered.sort_indices()
    # One sorted list of places, searched like a single key: indexing a sparse array by arrays copies it first.
    width = ordered.shape[1]
    keys = np.repeat(np.arange(ordered.shape[0]), np.diff(ordered.indptr)) * width + ordered.indices
    if not keys.size:
        return np.zeros(len(rows))
    wanted = rows * width + columns
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    found: RealArray = np.where(keys[places] == wanted, ordered.data[places], 0.0)
    return found
