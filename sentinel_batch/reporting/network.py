"""Who is tied to whom, as a picture: dots and lines on a plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

LINKS_DRAWN = 200
"""Links that a picture has at most, the strongest."""

MEMBERS_DRAWN = 60
"""Dots that a picture has at most."""

Pair = tuple[str, str]

_ROUNDS = 60


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
    shown = members.head(MEMBERS_DRAWN)
    drawn = shown["number"].implode()
    inside = pairs.filter(pairs["number_a"].is_in(drawn) & pairs["number_b"].is_in(drawn))
    pairs = inside.sort("strength", "number_a", "number_b", descending=[True, False, False]).head(LINKS_DRAWN)
    if pairs.is_empty():
        return None
    places = _spread(sorted(shown["number"]), list(pairs.iter_rows()))
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


def _spread(numbers: list[str], pairs: list[tuple[str, str, float]]) -> dict[str, tuple[float, float]]:
    """Return places between -1 and 1: linked numbers attract each other, all repel (Fruchterman and Reingold, 1991).

    Sixty dots take numpy five milliseconds; importing a library of graphs takes a hundred.
    """
    count = len(numbers)
    position = {number: nth for nth, number in enumerate(numbers)}
    pull = np.zeros((count, count))
    for a, b, strength in pairs:
        pull[position[a], position[b]] = pull[position[b], position[a]] = strength
    turn = np.arange(count) * 2.4  # The golden angle: a start without two dots in one place.
    at = np.sqrt((np.arange(count) + 0.5) / count)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ideal = (4 / count) ** 0.5
    for step in np.linspace(0.2, 0.003, _ROUNDS):
        apart = at[:, None] - at[None]
        distance = np.maximum(np.hypot(apart[..., 0], apart[..., 1]), 0.01)
        moves = (apart * (ideal**2 / distance**2 - pull * distance / ideal)[..., None]).sum(axis=1)
        length = np.maximum(np.hypot(moves[:, 0], moves[:, 1]), 0.01)
        at = at + moves * (step / length)[:, None]
    at = at - (at.max(axis=0) + at.min(axis=0)) / 2
    at = at / max(float(np.abs(at).max()), 1e-9)
    return {number: (float(x), float(y)) for number, (x, y) in zip(numbers, at, strict=True)}


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
