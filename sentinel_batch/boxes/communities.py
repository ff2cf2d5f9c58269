"""Groups of linked candidates: communities of the graph of links, each held together by a tree that beats chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import networkx
import numpy as np

from sentinel_batch.boxes.likelihood import bound_leaf, bound_tree
from sentinel_batch.boxes.pairs import Pairs
from sentinel_batch.profiles.grouping import FlagArray, RealArray

FEWEST_MEMBERS = 3
"""Two SIMs are a handset with two slots, or a couple."""

RESOLUTION = 0.05
"""Of Louvain's method: at 1 it cuts up a box whose SIMs are all tied to each other. Every link here is beyond chance,
so two parts are one unless they share only a few of the links that such parts would."""

_SEED = 0


@dataclass(frozen=True)
class Group:
    """Candidates that belong together.

    Parameters
    ----------
    members
        Positions in the list of candidates, ascending.
    evidence
        Nats of the strongest tree of links that spans them.
    bound
        Nats that chance must not reach (:func:`~sentinel_batch.boxes.likelihood.bound_tree`).
    """

    members: tuple[int, ...]
    evidence: float
    bound: float


def start_groups(candidates: int) -> list[Group]:
    """Return every candidate as a group of its own."""
    return [Group((place,), 0.0, 0.0) for place in range(candidates)]


def join_groups(groups: Sequence[Group], pairs: Pairs, evidence: RealArray) -> list[Group]:
    """Join groups that belong together beyond chance; the others stay as they are.

    Links below :func:`~sentinel_batch.boxes.likelihood.bound_leaf` are left out: nobody can be worth a place in a group
    by such a link alone. Two groups take a link beyond those of all pairs, as boxes whose SIMs come from one shop are
    tied a little, and a caller keeps its strongest link to a group only. What is left is cut into communities (Louvain,
    weighted by the evidence, with a fixed seed and in the order of the numbers, so that the order of rows changes
    nothing). Of each, groups leave, the least tied first, until the tree of what remains beats the bound.

    Parameters
    ----------
    groups
        All candidates, each in one group.
    pairs, evidence
        Pairs of groups, by their places, and the nats between them; each pair once.
    """
    candidates = sum(len(group.members) for group in groups)
    grouped = np.array([len(group.members) > 1 for group in groups])
    both = grouped[pairs.a] & grouped[pairs.b]
    strong = evidence >= np.where(both, bound_tree(2, candidates), bound_leaf(candidates))
    strong &= ~_bridges(groups, pairs, np.where(strong, evidence, 0.0))
    graph = networkx.Graph()
    edges = sorted(zip(pairs.a[strong].tolist(), pairs.b[strong].tolist(), evidence[strong].tolist(), strict=True))
    graph.add_nodes_from(sorted({node for a, b, _ in edges for node in (a, b)}))
    graph.add_weighted_edges_from(edges)
    joined, rest = [], set(range(len(groups)))
    for part in _cut(graph):
        found = _hold(graph.subgraph(part), groups, candidates)
        if found is not None:
            joined.append(found[0])
            rest -= found[1]
    return sorted([*joined, *(groups[place] for place in rest)], key=lambda group: group.members)


def _bridges(groups: Sequence[Group], pairs: Pairs, evidence: RealArray) -> FlagArray:
    """Tell which links of a single caller to a group are not its strongest to any: nobody is in two boxes."""
    grouped = np.array([len(group.members) > 1 for group in groups])
    mixed = np.flatnonzero(grouped[pairs.a] != grouped[pairs.b])
    single = np.where(grouped[pairs.a], pairs.b, pairs.a)[mixed]
    # Strongest first within each caller; the place among the pairs breaks ties.
    order = np.lexsort((mixed, -evidence[mixed], single))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = single[order][1:] != single[order][:-1]
    bridging = np.zeros(len(pairs), dtype=np.bool_)
    bridging[mixed[order[~first]]] = True
    return bridging


def _cut(graph: Any) -> Iterable[set[int]]:
    """Yield the communities of each component, in order."""
    for component in sorted(networkx.connected_components(graph), key=min):
        ordered = networkx.Graph()
        ordered.add_nodes_from(sorted(component))
        ordered.add_weighted_edges_from(sorted(graph.subgraph(component).edges(data="weight")))
        yield from sorted(
            networkx.community.louvain_communities(ordered, weight="weight", resolution=RESOLUTION, seed=_SEED), key=min
        )


def _hold(part: Any, groups: Sequence[Group], candidates: int) -> tuple[Group, set[int]] | None:
    """Return what of a community is held together beyond chance, and the places of its groups; None if nothing is."""
    tree = networkx.maximum_spanning_tree(part, weight="weight")
    while len(tree) > 1:
        members = tuple(sorted(member for place in tree for member in groups[place].members))
        total = float(sum(weight for _, _, weight in sorted(tree.edges(data="weight"))))
        total += sum(groups[place].evidence for place in sorted(tree))
        bound = bound_tree(len(members), candidates)
        if len(members) >= FEWEST_MEMBERS and total >= bound:
            return Group(members, total, bound), set(tree)
        tree.remove_node(_find_weakest(tree))
    return None


def _find_weakest(tree: Any) -> int:
    """Return the leaf that hangs by the weakest link; its place breaks ties."""
    leaves = [node for node in tree if tree.degree(node) == 1]
    return int(min(leaves, key=lambda node: (next(iter(tree.edges(node, data="weight")))[2], node)))
