"""Calls of a day as compact columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from .arrays import Flags, Floats, Ints
from .outcomes import Outcomes
from .rhythms import DAY_SECONDS

OPEN = -2
"""Cell or handset that is still to be filled in from the caller's own."""

NOWHERE = -1
"""Cell or handset of a caller that this network does not serve."""


@dataclass(frozen=True)
class Calls:
    """Calls in columns of equal length.

    Parameters
    ----------
    second
        Start, in seconds since local midnight.
    caller, callee
        Positions in the directory.
    duration
        Seconds.
    cause
        Position in :data:`~.outcomes.CAUSES`.
    cell, handset
        Of the caller: positions among cells and handsets, :data:`OPEN` or :data:`NOWHERE`.
    """

    second: Ints
    caller: Ints
    callee: Ints
    duration: Ints
    cause: Ints
    cell: Ints
    handset: Ints

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self.second)

    @classmethod
    def of(
        cls,
        second: Ints | Floats,
        caller: Ints,
        callee: Ints,
        outcomes: Outcomes,
        *,
        cell: Ints | int = OPEN,
        handset: Ints | int = OPEN,
        end: int = DAY_SECONDS,
    ) -> Calls:
        """Return calls in their compact types; those that would start before second 0 or from ``end`` are left out."""
        size = len(second)
        made = cls(
            np.asarray(second, dtype=np.int32),
            np.asarray(caller, dtype=np.int32),
            np.asarray(callee, dtype=np.int32),
            np.asarray(outcomes.duration, dtype=np.int32),
            np.asarray(outcomes.cause, dtype=np.int8),
            np.broadcast_to(np.asarray(cell, dtype=np.int32), size),
            np.broadcast_to(np.asarray(handset, dtype=np.int32), size),
        )
        within = (made.second >= 0) & (made.second < end)
        return made if within.all() else made.take(within)

    def take(self, rows: Ints | Flags | slice) -> Calls:
        """Return the calls at ``rows``, in that order."""
        return Calls(*(getattr(self, field.name)[rows] for field in fields(self)))


def no_calls() -> Calls:
    """Return no calls, in the right types."""
    nothing = np.zeros(0, dtype=np.int64)
    return Calls.of(nothing, nothing, nothing, Outcomes(nothing, nothing, nothing.astype(np.float64)))


def join_calls(parts: Sequence[Calls]) -> Calls:
    """Return all calls of several parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    return Calls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Calls)))


def sort_calls(calls: Calls) -> Calls:
    """Return calls by second, caller and callee; of equal ones only the first."""
    bits = 23
    key = (calls.second.astype(np.int64) << 2 * bits) | (calls.caller.astype(np.int64) << bits) | calls.callee
    order = np.argsort(key, kind="stable")
    key = key[order]
    fresh = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.zeros(0, dtype=np.bool_)
    return calls.take(order[fresh])
