"""Candidates: callers with many callees that never called back, and what is known of them in the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from scipy import sparse

from sentinel_batch.profiles.grouping import IntArray, RealArray

SUMS = (
    "callees",
    "one_way_callees",
    "outside_calls",
    "outside_completed",
    "outside_minutes",
    "incoming_calls",
    "calls",
    "active_days",
)
"""What is added up of each candidate."""


@dataclass(frozen=True)
class Candidates:
    """Heavy one-way callers of a window, in order of their numbers; matrices have a row for each.

    Parameters
    ----------
    figures
        ``number``, :data:`SUMS`, ``minutes``, ``first_day``, ``last_day``; calls from and to other candidates are in
        ``calls`` and ``minutes`` only.
    digits
        The numbers as integers, -1 where they are no E.164 number.
    callees
        Called and never called back, candidates left out.
    mutual
        Calls to other candidates.
    cells, handsets, models
        Calls by cell, by handset (14 digits of the IMEI) and by model of handset (TAC, 8 digits).
    hours
        Candidates × 24.
    daily
        Candidates × days of the window.
    sums
        Candidates × :data:`SUMS`.
    first, last
        Days of the window with the first and the last call, from 0.
    days
        The window's days, oldest first.
    """

    figures: pl.DataFrame
    digits: IntArray
    callees: sparse.csr_array
    mutual: sparse.csr_array
    cells: sparse.csr_array
    handsets: sparse.csr_array
    models: sparse.csr_array
    hours: RealArray
    daily: RealArray
    sums: RealArray
    first: IntArray
    last: IntArray
    days: Sequence[date]

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self.digits)

    def merge(self, groups: Sequence[Sequence[int]]) -> Candidates:
        """Return groups of candidates as if each were one: callees united, calls added up, the middle of the numbers.

        Parameters
        ----------
        groups
            Positions of the members of each; together all candidates.
        """
        rows = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        members = np.array([member for group in groups for member in group], dtype=np.int64)
        taken = sparse.csr_array((np.ones(len(members)), (rows, members)), shape=(len(groups), len(self)))
        callees = (taken @ self.callees).tocsr()
        callees.data[:] = 1.0
        return replace(
            self,
            digits=np.array([np.sort(self.digits[list(group)])[(len(group) - 1) // 2] for group in groups]),
            callees=callees,
            mutual=(taken @ self.mutual @ taken.T).tocsr(),
            cells=(taken @ self.cells).tocsr(),
            handsets=(taken @ self.handsets).tocsr(),
            models=(taken @ self.models).tocsr(),
            hours=taken @ self.hours,
            daily=taken @ self.daily,
            sums=taken @ self.sums,
            first=np.array([self.first[list(group)].min() for group in groups]),
            last=np.array([self.last[list(group)].max() for group in groups]),
        )

    @property
    def manner(self) -> RealArray:
        """Candidates × figures: shares of callees that never called back and of calls that were answered, calls
        received and repeated for one made, minutes of an answered call, calls on an active day."""
        callees, one_way, outside, completed, _, incoming, calls, days = self.sums.T
        figures = (one_way / callees, completed / outside, incoming / outside, callees / outside)
        return np.column_stack([*figures, self.talk, calls / days])

    @property
    def talk(self) -> RealArray:
        """Minutes of an answered call, of each candidate; 0 without any."""
        completed, minutes = (self.sums[:, SUMS.index(name)] for name in ("outside_completed", "outside_minutes"))
        lasting: RealArray = minutes / np.maximum(completed, 1.0)
        return lasting

    @property
    def numbers(self) -> list[str]:
        """The candidates' numbers."""
        return self.figures["number"].to_list()
