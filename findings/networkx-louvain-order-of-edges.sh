#!/usr/bin/env bash
# NetworkX: Louvain with a seed finds other groups when the same links are read in another order.
#
# Guess:   louvain_communities(graph, seed=1) is a function of the graph and the seed: nodes and edges are sets, so the
#          order in which a query returned them cannot matter.
# Instead: The seed shuffles the nodes in the order in which they were added, and ties go by the order of neighbours.
#          Twenty shuffles of one list of 229 links between 72 numbers (six weak SIM boxes of twelve) give six different
#          partitions, of six and of seven groups; twenty shuffles of the nodes give twenty.
# Bites:   Whoever builds cases from links that a database returned without ORDER BY: last night's case splits or merges
#          although nobody made a call; the seed does not help. Sort both lists first.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile networkx==3.6.1

"$work/venv/bin/python" - <<'PY'
import random

import networkx as nx

print("networkx", nx.__version__)
draw = random.Random(3)
numbers = [f"+23480300{box:02d}{sim:02d}" for box in range(6) for sim in range(12)]
links = [
    (first, second)
    for position, second in enumerate(numbers)
    for first in numbers[:position]
    if draw.random() < (0.3 if first[:11] == second[:11] else 0.06)
]


def partition(nodes, edges):
    graph = nx.Graph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return frozenset(map(frozenset, nx.community.louvain_communities(graph, seed=1)))


def shuffled(items, seed):
    return random.Random(seed).sample(items, len(items))


repeated = {partition(numbers, links) for _ in range(20)}
by_links = {partition(numbers, shuffled(links, seed)) for seed in range(20)}
by_nodes = {partition(shuffled(numbers, seed), links) for seed in range(20)}
print(len(links), "links between", len(numbers), "numbers")
print("same order, 20 times:", len(repeated), "partition")
print("links shuffled:", len(by_links), "partitions, of", sorted({len(groups) for groups in by_links}), "groups")
print("nodes shuffled:", len(by_nodes), "partitions, of", sorted({len(groups) for groups in by_nodes}), "groups")
assert len(repeated) == 1
assert len(by_links) == 6 and len(by_nodes) == 20, (len(by_links), len(by_nodes))
PY
