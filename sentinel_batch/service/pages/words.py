"""Values of pages as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_MEASURES = {
    "call_count": "Calls",
    "unique_destinations": "Unique destinations",
    "avg_duration_seconds": "Average duration, s",
}


def say_measure(name: str) -> str:
    """Return the name of a figure in words."""
    return _MEASURES.get(name, name.replace("_", " ").capitalize())


def say_amount(value: float | None) -> str:
    """Return an amount of money, or of anything else that nobody needs to the cent."""
    return "–" if value is None else f"{value:,.0f}"


def draw_spark(counts: Sequence[int]) -> dict[str, Any]:
    """Return bars of a small chart: ``width``, ``most``, ``bars`` of ``x, y, height``; 40 is the height of it all."""
    most = max([1, *counts])
    bars = [
        {"x": 10 * nth + 1, "y": round(39 - height, 2), "height": round(height, 2)}
        for nth, count in enumerate(counts)
        for height in [max(1.5, 38 * count / most) if count else 0.0]
    ]
    return {"width": 10 * max(1, len(counts)), "most": most, "bars": bars}
