"""Values of pages as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

_MEASURES = {
    "call_count": "Calls",
    "unique_destinations": "Unique destinations",
    "avg_duration_seconds": "Average duration, s",
}
_WHAT = ("at", "actor", "event", "note")
_SAID_ANYWAY = ("status", "reviewed", "reviewer_notes")


def say_measure(name: str) -> str:
    """Return the name of a figure in words."""
    return _MEASURES.get(name, name.replace("_", " ").capitalize())


def say_amount(value: float | None) -> str:
    """Return an amount of money, or of anything else that nobody needs to the cent."""
    return "–" if value is None else f"{value:,.0f}"


def tell_changes(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a history as people read it, the newest first: one entry for what somebody did at once.

    Returns
    -------
    list of dict
        ``at, actor, event, note``, and ``changes`` (``field, before, after``) of what the words do not say anyway.
    """
    return [
        {
            **dict(zip(_WHAT, what, strict=True)),
            "changes": [row for row in rows if row["field"] and row["field"] not in _SAID_ANYWAY],
        }
        for what, rows in groupby(reversed(events), key=lambda row: tuple(row[name] for name in _WHAT))
    ]


def draw_spark(counts: Sequence[int]) -> dict[str, Any]:
    """Return bars of a small chart: ``width``, ``most``, ``bars`` of ``x, y, height``; 40 is the height of it all."""
    most = max([1, *counts])
    bars = [
        {"x": 10 * nth + 1, "y": round(39 - height, 2), "height": round(height, 2)}
        for nth, count in enumerate(counts)
        for height in [max(1.5, 38 * count / most) if count else 0.0]
    ]
    return {"width": 10 * max(1, len(counts)), "most": most, "bars": bars}
