"""Outlines: borders that are shared stay shared, islands that nobody sees go."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from research.outlines import make_outlines

TOPOLOGY: dict[str, Any] = {
    "transform": {"scale": [0.01, 0.01], "translate": [0, 0]},
    # A border with a bump of 2 km, the rest of each of two squares, and a speck of an island.
    "arcs": [
        [[100, 0], [2, 50], [-2, 50]],
        [[100, 100], [-100, 0], [0, -100], [100, 0]],
        [[100, 100], [100, 0], [0, -100], [-100, 0]],
        [[300, 0], [20, 0], [0, 20], [-20, -20]],
    ],
    "objects": {
        "countries": {
            "geometries": [
                {"type": "MultiPolygon", "arcs": [[[0, 1]], [[3]]], "properties": {"name": "West"}},
                {"type": "Polygon", "arcs": [[-1, -3]], "properties": {"name": "East"}},
                {"type": "Polygon", "arcs": [[3]], "properties": {"name": "Speck"}},
            ]
        }
    },
}


def corners(ring: list[int]) -> list[tuple[int, int]]:
    return list(zip(accumulate(ring[::2]), accumulate(ring[1::2]), strict=True))


def test_neighbours_share_a_simplified_border() -> None:
    outlines = {country["name"]: country["rings"] for country in make_outlines(TOPOLOGY)}
    assert list(outlines) == ["East", "Speck", "West"]
    [west], [east] = outlines["West"], outlines["East"]
    assert corners(west) == [(100, 0), (100, 100), (0, 100), (0, 0), (100, 0)]
    assert {(100, 0), (100, 100)} <= set(corners(east)) and (102, 50) not in corners(east)


def test_a_country_that_is_a_speck_keeps_its_largest_part() -> None:
    [speck] = next(country["rings"] for country in make_outlines(TOPOLOGY) if country["name"] == "Speck")
    assert len(corners(speck)) == 4
