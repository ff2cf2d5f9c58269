"""What ties candidates together, all kinds of evidence added up; then groups, then groups with what belongs to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from batch_base.progress import follow
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
from sentinel_batch.boxes.trades import assign_trades
from sentinel_batch.profiles.grouping import IntArray, RealArray

LIKENESS = ("same_hours", "same_manner", "same_model")
"""Kinds by which all boxes of a trade are alike, whoever owns them: they support a tie, and make none."""

_SUPPORT = np.array([1.0, 2.0, 1.0])
"""How much support counts for each nat of ties: between callers, a caller and a group, two groups."""

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
        Pairs of candidates, or of groups.
    kinds
        Names of the kinds of evidence.
    evidence
        Kinds × pairs, in nats.
    groups
        How many of the two are groups.
    """

    pairs: Pairs
    kinds: tuple[str, ...]
    evidence: RealArray
    groups: IntArray

    @property
    def total(self) -> RealArray:
        """The evidence of all kinds together, in nats.

        What all boxes of a trade have in common, whoever owns them, supports ties and makes none: hours, manner and
        models count as much as all the rest, at most. So do the callees of whole groups, who are a good part of all
        emigrants' families. For a single caller and a group both together count twice as much as the rest, at most.
        """
        callees = self.evidence[[kind == "common_callees" for kind in self.kinds]].sum(axis=0)
        likeness = self.evidence[np.isin(self.kinds, LIKENESS)].sum(axis=0)
        wide = np.where(self.groups > 0, callees, 0.0)
        ties = self.evidence.sum(axis=0) - likeness - wide
        most = _SUPPORT[self.groups] * np.maximum(ties, 0.0)
        total: RealArray = ties + np.minimum(likeness + wide, most)
        return total


class Comparison:
    """All kinds of evidence on candidates.

    Parameters
    ----------
    candidates
        The callers, or groups of them as if each were one.
    sizes
        Members of each; None if all are single callers.
    """

    def __init__(self, candidates: Candidates, sizes: Sequence[int] | None = None) -> None:
        self.size = len(candidates)
        self.grouped = np.array(sizes if sizes is not None else [1] * self.size) > 1
        manner = SameManner(candidates.manner)
        self.common = CommonCallees(candidates.callees, assign_trades(manner.ranks))
        handsets = SameHandset(candidates.handsets, candidates.models)
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
            manner,
            SameModel(handsets),
        ]
        self.kinds: Sequence[Evidence] = [*self.proposing, *supporting]

    def link(self) -> Links:
        """Weigh all pairs that any single kind of evidence proposes."""
        return self.weigh(
            join_pairs((kind.propose() for kind in follow(self.proposing, lambda kind: kind.kind)), self.size)
        )

    def weigh(self, pairs: Pairs) -> Links:
        """Weigh given pairs."""
        names = tuple(kind.kind for kind in self.kinds)
        groups = self.grouped[pairs.a].astype(np.int64) + self.grouped[pairs.b]
        return Links(pairs, names, np.stack([kind.weigh(pairs) for kind in self.kinds]), groups)


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
        members = [group.members for group in groups]
        comparison = Comparison(candidates.merge(members), [len(group) for group in members])
    found = [group for group in groups if len(group.members) >= FEWEST_MEMBERS]
    return sorted(found, key=lambda group: (-len(group.members), group.members))
