"""What ties candidates together, all kinds of evidence added up; then groups, then groups with what belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sentinel_batch.boxes.belongings import SameHandset, SameModel, SameSite
from sentinel_batch.boxes.callees import CommonCallees
from sentinel_batch.boxes.candidates import Candidates
from sentinel_batch.boxes.communities import FEWEST_MEMBERS, Group, join_groups, start_groups
from sentinel_batch.boxes.contacts import MutualCalls
from sentinel_batch.boxes.habits import SameHours
from sentinel_batch.boxes.lives import Lives
from sentinel_batch.boxes.manner import SameManner
from sentinel_batch.boxes.pairs import Pairs, join_pairs
from sentinel_batch.boxes.ranges import NumberRange
from sentinel_batch.profiles.grouping import RealArray

LIKENESS = ("same_hours", "same_manner", "same_model")
"""Kinds by which all boxes of a trade are alike, whoever owns them: they support a tie, and make none."""

_ROUNDS = 5


class Evidence(Protocol):
    """One kind of evidence on pairs of candidates."""

    kind: str

    def weigh(self, pairs: Pairs) -> RealArray:
        """Return the evidence of pairs, in nats."""
        ...


class Proposing(Evidence, Protocol):
    """A kind that can say by itself which pairs to look at."""

    def propose(self) -> Pairs:
        """Return pairs that it ties."""
        ...


@dataclass(frozen=True)
class Links:
    """Pairs that something ties, with the evidence of each kind.

    Parameters
    ----------
    pairs
        Pairs of candidates.
    kinds
        Names of the kinds of evidence.
    evidence
        Kinds × pairs, in nats.
    """

    pairs: Pairs
    kinds: tuple[str, ...]
    evidence: RealArray

    @property
    def total(self) -> RealArray:
        """The evidence of all kinds together, in nats; likeness counts as much as ties, at most."""
        alike = np.isin(self.kinds, LIKENESS)
        ties = self.evidence[~alike].sum(axis=0)
        total: RealArray = ties + np.minimum(self.evidence[alike].sum(axis=0), np.maximum(ties, 0.0))
        return total


class Comparison:
    """All kinds of evidence on candidates.

    Parameters
    ----------
    candidates
        The callers, or groups of them as if each were one.
    """

    def __init__(self, candidates: Candidates) -> None:
        self.size = len(candidates)
        self.common = CommonCallees(candidates.callees)
        handsets = SameHandset(candidates.handsets)
        self.proposing: Sequence[Proposing] = [
            self.common,
            handsets,
            SameSite(candidates.cells),
            NumberRange(candidates.digits),
            MutualCalls(candidates.mutual),
        ]
        # These say too little to look for pairs by them: half a country keeps the same hours.
        supporting: Sequence[Evidence] = [
            Lives(candidates.first, candidates.last, len(candidates.days)),
            SameHours(candidates.hours),
            SameManner(candidates.manner),
            SameModel(candidates.models, handsets),
        ]
        self.kinds: Sequence[Evidence] = [*self.proposing, *supporting]

    def link(self) -> Links:
        """Weigh all pairs that any single kind of evidence proposes."""
        return self.weigh(join_pairs((kind.propose() for kind in self.proposing), self.size))

    def weigh(self, pairs: Pairs) -> Links:
        """Weigh given pairs."""
        names = tuple(kind.kind for kind in self.kinds)
        return Links(pairs, names, np.stack([kind.weigh(pairs) for kind in self.kinds]))


def find_groups(candidates: Candidates, comparison: Comparison) -> list[Group]:
    """Return the groups of at least three candidates that no chance explains, the largest first.

    Callers are linked and grouped first. Then each group is taken for one caller, who shares far more with a member
    that is still outside than any single member does, and linked again, until nothing changes.

    Parameters
    ----------
    candidates
        The callers.
    comparison
        What ties them one by one.
    """
    groups = start_groups(len(candidates))
    for _ in range(_ROUNDS):
        links = comparison.link()
        joined = join_groups(groups, links.pairs, links.total)
        if len(joined) == len(groups):
            break
        groups = joined
        comparison = Comparison(candidates.merge([group.members for group in groups]))
        comparison.common.trade = measure_trade(comparison, groups)
    found = [group for group in groups if len(group.members) >= FEWEST_MEMBERS]
    return sorted(found, key=lambda group: (-len(group.members), group.members))


def measure_trade(comparison: Comparison, groups: Sequence[Group]) -> float:
    """Return how many times as many callees two groups have in common as chance gives, at the median; at least 1.

    Boxes all call the same part of a country, whoever owns them. Most pairs of groups are of different boxes, so their
    median tells what that alone explains.
    """
    places = np.flatnonzero([len(group.members) >= FEWEST_MEMBERS for group in groups])
    if len(places) < 2:
        return 1.0
    a, b = np.triu_indices(len(places), k=1)
    pairs = Pairs(places[a], places[b])
    common = comparison.common
    return max(1.0, float(np.median(common.count(pairs) / common.expect(pairs))))
