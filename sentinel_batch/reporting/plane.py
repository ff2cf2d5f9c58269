"""Points and bars on a plane, as geometry that a template draws: no script, no text that shrinks with the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from sentinel_batch.schema import SEVERITIES
from sentinel_batch.severity import severity_rank

WIDTH, HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 24, 22, 44
_DURATIONS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
_DESTINATIONS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000)
_LADDER = (("LOW", 50, 3.0), ("MEDIUM", 75, 3.0), ("MEDIUM", 50, 1.0), ("HIGH", 100, 2.0), ("CRITICAL", 200, 1.5))
"""Zones of SDHF_001 as shipped: more destinations than, shorter than (seconds); a later one covers an earlier."""

_SIGNS = {
    "CRITICAL": "m{x} {y}m0 -5.5 5 5.5 -5 5.5 -5 -5.5z",
    "HIGH": "m{x} {y}m0 -5 5 9 -10 0z",
    "MEDIUM": "m{x} {y}m-4 -4 8 0 0 8 -8 0z",
    "LOW": "m{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "": "m{x} {y}m-3 -3 6 6m0 -6 -6 6",
}


class _Axis:
    """A logarithmic axis that has a zero: ``log(1 + value)``."""

    def __init__(self, highest: float, begin: float, end: float) -> None:
        self.highest, self.begin, self.end = highest, begin, end

    def place(self, value: float) -> float:
        share = math.log1p(min(max(value, 0.0), self.highest)) / math.log1p(self.highest)
        return round(self.begin + share * (self.end - self.begin), 1)

    def tick(self, values: Sequence[int]) -> list[dict[str, Any]]:
        return [{"at": self.place(value), "text": f"{value:,}"} for value in values if value <= self.highest]


def draw_scatter(points: pl.DataFrame) -> dict[str, Any]:
    """Place callers by unique destinations and average duration, over the severity zones of SDHF_001.

    Parameters
    ----------
    points
        ``suspect_number``, ``alert_severity`` (NULL: no alert), ``unique_destinations``, ``avg_duration_seconds``.

    Returns
    -------
    dict
        ``zones``, ``edge``, ``points``, ticks and titles of both axes, as ``figures.html.j2`` draws them.
    """
    across = _Axis(max([400.0, *(1.1 * v for v in points["unique_destinations"].to_list())]), _LEFT, WIDTH - _RIGHT)
    up = _Axis(max([10.0, *(1.1 * v for v in points["avg_duration_seconds"].to_list())]), HEIGHT - _BOTTOM, _TOP)
    right, floor = across.end, up.begin
    zones = [
        {
            "kind": kind, "x": across.place(more), "y": up.place(under),
            "width": round(right - across.place(more), 1), "height": round(floor - up.place(under), 1),
        }
        for kind, more, under in _LADDER
    ]  # fmt: skip
    left, top = across.place(50), up.place(3)
    # The worst are drawn last, on top.
    ordered = points.sort(severity_rank(), "unique_destinations", "suspect_number", nulls_last=False)
    return {
        "width": WIDTH, "height": HEIGHT, "zones": zones, "edge": f"M{left} {floor}V{top}H{right}",
        "edge_text": {"x": right, "y": top - 4, "text": "more than 50, under 3 s"},
        "across": {"ticks": across.tick(_DESTINATIONS), "title": "Unique destinations"},
        "up": {"ticks": up.tick(_DURATIONS), "title": "Average duration (s)"},
        "points": [_draw_point(row, across, up) for row in ordered.iter_rows(named=True)],
        "left": _LEFT, "right": right, "top": _TOP, "floor": floor,
    }  # fmt: skip


def _draw_point(row: dict[str, Any], across: _Axis, up: _Axis) -> dict[str, str]:
    kind = row["alert_severity"] if row["alert_severity"] in SEVERITIES else ""
    x, y = across.place(row["unique_destinations"]), up.place(row["avg_duration_seconds"])
    figures = f"{row['unique_destinations']:,} destinations, {row['avg_duration_seconds']:,.2f} s"
    return {
        "kind": kind or "other",
        "shape": _SIGNS[kind].format(x=x, y=y).replace("m", "M", 1),
        "title": f"{row['suspect_number']}, {kind or 'no alert'}: {figures}",
    }


def draw_bars(counts: pl.DataFrame, kinds: Sequence[str], title: str, unit: str) -> dict[str, Any]:
    """Stack bars over a range from 0 to 1.

    Parameters
    ----------
    counts
        ``low``, ``high`` (ends of the bar), ``label`` (one of ``kinds``, or another) and ``recordings``.
    kinds
        From the bottom up.
    title, unit
        Of the range, and of what is counted.
    """
    most = max([1, *counts.group_by("low").agg(pl.col("recordings").sum())["recordings"].to_list()])
    right, floor = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    wide, high = right - _LEFT, floor - _TOP
    order = pl.col("label").replace_strict({kind: nth for nth, kind in enumerate(kinds)}, default=len(kinds))
    stacked: dict[float, int] = {}
    bars: list[dict[str, Any]] = []
    for row in counts.sort("low", order).iter_rows(named=True):
        stacked[row["low"]] = stacked.get(row["low"], 0) + row["recordings"]
        bars.append({
            "kind": row["label"] if row["label"] in kinds else "other",
            "x": round(_LEFT + row["low"] * wide + 0.5, 1), "width": round((row["high"] - row["low"]) * wide - 1, 1),
            "y": round(floor - stacked[row["low"]] / most * high, 1),
            "height": round(row["recordings"] / most * high, 1),
            "title": f"{row['low']:.2f} to {row['high']:.2f}, {row['label'] or 'no label'}: {row['recordings']:,}",
        })  # fmt: skip
    step = max(1, -(-most // 4))
    return {
        "width": WIDTH, "height": HEIGHT, "bars": bars, "left": _LEFT, "right": right, "top": _TOP, "floor": floor,
        "across": {"ticks": [{"at": _LEFT + wide * n / 5, "text": f"{n / 5:.1f}"} for n in range(6)], "title": title},
        "up": {
            "ticks": [{"at": round(floor - n / most * high, 1), "text": f"{n:,}"} for n in range(0, most + 1, step)],
            "title": unit,
        },
    }  # fmt: skip
