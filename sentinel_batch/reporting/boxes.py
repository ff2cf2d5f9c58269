"""The boxes of a report: what each one is, did and cost, and its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.boxes import BoxFile, get_boxes, list_boxes
from sentinel_batch.reporting.box_picture import BoxPicture, chart_box

if TYPE_CHECKING:
    from sentinel_batch.desk import Desk
    from sentinel_batch.reporting.period import Period

BOXES_SHOWN = 12
PICTURES_SHOWN = 4
"""Boxes that have a picture, the first ones; each is some 50 kB of the page."""

CALLEES_SHOWN = 20

_BOX = (
    "box_id", "member_count", "active_members", "probability", "evidence", "bound", "call_count", "minutes", "callees",
    "one_way_callees", "incoming_calls", "first_day", "last_day", "top_cell", "why", "severity", "review",
)  # fmt: skip
_MEMBER = ("number", "evidence", "call_count", "minutes", "callees", "first_day", "last_day", "top_cell", "top_handset")


@dataclass(frozen=True)
class BoxShelf:
    """Boxes of the period.

    Parameters
    ----------
    found
        Those that are shown, by expected loss.
    total
        How many there are.
    """

    found: tuple[BoxFile, ...] = ()
    total: int = 0

    def describe(self) -> dict[str, Any]:
        """Return them as the JSON document has them."""
        return {"boxes": [describe_box(found) for found in self.found], "boxes_total": self.total}

    def draw(self) -> dict[int, BoxPicture]:
        """Return the pictures of the first boxes, by their ids."""
        return {found.box["box_id"]: chart_box(found) for found in self.found[:PICTURES_SHOWN]}


def gather_boxes(desk: Desk, period: Period | None) -> BoxShelf:
    """Read the boxes that stand and were at work in a period; None is a lake without calls.

    What they did is told of as many days as they are searched in: a box that works for a year would fill the page.
    """
    if period is None:
        return BoxShelf()
    days = pl.col("first_day") <= period.until.date(), pl.col("last_day") >= period.first_instant.date()
    rows = list_boxes(lake=desk).filter(*days)
    ids = rows["box_id"].head(BOXES_SHOWN).to_list()
    return BoxShelf(tuple(get_boxes(ids, lake=desk, newest_days=desk.config.box_days)), rows.height)


def describe_box(found: BoxFile) -> dict[str, Any]:
    """Return a box as the page and the JSON document show it."""
    return {
        **{name: found.box[name] for name in _BOX},
        "loss": found.loss,
        "currency": found.currency,
        "members": found.members.select(_MEMBER).to_dicts(),
        "days": found.days.to_dicts(),
        "common_callees": found.common_callees.head(CALLEES_SHOWN).to_dicts(),
        "common_callees_total": found.common_callees.height,
    }
