"""Common callees of two candidates, against chance: callees whom few call tell much, hotlines tell nothing."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from sentinel_batch.boxes.likelihood import hedge
from sentinel_batch.boxes.pairs import Pairs, look_up
from sentinel_batch.profiles.grouping import IntArray, RealArray

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""What share of a member's callees another member of its box calls, too: all are tried, with equal weight."""

HOTLINE_SHARE, HOTLINE_LEAST = 0.03, 50
"""A callee of more than this share of the candidates, and of more than so many, is a hotline: left out."""

_BLOCK = 2_000


class CommonCallees:
    """Evidence of common one-way callees.

    The configuration model fixes how many candidates call each callee (k) and how many callees each candidate has (d;
    M in all), and deals who calls whom: given that i is one of the k, j is another with probability
    ``p = (k - 1) d_j / M``. In a box j would be one with ``p + s (1 - p)``, for a share s that is not known: the
    e-value is the average over :data:`SHARES` of the likelihood ratio of i's callees, i being the one with fewer of
    them. The p of a pair's common callees is their geometric mean, which by Jensen's inequality is never too much
    evidence.

    Parameters
    ----------
    called
        Candidates × callees, 1 where the callee was called and never called back.

    trades
        Block of each candidate (:func:`~sentinel_batch.boxes.trades.assign_trades`): p is multiplied by how many times
        as many common callees as chance gives the candidates of two blocks have, on average, at least by 1. Boxes of
        different owners all call the families of emigrants. (A degree-corrected block model.)

    References
    ----------
    Chung and Lu, Connected components in random graphs with given expected degree sequences (2002).
    Karrer and Newman, Stochastic blockmodels and community structure in networks, Physical Review E 83 (2011).
    """

    kind = "common_callees"

    def __init__(self, called: sparse.csr_array, trades: IntArray) -> None:
        degree = np.asarray(called.sum(axis=0)).ravel()
        limit = max(HOTLINE_LEAST, HOTLINE_SHARE * called.shape[0])
        listed = called[:, degree <= limit]
        degree = degree[degree <= limit]
        self.size = np.asarray(listed.sum(axis=1)).ravel()
        self.total = max(float(self.size.sum()), 1.0)
        shared = degree >= 2
        self.others = degree[shared] - 1.0
        self.shared = listed[:, shared].tocsr()
        self.trials = np.asarray(self.shared.sum(axis=1)).ravel()
        self.met = self.shared @ self.others
        self.common, self.logs = self._overlap()
        self.trades = trades
        self.affinity = self._compare_trades()

    def _compare_trades(self) -> RealArray:
        """Return, for each two blocks, the common callees of their candidates over those that chance gives."""
        number = int(self.trades.max(initial=0)) + 1
        places = (self.trades, np.arange(len(self.trades)))
        blocks = sparse.csr_array((np.ones(len(self.trades)), places), shape=(number, len(self.trades)))
        called = blocks @ self.shared
        common = (called @ called.T).toarray()
        # A candidate has all callees in common with itself, and is left out on both sides.
        common[np.diag_indices(number)] -= blocks @ self.trials
        size, met = blocks @ self.size, blocks @ self.met
        expected = np.outer(met, size) + np.outer(size, met)
        expected[np.diag_indices(number)] -= 2 * (blocks @ (self.met * self.size))
        ratios: RealArray = common / np.maximum(expected / 2 / self.total, 1e-9)
        return np.maximum(ratios, 1.0)

    def _overlap(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return, for pairs a < b, the common callees, if at least two, and the sum of ln(k - 1) over them."""
        # Count and sum in one product, as the two parts of a complex number.
        weighted = sparse.csr_array(self.shared * (1.0 + 1j * np.log(self.others)))
        turned = self.shared.T.tocsr()
        size = self.shared.shape[0]
        found = []
        # By blocks of rows: the product of all at once would hold every pair that shares a single callee.
        for start in range(0, size, _BLOCK):
            # What lies before the block was paired with it in earlier blocks.
            both = (weighted[start : start + _BLOCK] @ turned[:, start:]).tocoo()
            kept = (both.data.real > 1.5) & (both.row < both.col)
            found.append((both.row[kept] + start, both.col[kept] + start, both.data[kept]))
        a, b, sums = (np.concatenate(column) for column in zip(*found, strict=True))
        common, logs = (sparse.csr_array((values, (a, b)), shape=(size, size)) for values in (sums.real, sums.imag))
        return common, logs

    def propose(self) -> Pairs:
        """Return the pairs whose common callees speak for a link."""
        found = self.common.tocoo()
        pairs = Pairs(found.row.astype(np.int64), found.col.astype(np.int64))
        return pairs.choose(self.weigh(pairs) > 1.0)

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        common, logs = look_up(self.common, pairs.a, pairs.b), look_up(self.logs, pairs.a, pairs.b)
        spread = np.exp(logs / np.maximum(common, 1.0))
        # Seen from the one with fewer callees, whose share of common ones is the larger.
        fewer = self.trials[pairs.a] <= self.trials[pairs.b]
        a, b = np.where(fewer, pairs.a, pairs.b), np.where(fewer, pairs.b, pairs.a)
        return hedge(self._ratio(a, b, common, spread))

    def _ratio(self, a: IntArray, b: IntArray, common: RealArray, spread: RealArray) -> RealArray:
        usual = self.affinity[self.trades[a], self.trades[b]]
        chance = np.minimum(usual * spread * self.size[b] / self.total, 1.0)
        ratios = np.zeros(len(a))
        for share in SHARES:
            gain = np.log1p(share * (1.0 - chance) / chance)
            # Cut off far beyond any bound, where the exponential would overflow.
            ratios += np.exp(np.minimum(common * gain + (self.trials[a] - common) * np.log1p(-share), 500.0))
        averaged: RealArray = ratios / len(SHARES)
        return averaged

    def count(self, pairs: Pairs) -> RealArray:
        """Return how many callees that are no hotlines each pair has in common."""
        common: RealArray = np.asarray(self.shared[pairs.a].multiply(self.shared[pairs.b]).sum(axis=1)).ravel()
        return common

    def expect(self, pairs: Pairs) -> RealArray:
        """Return how many common callees chance gives each pair."""
        expected: RealArray = (self.met[pairs.a] * self.size[pairs.b] + self.met[pairs.b] * self.size[pairs.a]) / 2
        return expected / self.total
