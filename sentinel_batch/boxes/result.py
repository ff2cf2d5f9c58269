"""What a search for boxes found: boxes, members, and what ties them, in words and in nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from sentinel_batch.errors import UsageError

Columns = dict[str, type[pl.DataType] | pl.DataType]

BOX_COLUMNS: Columns = {
    "box": pl.Int64,
    "member_count": pl.Int64,
    "probability": pl.Float64,
    "evidence": pl.Float64,
    "bound": pl.Float64,
    "call_count": pl.Int64,
    "minutes": pl.Float64,
    "callees": pl.Int64,
    "one_way_callees": pl.Int64,
    "incoming_calls": pl.Int64,
    "first_day": pl.Date,
    "last_day": pl.Date,
    "top_cell": pl.String,
    "why": pl.String,
}

CROWD_COLUMNS: Columns = {
    "member_count": pl.Int64,
    "numbers": pl.List(pl.String),
    "doubt": pl.String,
    "evidence": pl.Float64,
    "bound": pl.Float64,
    "why": pl.String,
}

MEMBER_COLUMNS: Columns = {
    "box": pl.Int64,
    "number": pl.String,
    "evidence": pl.Float64,
    "call_count": pl.Int64,
    "minutes": pl.Float64,
    "callees": pl.Int64,
    "one_way_callees": pl.Int64,
    "incoming_calls": pl.Int64,
    "first_day": pl.Date,
    "last_day": pl.Date,
    "top_cell": pl.String,
    "top_handset": pl.String,
}

LINK_COLUMNS: Columns = {
    "box": pl.Int64,
    "number_a": pl.String,
    "number_b": pl.String,
    "kind": pl.String,
    "evidence": pl.Float64,
    "words": pl.String,
}


@dataclass(frozen=True)
class Boxes:
    """Groups of callers that belong together beyond chance, in one window.

    Parameters
    ----------
    first_day, last_day
        The window: local days, both included; None for a lake without calls.
    candidates
        How many callers were compared with each other.
    boxes
        One row per box, the most evidence first: ``box`` (from 1), ``member_count``, ``probability`` (that it is no
        chance find), ``evidence`` (nats of the tree of links that spans it), ``bound`` (nats that chance would need),
        ``call_count``, ``minutes`` (of answered calls), ``callees``, ``one_way_callees`` (who never called back),
        ``incoming_calls``, ``first_day``, ``last_day``, ``top_cell``, ``why`` (in words).
    members
        One row per SIM: the same figures of its own, ``top_handset`` (14 digits of the IMEI), and ``evidence``, the
        nats of its strongest link; by box and number.
    links
        The strongest links of each member, one row per kind of evidence that speaks for or against it by half a nat:
        ``box``, ``number_a`` < ``number_b``, ``kind``, ``evidence`` (nats), ``words``.
    crowds
        Groups that belong together as well, but are rather honest: ``member_count``, ``numbers``, ``doubt`` (why),
        ``evidence``, ``bound`` and ``why``. They are no boxes.
    notices
        What was not there to be compared, in words.
    """

    first_day: date | None
    last_day: date | None
    candidates: int
    boxes: pl.DataFrame
    members: pl.DataFrame
    links: pl.DataFrame
    crowds: pl.DataFrame
    notices: Sequence[str] = ()

    def box(self, number: int) -> Boxes:
        """Return one box with its members and links.

        Raises
        ------
        UsageError
            If there is none of that number.
        """
        if number not in self.boxes["box"].to_list():
            raise UsageError(f"There is no box {number}.", hint=f"Found were {self.boxes.height}, counted from 1.")
        mine = pl.col("box") == number
        return replace(
            self,
            boxes=self.boxes.filter(mine),
            members=self.members.filter(mine),
            links=self.links.filter(mine),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "first_day": self.first_day,
            "last_day": self.last_day,
            "candidates": self.candidates,
            "boxes": self.boxes.to_dicts(),
            "members": self.members.to_dicts(),
            "links": self.links.to_dicts(),
            "crowds": self.crowds.to_dicts(),
            "notices": list(self.notices),
        }


def find_nothing(notice: str) -> Boxes:
    """Return that nothing was found, and why."""
    kinds = (BOX_COLUMNS, MEMBER_COLUMNS, LINK_COLUMNS, CROWD_COLUMNS)
    boxes, members, links, crowds = (pl.DataFrame(schema=columns) for columns in kinds)
    return Boxes(None, None, 0, boxes, members, links, crowds, (notice,))
