"""Trades: candidates that call in a like manner, in blocks, so that what a trade has in common ties nobody."""

from __future__ import annotations

import numpy as np

from sentinel_batch.profiles.grouping import IntArray, RealArray

BLOCK = 100
"""Candidates of a block, at least: several boxes and honest callers beside them, so that no box sets its own rule."""


def assign_trades(ranks: RealArray) -> IntArray:
    """Return the block of each candidate: halves of halves, each along the figure in which it differs most.

    Parameters
    ----------
    ranks
        Candidates × figures, as ranks from 0 to 1.
    """
    blocks = np.zeros(len(ranks), dtype=np.int64)
    waiting, number = [np.arange(len(ranks))], 0
    while waiting:
        members = waiting.pop()
        if len(members) < 2 * BLOCK:
            blocks[members] = number
            number += 1
            continue
        widest = int(np.argmax(ranks[members].std(axis=0)))
        order = members[np.argsort(ranks[members, widest], kind="stable")]
        waiting += [order[len(order) // 2 :], order[: len(order) // 2]]
    return blocks
