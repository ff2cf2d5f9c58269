"""Where suspects call from, on a map of outlines that the package carries: nothing comes from the network."""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Any

import polars as pl

from sentinel_batch.severity import severity_rank

WIDTH = 560
HEIGHTS = (240, 460)
NAMED = 12
"""Places whose name stands on the map, those with most alerts, as far as names do not lie on each other."""

_MARGIN = 0.18
_SMALLEST = 1.2
"""Degrees that the map shows at least in either direction."""

_LARGEST_MARK = 22.0


def draw_map(places: pl.DataFrame, boxes: pl.DataFrame) -> dict[str, Any] | None:
    """Draw places, larger with more alerts, and boxes.

    Parameters
    ----------
    places
        ``name, latitude, longitude, alerts, suspects, severity`` (the worst).
    boxes
        ``box_id, members, latitude, longitude``.

    Returns
    -------
    dict
        ``width, height``; ``land`` (``name, shape``); ``places`` (``x, y, size, severity, title, name``); ``boxes``
        (``x, y, box_id, title``). None without places and boxes.
    """
    spots = pl.concat([frame.select("latitude", "longitude") for frame in (places, boxes)]).unique()
    if spots.is_empty():
        return None
    view = _View(spots["longitude"].to_list(), spots["latitude"].to_list())
    return {
        "width": WIDTH, "height": view.height, "land": view.draw_land(),
        "places": _draw_places(places, view), "boxes": _draw_boxes(boxes, view),
    }  # fmt: skip


class _View:
    """A part of the world, degrees to points: a degree of longitude is as long as in the middle of the picture."""

    def __init__(self, longitudes: list[float], latitudes: list[float]) -> None:
        middle = (min(latitudes) + max(latitudes)) / 2
        self.squeeze = max(math.cos(math.radians(middle)), 0.1)
        wide = max((max(longitudes) - min(longitudes)) * self.squeeze, _SMALLEST) * (1 + 2 * _MARGIN)
        high = max(max(latitudes) - min(latitudes), _SMALLEST) * (1 + 2 * _MARGIN)
        self.height = round(min(max(WIDTH * high / wide, HEIGHTS[0]), HEIGHTS[1]))
        self.scale = min(WIDTH / wide, self.height / high)
        self.west = (min(longitudes) + max(longitudes)) / 2 - WIDTH / self.scale / self.squeeze / 2
        self.north = middle + self.height / self.scale / 2

    def place(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return where a place is in the picture."""
        x = (longitude - self.west) * self.squeeze * self.scale
        return round(x, 1), round((self.north - latitude) * self.scale, 1)

    def draw_land(self) -> list[dict[str, str]]:
        """Return the countries of which some part is in the picture."""
        drawn = []
        for country in _read_outlines():
            shapes = [shape for ring in country["rings"] if (shape := self._draw_ring(ring))]
            if shapes:
                drawn.append({"name": country["name"], "shape": "".join(shapes)})
        return drawn

    def _draw_ring(self, steps: list[int]) -> str:
        east, north = list(accumulate(steps[::2])), list(accumulate(steps[1::2]))
        left, bottom = self.place(min(east) / 100, min(north) / 100)
        right, top = self.place(max(east) / 100, max(north) / 100)
        if right < 0 or left > WIDTH or bottom < 0 or top > self.height:
            return ""
        points = [self.place(x / 100, y / 100) for x, y in zip(east, north, strict=True)]
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) + "Z"


@cache
def _read_outlines() -> list[dict[str, Any]]:
    text = files("sentinel_batch.reporting").joinpath("outlines.json").read_text(encoding="utf-8")
    countries: list[dict[str, Any]] = json.loads(text)
    return countries


def _draw_places(places: pl.DataFrame, view: _View) -> list[dict[str, Any]]:
    most = max([1, *places["alerts"].to_list()])
    ordered = places.sort("alerts", severity_rank("severity"), "name", descending=[True, True, False])
    drawn: list[dict[str, Any]] = []
    named: list[tuple[float, float]] = []
    for row in ordered.iter_rows(named=True):
        x, y = view.place(row["longitude"], row["latitude"])
        free = len(named) < NAMED and all(abs(x - a) > 60 or abs(y - b) > 14 for a, b in named)
        named += [(x, y)] if free else []
        drawn.append({
            "x": x, "y": y, "size": round(max(_LARGEST_MARK * math.sqrt(row["alerts"] / most), 3), 1),
            "severity": row["severity"], "name": row["name"] if free else "",
            "title": _tell_place(row),
        })  # fmt: skip
    return drawn


def _tell_place(row: dict[str, Any]) -> str:
    return f"{row['name']}: {row['alerts']:,} alerts of {row['suspects']:,} suspects, {row['severity']} at worst"


def _draw_boxes(boxes: pl.DataFrame, view: _View) -> list[dict[str, Any]]:
    """Return the boxes; those in one place stand side by side."""
    taken: dict[tuple[float, float], int] = {}
    drawn = []
    for row in boxes.iter_rows(named=True):
        x, y = view.place(row["longitude"], row["latitude"])
        nth = taken[x, y] = taken.get((x, y), -1) + 1
        title = f"Box {row['box_id']}: {row['members']:,} SIMs"
        drawn.append({"x": round(x + 13 * nth, 1), "y": y, "box_id": row["box_id"], "title": title})
    return drawn
