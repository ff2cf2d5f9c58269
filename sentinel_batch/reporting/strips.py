"""Rows of marks over time, darker with more calls: what a heat map and a timeline are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEVELS = 5
"""Shades; the eye tells no more apart."""


@dataclass(frozen=True)
class Strip:
    """One row.

    Parameters
    ----------
    label
        What it is about.
    slots
        Place on the axis, calls (0: examined, and nobody called) and the time in words.
    total
        Stands at the row's end.
    severity
        Colours the row, if it has one.
    """

    label: str
    slots: Sequence[tuple[int, int, str]]
    total: str
    severity: str | None = None


def draw_strips(head: str, total: str, length: int, ends: Sequence[str], rows: Sequence[Strip]) -> dict[str, Any]:
    """Return rows over one axis, as ``figures.html.j2`` draws them.

    Parameters
    ----------
    head, total
        Titles of the first and the last column.
    length
        Slots of the axis.
    ends
        What stands along the axis, evenly.
    rows
        The rows; the busiest slot of all is the strongest.
    """
    most = max((calls for row in rows for _, calls, _ in row.slots), default=0)
    return {
        "head": head, "total": total, "length": length, "ends": list(ends),
        "rows": [
            {
                "label": row.label, "severity": row.severity, "total": row.total,
                "marks": [
                    {"x": x, "level": -(-LEVELS * calls // most) if calls else 0, "title": f"{when}: {calls:,}"}
                    for x, calls, when in row.slots
                ],
            }
            for row in rows
        ],
    }  # fmt: skip
