"""What segments that overlap have in common: frames that are worked on once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.transforms import Rows


@dataclass(frozen=True)
class Shared:
    """Rows of a stretch that are worked on once for all segments that have them.

    Attributes
    ----------
    rows
        Those that no mean changes, then those that the mean of a segment changes, segment by segment.
    kept
        How many of the first kind.
    moved
        Which rows of each segment its mean changes.
    places
        Where the rows of each segment lie among `rows`.
    """

    rows: Rows
    kept: int
    moved: list[NDArray[np.bool_]]
    places: list[Rows]

    @classmethod
    def of(cls, asked: Sequence[Rows], moved: list[NDArray[np.bool_]], count: int) -> Shared:
        """Make it from the rows of each segment, out of so many."""
        needed = np.zeros(count, dtype=bool)
        for rows, moves in zip(asked, moved, strict=True):
            needed[rows[~moves]] = True
        kept, place = np.flatnonzero(needed), np.cumsum(needed) - 1
        places, changed, reached = [], [], len(kept)
        for rows, moves in zip(asked, moved, strict=True):
            found, own = place[rows], rows[moves]
            found[moves] = np.arange(reached, reached + len(own))
            reached += len(own)
            places.append(found)
            changed.append(own)
        return cls(np.concatenate([kept, *changed]), len(kept), moved, places)

    def join(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return what there is for the changed rows of each segment, one after the other."""
        return np.concatenate([part[moves] for part, moves in zip(parts, self.moved, strict=True)])
