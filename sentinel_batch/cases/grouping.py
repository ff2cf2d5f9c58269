"""Groups of linked suspects: connected ones, cut into communities where a component is large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx
import polars as pl

LINKED = 0.5
"""A pair of this strength or more belongs together."""

BOXED = 0.9
"""A suspect outside all boxes is tied to a box's SIM by no less than this, the strength of a handset in common: the
search for boxes compared them, too, and did not put it there."""

LARGEST_COMPONENT = 64
"""Larger components are cut into communities: single chance links would chain the boxes of a town into one."""


def group_suspects(pairs: pl.DataFrame, *, linked: float = LINKED) -> list[tuple[str, ...]]:
    """Return groups of at least two suspects, each sorted, the largest first.

    Parameters
    ----------
    pairs
        ``number_a, number_b, strength``, from :func:`sentinel_batch.cases.links.weigh_pairs`.
    linked
        Weaker pairs do not tie a group together.
    """
    graph = networkx.Graph()
    # Weak pairs are left out before the components are found: one faint link would join two towns.
    strong = pairs.filter(pairs["strength"] >= linked).sort("number_a", "number_b")
    graph.add_weighted_edges_from(strong.select("number_a", "number_b", "strength").iter_rows())
    parts = [part for component in networkx.connected_components(graph) for part in _cut(graph, component)]
    groups = [tuple(sorted(part)) for part in parts if len(part) > 1]
    return sorted(groups, key=lambda group: (-len(group), group))


def keep_boxes_apart(pairs: pl.DataFrame, box_of: Mapping[str, int]) -> pl.DataFrame:
    """Return the pairs without those that would join two boxes.

    The search for boxes has looked at all of what ties two boxes, and found that chance explains it. So pairs are taken
    strongest first, and one is left out if the groups that it would join hold SIMs of different boxes; a suspect that
    is tied to two boxes stays with the one that it is tied to more. One outside all boxes is tied to a box's SIM by
    :data:`BOXED` at least.

    Parameters
    ----------
    pairs
        ``number_a, number_b, strength``.
    box_of
        The box of each number that is in one.
    """
    groups = networkx.utils.UnionFind()
    boxes: dict[str, int] = dict(box_of)
    kept = []
    order = pairs.sort("strength", "number_a", "number_b", descending=[True, False, False])
    for a, b, strength in order.iter_rows():
        if (a in box_of) != (b in box_of) and strength < BOXED:
            continue
        one, other = groups[a], groups[b]
        mine, theirs = boxes.get(one), boxes.get(other)
        if mine is not None and theirs is not None and mine != theirs:
            continue
        groups.union(a, b)
        if (box := mine if mine is not None else theirs) is not None:
            boxes[groups[a]] = box
        kept.append((a, b, strength))
    return pl.DataFrame(kept, schema=pairs.schema, orient="row")


def _cut(graph: Any, component: set[str]) -> list[set[str]]:
    if len(component) <= LARGEST_COMPONENT:
        return [component]
    # Louvain depends on the order of nodes and edges as well as on the seed, so both are sorted.
    ordered = networkx.Graph()
    ordered.add_nodes_from(sorted(component))
    ordered.add_weighted_edges_from(sorted(graph.subgraph(component).edges(data="weight")))
    parts: list[set[str]] = networkx.community.louvain_communities(ordered, weight="weight", seed=0)
    return parts
