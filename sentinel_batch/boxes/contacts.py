"""Calls of candidates to each other."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sentinel_batch.boxes.likelihood import RARELY, hedge
from sentinel_batch.boxes.pairs import Pairs, look_up
from sentinel_batch.profiles.grouping import RealArray

_HALF = 0.5


class MutualCalls:
    """Evidence of calls to one another: ``(n - 1) / candidates`` that i has calls with, if j is one of them.

    Half a candidate is added below; of both directions the smaller counts.

    Parameters
    ----------
    calls
        Candidates × candidates: how many calls.
    """

    kind = "mutual_calls"

    def __init__(self, calls: sparse.csr_array) -> None:
        both = sparse.csr_array(calls + calls.T)
        both.setdiag(0)
        both.eliminate_zeros()
        self.calls = sparse.csr_array(sparse.triu(both, k=1))
        self.contacts = np.diff(both.indptr)
        self.number = both.shape[0]

    def propose(self) -> Pairs:
        """Return the pairs that called each other."""
        found = self.calls.tocoo()
        return Pairs(found.row.astype(np.int64), found.col.astype(np.int64))

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        met = look_up(self.calls, pairs.a, pairs.b) > 0
        most = np.maximum(self.contacts[pairs.a], self.contacts[pairs.b])
        evidence: RealArray = hedge(np.where(met, (self.number - 1) / (most + _HALF), 0.0), RARELY)
        return evidence
