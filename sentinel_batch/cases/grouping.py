"""Groups of linked suspects: connected ones, cut into communities where a component is large."""

from __future__ import annotations

from typing import Any

import networkx
import polars as pl

LINKED = 0.5
"""A pair of this strength or more belongs together."""

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


def _cut(graph: Any, component: set[str]) -> list[set[str]]:
    if len(component) <= LARGEST_COMPONENT:
        return [component]
    # Louvain depends on the order of nodes and edges as well as on the seed, so both are sorted.
    ordered = networkx.Graph()
    ordered.add_nodes_from(sorted(component))
    ordered.add_weighted_edges_from(sorted(graph.subgraph(component).edges(data="weight")))
    parts: list[set[str]] = networkx.community.louvain_communities(ordered, weight="weight", seed=0)
    return parts
