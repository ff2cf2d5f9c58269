"""Which group is which case: groups of tonight against the cases of earlier nights. Plain data, nothing stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

STATUSES = ("unseen", "open", "watch", "confirmed", "closed", "merged")
"""Every status of a case: new; somebody's; seen and undecided; fraud, being dealt with; done; part of another."""

OPEN_STATUSES = ("unseen", "open", "watch", "confirmed")
"""Statuses of cases that still grow."""


@dataclass(frozen=True)
class Match:
    """What a group becomes.

    Parameters
    ----------
    members
        The group and the members of the cases that it takes over, but for those of other groups, sorted.
    case_id
        The oldest open case that this group has most of; None for a new case.
    absorbed
        Other such cases: they are merged into the first.
    """

    members: tuple[str, ...]
    case_id: int | None
    absorbed: tuple[int, ...]


def match_groups(groups: Iterable[Sequence[str]], open_cases: Mapping[int, Iterable[str]]) -> list[Match]:
    """Match groups to open cases by the members that they share.

    A case that several groups share stays with the group that has most of its members; the others are new cases.

    Parameters
    ----------
    groups
        Members of each group; no two groups share one.
    open_cases
        Case id to its members, of the cases that are not closed or merged.
    """
    members = {case_id: set(numbers) for case_id, numbers in open_cases.items()}
    ordered = [tuple(sorted(group)) for group in groups]
    place_of = {number: place for place, group in enumerate(ordered) for number in group}
    taken: dict[int, int] = {}
    for case_id, numbers in members.items():
        shared = Counter(place_of[number] for number in numbers if number in place_of)
        if shared:
            # Most shared members first; the place breaks ties, so that a night can be repeated with the same result.
            taken[case_id] = min(shared, key=lambda place: (-shared[place], place))
    found = []
    for place, group in enumerate(ordered):
        # Ids count up, so the smallest is the oldest, which people know by its number.
        mine = sorted(case_id for case_id, owner_place in taken.items() if owner_place == place)
        # A member that was quiet tonight stays in its case; one that moved to another group does not.
        kept = {number for case_id in mine for number in members[case_id] if place_of.get(number, place) == place}
        found.append(Match(tuple(sorted(kept.union(group))), mine[0] if mine else None, tuple(mine[1:])))
    return found
