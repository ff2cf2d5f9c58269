"""A night's search for boxes, kept: boxes that are known go on under their ids, SIMs join and leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sentinel_batch.boxes.continuation import Continuation, Marks, continue_boxes
from sentinel_batch.boxes.finding import Moment, choose_days, search
from sentinel_batch.boxes.result import Boxes, find_nothing
from sentinel_batch.boxes.storage import MERGED, STANDING, commit_boxes, current_rows
from sentinel_batch.boxes.traces import read_traces, trace_days
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.history import Row
from sentinel_batch.lake import Snapshot
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import BOX_MEMBERS, BOXES
from sentinel_batch.window import now

_OF_TONIGHT = ("updated_at", "run_id", "content_id")
_ADDED_UP = ("call_count", "minutes", "callees", "one_way_callees", "incoming_calls")


@dataclass
class BoxChanges:
    """What became of the boxes of a night.

    Parameters
    ----------
    run_id
        The run that searched.
    found
        What was found in its window; ``found.boxes`` counts from 1, and ``ids`` tells which box each is.
    ids
        Id of each found box, in the order of ``found.boxes``.
    boxes
        Rows of ``boxes`` of those that were found, in the same order.
    members
        Box id to the numbers of its members, those that are quiet now included.
    created, updated, unchanged, merged
        Ids of boxes.
    """

    run_id: str
    found: Boxes
    ids: list[int] = field(default_factory=list)
    boxes: list[Row] = field(default_factory=list)
    members: dict[int, list[str]] = field(default_factory=dict)
    created: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the number of boxes in each class."""
        return {name: len(getattr(self, name)) for name in ("created", "updated", "unchanged", "merged")}


def record_boxes(
    lake: DeskLike = None, *, config: ConfigLike = None, until: Moment = None, run_id: str | None = None
) -> BoxChanges:
    """Find boxes and keep them: known ones go on, new ones are opened; repeating it changes nothing.

    Days that were not traced yet are traced first, and stay: a night reads the calls of its new day only.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    until
        The window ends with the local day of this instant; None is the newest call.
    run_id
        A run under way that this belongs to; None records a run of its own.

    Raises
    ------
    LakeLockedError
        If another process holds the lock for longer than the setting ``lock_timeout``.
    """
    desk = open_desk(lake, config)
    with desk.lake.lock(desk.config.lock_timeout):
        if run_id is not None:
            return _record(desk, until, run_id)
        facts = {"callees": desk.config.box_callees, "days": desk.config.box_days}
        with recorded_run(desk.lake, "boxes", facts) as run:
            changes = _record(desk, until, run.run_id)
            run.counts = {"candidates": changes.found.candidates, **changes.counts()}
            return changes


def _record(desk: Desk, until: Moment, run_id: str) -> BoxChanges:
    if desk.lake.snapshot().newest_call is None:
        return BoxChanges(run_id, find_nothing("The lake holds no calls."))
    days = choose_days(desk, None, until)
    trace_days(desk, days, run_id)
    snapshot = desk.snapshot()
    found = search(snapshot, days, read_traces(snapshot, days))
    writer = _Writer(snapshot.tables, found, run_id)
    for place, continuation in enumerate(continue_boxes(writer.groups, writer.standing)):
        writer.add(place, continuation)
    if writer.rows:
        commit_boxes(desk.lake, snapshot.tables, writer.rows, writer.members, writer.links)
    return writer.changes


class _Writer:
    """Collects the rows of one night."""

    def __init__(self, tables: Snapshot, found: Boxes, run_id: str) -> None:
        self.moment = now()
        self.changes = BoxChanges(run_id, found)
        self.found = found.boxes.to_dicts()
        self.found_members = _by_box(found.members.to_dicts(), "box")
        self.found_links = _by_box(found.links.to_dicts(), "box")
        self.groups = [_mark(self.found_members[row["box"]]) for row in self.found]
        self.elsewhere = {number: place for place, group in enumerate(self.groups) for number in group.numbers}
        self.stored = {row["box_id"]: row for row in tables.read(BOXES.name).to_dicts()}
        self.known = _by_box(current_rows(tables, BOX_MEMBERS.name).drop("content_id").to_dicts(), "box_id")
        stands = [box_id for box_id, row in self.stored.items() if row["status"] == STANDING]
        self.standing = {box_id: _mark(self.known.get(box_id, ())) for box_id in stands}
        self.next_id = max(self.stored, default=0) + 1
        self.rows: list[Row] = []
        self.members: list[Row] = []
        self.links: list[Row] = []

    def add(self, place: int, continuation: Continuation) -> None:
        """Open the box of a group, or continue it."""
        box_id = continuation.box_id
        if box_id is None:
            box_id, self.next_id = self.next_id, self.next_id + 1
        before = self.stored.get(box_id)
        members = self._members(box_id, place, continuation)
        row = self._row(box_id, before, self.found[place], members)
        links = [_rename(link, box_id) for link in self.found_links.get(self.found[place]["box"], ())]
        self.changes.ids.append(box_id)
        self.changes.boxes.append(row)
        self.changes.members[box_id] = [member["number"] for member in members]
        for other in continuation.absorbed:
            self.rows.append({**self.stored[other], "status": MERGED, "merged_into": box_id, "updated_at": self.moment})
            self.changes.merged.append(other)
        if before is not None and not continuation.absorbed and self._is_same(before, row, members):
            self.changes.unchanged.append(box_id)
            return
        (self.changes.created if before is None else self.changes.updated).append(box_id)
        self.rows.append(row)
        self.members += members
        self.links += links

    def _members(self, box_id: int, place: int, continuation: Continuation) -> list[Row]:
        today = self.found[place]
        earlier: dict[str, Row] = {}
        for old in (*reversed(continuation.absorbed), continuation.box_id):
            if old is not None:
                earlier |= {row["number"]: row for row in self.known.get(old, ())}
        # A SIM that was quiet stays in its box; one that now belongs to another box does not.
        kept = {number: row for number, row in earlier.items() if self.elsewhere.get(number, place) == place}
        for row in self.found_members[today["box"]]:
            kept[row["number"]] = self._grow(kept.get(row["number"]), row)
        return [{**kept[number], "box_id": box_id} for number in sorted(kept)]

    def _grow(self, before: Row | None, row: Row) -> Row:
        """Return a member's figures: the window slides on, and a box must not shrink because time passes."""
        grown = {**_rename(row, 0), "last_found": self.changes.found.last_day}
        if before is not None:
            grown |= {name: max(before[name], row[name]) for name in _ADDED_UP}
            grown["first_day"] = min(before["first_day"], row["first_day"])
        return grown

    def _row(self, box_id: int, before: Row | None, today: Row, members: Sequence[Row]) -> Row:
        lead = max(members, key=lambda row: (row["evidence"], row["number"]))["number"]
        return {
            "box_id": box_id,
            "status": STANDING,
            # Once chosen, the lead stays: an alert on the box is an alert on this number.
            "lead_number": before["lead_number"] if before is not None else lead,
            "member_count": len(members),
            "active_members": today["member_count"],
            **{name: today[name] for name in ("probability", "evidence", "bound", "top_cell", "why")},
            "one_way_callees": today["one_way_callees"],
            **{name: sum(row[name] for row in members) for name in _ADDED_UP if name != "one_way_callees"},
            "first_day": min(row["first_day"] for row in members),
            "last_day": max(row["last_day"] for row in members),
            "created_at": self.moment if before is None else before["created_at"],
            "updated_at": self.moment,
            "merged_into": None,
            "run_id": self.changes.run_id,
            "content_id": None,
        }

    def _is_same(self, before: Row, after: Row, members: Sequence[Row]) -> bool:
        same = all(before[name] == value for name, value in after.items() if name not in _OF_TONIGHT)
        return same and sorted(self.known[after["box_id"]], key=lambda row: row["number"]) == list(members)


def _mark(members: Sequence[Row]) -> Marks:
    handsets = {row["top_handset"] for row in members} - {None}
    return Marks(frozenset(row["number"] for row in members), frozenset(handsets))


def _by_box(rows: Sequence[Row], key: str) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row[key], []).append(row)
    return grouped


def _rename(row: Row, box_id: int) -> Row:
    return {"box_id": box_id, **{name: value for name, value in row.items() if name != "box"}}
