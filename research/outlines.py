"""Outlines of countries for the report's map, from Natural Earth by way of the npm package world-atlas.

``python -m research.outlines countries-50m.json sentinel_batch/reporting/outlines.json``: borders that two countries
share are simplified once, so that they still fit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 0.05
"""Degrees that a simplified line may be off: 5 km."""

SMALLEST = 0.05
"""Square degrees; islands smaller than that are left out where a country has a larger part."""


def main() -> None:
    """Read a TopoJSON file and write the outlines."""
    source, target = map(Path, sys.argv[1:3])
    target.write_text(json.dumps(make_outlines(json.loads(source.read_text("utf-8"))), separators=(",", ":")), "utf-8")


def make_outlines(topology: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ``name`` and ``rings`` of each country, in hundredths of a degree: longitude and latitude, then steps."""
    arcs = [_simplify(_decode(arc, topology["transform"])) for arc in topology["arcs"]]
    countries = []
    for shape in topology["objects"]["countries"]["geometries"]:
        parts = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        rings = [_join(ring, arcs) for part in parts for ring in part]
        large = [ring for ring in rings if _area(ring) >= SMALLEST]
        kept = large or sorted(rings, key=_area)[-1:]
        flat = [np.diff(np.rint(ring * 100).astype(int), axis=0, prepend=0).ravel().tolist() for ring in kept]
        countries.append({"name": shape["properties"]["name"], "rings": flat})
    return sorted(countries, key=lambda country: str(country["name"]))


def _decode(arc: list[list[int]], transform: dict[str, list[float]]) -> np.ndarray[Any, Any]:
    points = np.cumsum(np.array(arc, dtype=float), axis=0)
    return np.asarray(points * transform["scale"] + transform["translate"])


def _simplify(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Leave out points that lie near the line between those that stay (Douglas and Peucker)."""
    kept = np.zeros(len(points), dtype=bool)
    kept[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        off = _distances(points[first + 1 : last], points[first], points[last])
        worst = int(np.argmax(off))
        if off[worst] > TOLERANCE:
            middle = first + 1 + worst
            kept[middle] = True
            spans += [(first, middle), (middle, last)]
    return points[kept]


def _distances(points: np.ndarray[Any, Any], a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    along = b - a
    length = float(np.hypot(*along))
    if length == 0:  # An arc that closes: an island.
        return np.asarray(np.hypot(*(points - a).T))
    away = points - a
    return np.asarray(np.abs(along[0] * away[:, 1] - along[1] * away[:, 0]) / length)


def _join(ring: list[int], arcs: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    pieces = [arcs[arc] if arc >= 0 else arcs[~arc][::-1] for arc in ring]
    return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])


def _area(ring: np.ndarray[Any, Any]) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2)


if __name__ == "__main__":
    main()
