"""Which group is which box: groups of tonight against the boxes of earlier nights. Plain data, nothing stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Marks:
    """What a box is known by again.

    Parameters
    ----------
    numbers
        Its SIMs.
    handsets
        What carried them (14 digits of the IMEI).
    """

    numbers: frozenset[str]
    handsets: frozenset[str] = frozenset()

    def share(self, other: Marks) -> tuple[int, int]:
        """Return how many numbers and how many handsets two have in common."""
        return len(self.numbers & other.numbers), len(self.handsets & other.handsets)


@dataclass(frozen=True)
class Continuation:
    """What a group of tonight becomes.

    Parameters
    ----------
    box_id
        The oldest standing box that is most like this group; None for a new one.
    absorbed
        Other boxes that are: they are merged into the first.
    """

    box_id: int | None
    absorbed: tuple[int, ...] = ()


def continue_boxes(groups: Sequence[Marks], boxes: Mapping[int, Marks]) -> list[Continuation]:
    """Match groups to standing boxes, by the SIMs that they share, else by two handsets or more.

    A box goes on in the group that shares most of its SIMs with it; a bank that changed all its SIMs is known by its
    handsets. SIMs count before handsets, and the first of equal groups wins, so that a night can be repeated.

    Parameters
    ----------
    groups
        What was found, in a fixed order.
    boxes
        Id to marks, of the boxes that stand.
    """
    heirs: dict[int, list[int]] = {}
    for box_id, marks in sorted(boxes.items()):
        shares = [group.share(marks) for group in groups]
        best = max(shares, default=(0, 0))
        # One handset in common may be sold second-hand; two are the gateway.
        if best[0] or best[1] > 1:
            heirs.setdefault(shares.index(best), []).append(box_id)
    return [
        Continuation(heirs[place][0], tuple(heirs[place][1:])) if place in heirs else Continuation(None)
        for place in range(len(groups))
    ]
