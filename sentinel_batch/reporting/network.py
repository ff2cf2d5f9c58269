"""Who is tied to whom, as a picture: dots and lines on a plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

LINKS_DRAWN = 200
"""Links that a picture has at most, the strongest."""

MEMBERS_DRAWN = 60
"""Dots that a picture has at most."""

Pair = tuple[str, str]


def draw_network(members: pl.DataFrame, pairs: pl.DataFrame, words: Mapping[Pair, str]) -> dict[str, Any] | None:
    """Place the members of a case or box on a plane, those with strong links near each other.

    Parameters
    ----------
    members
        ``number``, ``severity`` (or NULL), ``minutes``; the first so many are drawn.
    pairs
        ``number_a``, ``number_b``, ``strength`` (0 to 1).
    words
        What ties a pair, from :func:`link_words`.

    Returns
    -------
    dict
        ``width``, ``height``; ``nodes`` (``x, y, size, number, short, severity``); ``edges`` (``x1, y1, x2, y2,
        level`` 1 to 3, ``title``); ``left_out`` members. None without links. Equal input gives equal places.
    """
    import networkx  # Late: a report without cases draws no graph.

    shown = members.head(MEMBERS_DRAWN)
    drawn = shown["number"].implode()
    inside = pairs.filter(pairs["number_a"].is_in(drawn) & pairs["number_b"].is_in(drawn))
    pairs = inside.sort("strength", "number_a", "number_b", descending=[True, False, False]).head(LINKS_DRAWN)
    if pairs.is_empty():
        return None
    graph = networkx.Graph()
    graph.add_nodes_from(sorted(shown["number"]))
    graph.add_weighted_edges_from(pairs.iter_rows())
    places = networkx.spring_layout(graph, weight="weight", seed=0, iterations=60)
    at = {number: (round(160 + 130 * x, 1), round(110 + 90 * y, 1)) for number, (x, y) in places.items()}
    most = max([row["minutes"] or 0.0 for row in shown.to_dicts()] + [1.0])
    return {
        "width": 320,
        "height": 220,
        "nodes": [
            {
                "x": at[row["number"]][0],
                "y": at[row["number"]][1],
                "size": round(4 + 5 * ((row["minutes"] or 0) / most) ** 0.5, 1),
                "number": row["number"],
                "short": row["number"][-4:],
                "severity": row["severity"],
            }
            for row in shown.to_dicts()
        ],
        "edges": [
            {
                "x1": at[a][0], "y1": at[a][1], "x2": at[b][0], "y2": at[b][1],
                "level": 1 if strength < 0.5 else 2 if strength < 0.8 else 3,
                "title": words[a, b],
            }
            for a, b, strength in pairs.iter_rows()
        ],
        "left_out": members.height - shown.height,
    }  # fmt: skip


def link_words(links: pl.DataFrame) -> dict[Pair, str]:
    """Return for each pair one sentence of all that ties it.

    Parameters
    ----------
    links
        ``number_a``, ``number_b``, ``words``, one row for each kind of link.
    """
    found: dict[Pair, list[str]] = {}
    for a, b, words in links.iter_rows():
        found.setdefault((a, b), []).append(words)
    return {pair: f"{pair[0]} – {pair[1]}: " + "; ".join(words) for pair, words in found.items()}
