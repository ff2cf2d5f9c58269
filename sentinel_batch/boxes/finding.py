"""Finding boxes: candidates of the window, what ties them, groups, and what there is to say about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from sentinel_batch.boxes.candidates import Candidates
from sentinel_batch.boxes.communities import FEWEST_MEMBERS, Group
from sentinel_batch.boxes.conduct import doubt_group
from sentinel_batch.boxes.explanation import KINDS, Words, read_uses
from sentinel_batch.boxes.likelihood import FALSE_GROUPS
from sentinel_batch.boxes.linking import Comparison, Links, find_groups
from sentinel_batch.boxes.pairs import Pairs
from sentinel_batch.boxes.result import BOX_COLUMNS, CROWD_COLUMNS, LINK_COLUMNS, MEMBER_COLUMNS, Boxes, find_nothing
from sentinel_batch.boxes.selection import choose_candidates
from sentinel_batch.boxes.traces import count_needed, read_traces
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.history import Row
from sentinel_batch.window import resolve_period

ONE_WAY_SHARE = 0.6
"""Least share of a candidate's callees that never called it; half of a busy subscriber's do within a fortnight."""

LONGEST = 28
"""Days that a window may have: as far back as profiles know who called whom."""

SURE = 0.999
"""No group is more certain than this: the model of chance may be wrong."""

_LINKS_PER_MEMBER = 3
_SAID = 0.5

Moment = str | datetime | timedelta | None


def find_boxes(
    lake: DeskLike = None,
    *,
    config: ConfigLike = None,
    since: Moment = None,
    until: Moment = None,
    callees: int | None = None,
) -> Boxes:
    """Find SIM boxes: groups of at least three heavy one-way callers that belong together beyond chance.

    Nothing is written, no alert and no label is read. Every caller with enough callees who never called it is compared
    with every other; calls between such callers count neither as calls back nor as incoming. Common callees, site,
    handset, numbers bought together, lives, hours and manner of calling each give an e-value, whose logarithms add up;
    a group is a box if a tree of links holds it together by more than chance could among all groups of all sizes, in
    95 of 100 lakes (:func:`~sentinel_batch.boxes.likelihood.bound_tree`). See ``docs/boxes.md``.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    since, until
        The window; whole local days that overlap it are looked at, at most 28. By default the last days up to the
        newest call, as many as the setting ``box_days`` says.
    callees
        A candidate has at least so many callees who never called it, in a window of ``box_days`` (in a younger lake
        fewer in proportion, but ten); None takes the setting ``box_callees``.

    Raises
    ------
    UsageError
        If the window is empty or too long, or ``callees`` is less than 5.
    """
    desk = open_desk(lake, config).configure(box_callees=callees).snapshot()
    if desk.tables.newest_call is None:
        return find_nothing("The lake holds no calls.")
    days = choose_days(desk, since, until)
    traces = read_traces(desk, days)
    return _miss_calls(desk, days) if traces.is_empty() else search(desk, days, traces)


def _miss_calls(desk: Desk, days: Sequence[date]) -> Boxes:
    """Return nothing, and say where the calls are."""
    bounds, zone = desk.tables.bounds(), ZoneInfo(desk.config.timezone)
    held = "none" if bounds is None else " to ".join(str(moment.astimezone(zone).date()) for moment in bounds)
    nothing = find_nothing(f"There are no calls from {days[0]} to {days[-1]}; those of the lake are from {held}.")
    return replace(nothing, first_day=days[0], last_day=days[-1])


def choose_days(desk: Desk, since: Moment, until: Moment) -> list[date]:
    """Return the local days of a window, oldest first.

    Raises
    ------
    UsageError
        If there are none, or too many.
    """
    zone = ZoneInfo(desk.config.timezone)
    period = resolve_period(since, until, desk.tables.newest_call, timedelta(days=1))
    last = period.until.astimezone(zone).date()
    # The instant ``since`` itself is not part of the period.
    first = (period.since + timedelta(microseconds=1)).astimezone(zone).date()
    if since is None:
        first = last - timedelta(days=desk.config.box_days - 1)
    length = (last - first).days + 1
    if length > LONGEST:
        raise UsageError(f"The window has {length} days.", hint=f"Give a later since: at most {LONGEST} days.")
    return [first + timedelta(days=step) for step in range(length)]


def search(desk: Desk, days: Sequence[date], traces: pl.DataFrame) -> Boxes:
    """Return what :func:`find_boxes` does, from the traces of the window."""
    needed = count_needed(desk.config, traces["local_date"].n_unique())
    candidates = choose_candidates(traces, days, callees=needed, share=ONE_WAY_SHARE)
    if len(candidates) < FEWEST_MEMBERS:
        nothing = find_nothing(f"Only {len(candidates)} callers have {needed} callees who never called them.")
        return replace(nothing, first_day=days[0], last_day=days[-1], candidates=len(candidates))
    comparison = Comparison(candidates)
    found = _Description(candidates, comparison, traces, find_groups(candidates, comparison))
    return Boxes(
        days[0],
        days[-1],
        len(candidates),
        pl.DataFrame(found.boxes, schema=BOX_COLUMNS),
        pl.DataFrame(found.members, schema=MEMBER_COLUMNS),
        pl.DataFrame(found.links, schema=LINK_COLUMNS),
        pl.DataFrame(found.crowds, schema=CROWD_COLUMNS),
        _notice(candidates, traces),
    )


def _notice(candidates: Candidates, traces: pl.DataFrame) -> tuple[str, ...]:
    notices = []
    kinds = set(traces["kind"].unique())
    if "handset" not in kinds:
        notices.append("No call has an IMEI: handsets were not compared.")
    if "cell" not in kinds:
        notices.append("No call has a cell: sites were not compared.")
    seen = traces["local_date"].n_unique()
    if 0 < seen < len(candidates.days):
        notices.append(f"{len(candidates.days) - seen} of {len(candidates.days)} days of the window have no calls.")
    return tuple(notices)


class _Description:
    """Rows about groups: boxes, their members and links, and crowds."""

    def __init__(
        self, candidates: Candidates, comparison: Comparison, traces: pl.DataFrame, groups: Sequence[Group]
    ) -> None:
        self.candidates = candidates
        self.comparison = comparison
        self.numbers = candidates.numbers
        self.figures = candidates.figures.to_dicts()
        ordered = sorted(groups, key=lambda group: (group.bound - group.evidence, group.members))
        named = [self.numbers[member] for group in ordered for member in group.members]
        self.uses = read_uses(traces, named)
        self.words = Words(candidates, comparison.common, self.uses)
        self.boxes: list[Row] = []
        self.members: list[Row] = []
        self.links: list[Row] = []
        self.crowds: list[Row] = []
        for group in ordered:
            self._add(group)

    def _add(self, group: Group) -> None:
        places = np.array(group.members, dtype=np.int64)
        a, b = np.triu_indices(len(places), k=1)
        links = self.comparison.weigh(Pairs(places[a], places[b]))
        doubt = doubt_group(self.candidates, group.members)
        if doubt is None:
            self._add_box(len(self.boxes) + 1, group, links)
            return
        facts = {"evidence": round(group.evidence, 3), "bound": round(group.bound, 3), "why": _sum_up(links)}
        numbers = [self.numbers[place] for place in group.members]
        self.crowds.append({"member_count": len(numbers), "numbers": numbers, "doubt": doubt, **facts})

    def _add_box(self, number: int, group: Group, links: Links) -> None:
        best = {
            place: float(links.total[(links.pairs.a == place) | (links.pairs.b == place)].max())
            for place in group.members
        }
        members = [self._member(number, place, best[place]) for place in group.members]
        self.members += members
        self.links += self._describe_links(number, links)
        self.boxes.append(self._box(number, group, members, links))

    def _member(self, number: int, place: int, evidence: float) -> Row:
        row = self.figures[place]
        name = row["number"]
        cells = list(self.uses.cells[name].values())
        handsets = self.uses.handsets[name]
        same = ("callees", "one_way_callees", "incoming_calls", "first_day", "last_day")
        return {
            "box": number,
            "number": name,
            "evidence": round(evidence, 3),
            "call_count": row["calls"],
            "minutes": round(row["minutes"], 3),
            **{key: row[key] for key in same},
            "top_cell": max(sorted(set(cells)), key=cells.count) if cells else None,
            "top_handset": handsets[0] if handsets else None,
        }

    def _box(self, number: int, group: Group, members: Sequence[Row], links: Links) -> Row:
        places = list(group.members)
        # Callees of the members together: one whom three SIMs called counts once.
        one_way = int(self.candidates.callees[places].sum(axis=0).astype(bool).sum())
        cells = [row["top_cell"] for row in members if row["top_cell"]]
        return {
            "box": number,
            "member_count": len(members),
            "probability": round(min(SURE, 1 - FALSE_GROUPS * math.exp(group.bound - group.evidence)), 4),
            "evidence": round(group.evidence, 3),
            "bound": round(group.bound, 3),
            "call_count": sum(row["call_count"] for row in members),
            "minutes": round(sum(row["minutes"] for row in members), 3),
            "callees": sum(row["callees"] for row in members),
            "one_way_callees": one_way,
            "incoming_calls": sum(row["incoming_calls"] for row in members),
            "first_day": min(row["first_day"] for row in members),
            "last_day": max(row["last_day"] for row in members),
            "top_cell": max(sorted(set(cells)), key=cells.count) if cells else None,
            "why": _sum_up(links),
        }

    def _describe_links(self, number: int, links: Links) -> list[Row]:
        """Return the strongest links of each member, the strongest first, each with the evidence that counts."""
        rank = np.argsort(-links.total, kind="stable")
        shown: dict[int, int] = {}
        chosen = []
        for place in rank.tolist():
            ends = (int(links.pairs.a[place]), int(links.pairs.b[place]))
            if any(shown.get(end, 0) < _LINKS_PER_MEMBER for end in ends):
                chosen.append(place)
                for end in ends:
                    shown[end] = shown.get(end, 0) + 1
        self.words.prepare(links.pairs.choose(np.array(chosen, dtype=np.int64)))
        return [row for place in chosen for row in self._describe_link(number, links, place)]

    def _describe_link(self, number: int, links: Links, place: int) -> list[Row]:
        pair = links.pairs.choose(np.array([place]))
        ends = {"number_a": self.numbers[int(pair.a[0])], "number_b": self.numbers[int(pair.b[0])]}
        said = [(float(links.evidence[row, place]), kind) for row, kind in enumerate(links.kinds)]
        return [
            {"box": number, **ends, "kind": kind, "evidence": round(nats, 3), "words": self.words.describe(kind, pair)}
            for nats, kind in sorted(said, reverse=True)
            if abs(nats) >= _SAID
        ]


def _sum_up(links: Links) -> str:
    """Name the kinds of evidence that tie the pairs of a box, the weightiest first, with their mean."""
    means = links.evidence.mean(axis=1)
    said: list[tuple[Any, str]] = sorted(((-mean, KINDS[kind]) for mean, kind in zip(means, links.kinds, strict=True)))
    return ", ".join(f"{name} ({-mean:+.1f})" for mean, name in said if -mean >= _SAID)
