"""What two candidates both use, in shares of their calls: cells, handsets and their models."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sentinel_batch.boxes.likelihood import hedge
from sentinel_batch.boxes.pairs import Pairs, look_up
from sentinel_batch.profiles.grouping import FlagArray, RealArray

FAINTEST_SHARE = 0.04
"""What a candidate uses for less of its calls is passing by."""

_HALF = 0.5


class SharedUse:
    """Evidence of using the same things: the rarer among the candidates, the more.

    With the shares f of a candidate's calls over what it uses, the e-value of i and j is ``sum f_i f_j / q``, where q
    is the average share of all candidates but i: for a j taken at random it is 1 on average, whatever the crowds. Half
    a candidate is added to q, so that what nobody else uses is not infinitely telling. Of both directions the smaller
    counts. Nothing is said of candidates of whom nothing is known.

    Parameters
    ----------
    calls
        Candidates × things: how many calls.
    """

    def __init__(self, calls: sparse.csr_array) -> None:
        self.shares = _share(calls)
        self.known = np.asarray(self.shares.sum(axis=1)).ravel() > 0
        self.number = int(self.known.sum())
        self.ratios = self._compare()

    def _compare(self) -> sparse.csr_array:
        use = np.asarray(self.shares.sum(axis=0)).ravel()
        scaled = self.shares.copy()
        scaled.data = scaled.data * max(self.number - 1, 1) / (use[scaled.indices] - scaled.data + _HALF)
        directed = (scaled @ self.shares.T).tocsr()
        # Both directions have entries at the same places, so the minimum keeps them.
        return sparse.csr_array(sparse.triu(directed.minimum(directed.T), k=1))

    def propose(self) -> Pairs:
        """Return the pairs that use the same more than chance would have it."""
        found = self.ratios.tocoo()
        kept = found.data > 3.0
        return Pairs(found.row[kept].astype(np.int64), found.col[kept].astype(np.int64))

    def compare(self, pairs: Pairs) -> RealArray:
        """Return the e-values of pairs, 1 where nothing is known of one of the two."""
        both = self.known[pairs.a] & self.known[pairs.b]
        ratios: RealArray = np.where(both, look_up(self.ratios, pairs.a, pairs.b), 1.0)
        return ratios


class SameSite(SharedUse):
    """Evidence of the same cells."""

    kind = "same_site"

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        return hedge(self.compare(pairs))


class SameHandset(SharedUse):
    """Evidence of the same handsets.

    Who shares a handset shares its model, too, so both are one e-value, the average of theirs. It is told in two parts:
    here where a handset is shared, else by :class:`SameModel`.

    Parameters
    ----------
    handsets, models
        Candidates × handsets (14 digits of the IMEI), and × models (TAC): how many calls.
    """

    kind = "same_handset"

    def __init__(self, handsets: sparse.csr_array, models: sparse.csr_array) -> None:
        super().__init__(handsets)
        self.models = SharedUse(models)

    def average(self, pairs: Pairs) -> RealArray:
        """Return the evidence of handsets and models together, in nats."""
        return hedge((self.compare(pairs) + self.models.compare(pairs)) / 2.0)

    def is_shared(self, pairs: Pairs) -> FlagArray:
        """Tell which pairs share a handset."""
        shared: FlagArray = look_up(self.ratios, pairs.a, pairs.b) > 0
        return shared

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats; 0 for those that share no handset."""
        return np.where(self.is_shared(pairs), self.average(pairs), 0.0)


class SameModel:
    """Evidence of handsets of the same model, or of different ones, where no handset is shared.

    Parameters
    ----------
    handsets
        What handsets and models say together.
    """

    kind = "same_model"

    def __init__(self, handsets: SameHandset) -> None:
        self.handsets = handsets

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats; 0 for those that share a handset."""
        return np.where(self.handsets.is_shared(pairs), 0.0, self.handsets.average(pairs))


def _share(calls: sparse.csr_array) -> sparse.csr_array:
    total = np.asarray(calls.sum(axis=1)).ravel()
    shares = sparse.csr_array(calls, dtype=np.float64, copy=True)
    shares.data = shares.data / np.repeat(np.maximum(total, 1.0), np.diff(shares.indptr))
    shares.data[shares.data < FAINTEST_SHARE] = 0.0
    shares.eliminate_zeros()
    return shares
