"""Calls that are reported one by one: durable before they are answered, loaded into the lake together.

An event is a row of a SQLite file until the batch that it belongs to is in the lake. A batch is fixed before it is
written as a file, and loading a file again inserts nothing, so a crash at any moment neither loses nor doubles one.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from batch_base.database import Database
from sentinel_batch.service.failures import QueueFullError
from sentinel_batch.window import now

MAX_WAITING = 1_000_000
"""Events that may wait for the lake, on disk; beyond that they are refused."""

MAX_IN_FLIGHT = 20_000
"""Events that may wait for their answer, in memory."""

PATIENCE = 2.0
"""Seconds: while the oldest event has waited so long for its answer, no further ones are taken."""

BATCH = 50_000
_CHUNK = 1000
"""Rows that are changed in one transaction: new events wait for it."""

_PAUSE = 0.005
"""Seconds between two of them, in which new events are written."""

COLUMNS = (
    "call_timestamp", "caller_number", "callee_number", "duration_seconds", "call_direction", "termination_cause",
    "location_code", "imei", "imsi", "call_id",
)  # fmt: skip
_FIELDS = {"call_timestamp": "timestamp"}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    key TEXT PRIMARY KEY, event_id TEXT NOT NULL, caller TEXT NOT NULL, at TEXT NOT NULL, call TEXT NOT NULL,
    received_at TEXT NOT NULL, received_by TEXT NOT NULL, batch TEXT
);
CREATE INDEX IF NOT EXISTS events_by_caller ON events (caller, at);
CREATE INDEX IF NOT EXISTS events_by_batch ON events (batch);
CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS seen_by_time ON seen (at);
CREATE TABLE IF NOT EXISTS suspects (caller TEXT PRIMARY KEY, since INTEGER NOT NULL);
"""
_REMEMBERED = timedelta(days=1)

# One statement for a whole group: between two statements another thread may take the interpreter, and keep it.
_FIND_REPEATED = """
SELECT json_group_array(value) FROM json_each(?) AS asked
WHERE EXISTS (SELECT 1 FROM events WHERE key = asked.value) OR EXISTS (SELECT 1 FROM seen WHERE key = asked.value)
"""
_INSERT = """
INSERT INTO events (key, event_id, caller, at, call, received_by, received_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, ?2 FROM json_each(?1)
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One reported call.

    Parameters
    ----------
    key
        What makes it the same event: the id that the sender gave it, else its content.
    event_id
        What the sender is told.
    call
        Its fields, numbers as the lake keeps them, ``timestamp`` in UTC.
    by
        Name of the key that sent it.
    """

    key: str
    event_id: str
    call: Mapping[str, Any]
    by: str


@dataclass(slots=True)
class Group:
    """Events of one request, on their way.

    Parameters
    ----------
    events
        What is to be kept.
    future
        Gets the answer, in the loop of the request.
    begun
        When it was taken, on the monotonic clock.
    fresh
        Keys of those that were not there before; set once they are durable.
    """

    events: Sequence[Event]
    future: asyncio.Future[Any]
    begun: float
    fresh: set[str] = field(default_factory=set)

    def claim(self, key: str) -> bool:
        """Tell whether an event is new; said once, since the same one may stand twice in a request."""
        is_fresh = key in self.fresh
        self.fresh.discard(key)
        return is_fresh

    def fail(self, error: Exception) -> None:
        """Answer with an error; nobody may wait any more."""
        if not self.future.done():
            self.future.set_exception(error)


def make_event(call: Mapping[str, Any], by: str, given_id: str | None = None) -> Event:
    """Return a call as an event; the same call, or the same given id of one sender, is the same event."""
    text = given_id and f"{by}\0{given_id}"
    digest = hashlib.sha256((text or json.dumps(call, sort_keys=True, default=str)).encode()).hexdigest()
    return Event(digest, given_id or f"evt_{digest[:12]}", call, by)


class EventQueue:
    """Events that wait for the lake. One thread writes them, all that came meanwhile in one commit.

    Parameters
    ----------
    folder
        Of the service.
    on_stored
        Called in the loop of the requests with groups that are durable now, in their order; it answers them.
    """

    def __init__(self, folder: Path, on_stored: Callable[[list[Group]], None]) -> None:
        self._database = Database(folder / "events.db", _SCHEMA)
        self._on_stored = on_stored
        self._incoming: list[Group] = []
        self._arrived = threading.Condition()
        self._stopping = False
        self._in_flight: deque[Group] = deque()
        self._events_in_flight = 0
        self._writer = threading.Thread(target=self._write, name="events", daemon=True)
        self._counting = threading.Lock()
        self.waiting = self._count()

    def start(self) -> None:
        """Begin to take events."""
        self._writer.start()

    def stop(self) -> None:
        """Write what was taken, and end."""
        with self._arrived:
            self._stopping = True
            self._arrived.notify()
        self._writer.join()

    def submit(self, events: Sequence[Event]) -> asyncio.Future[Any]:
        """Take events; they are durable before the future is done. Call it in the loop of the requests.

        Raises
        ------
        QueueFullError
            If too many wait, or those that wait have waited for too long.
        """
        self._check_room(len(events))
        group = Group(events, asyncio.get_running_loop().create_future(), time.monotonic())
        self._in_flight.append(group)
        self._events_in_flight += len(events)
        with self._arrived:
            self._incoming.append(group)
            self._arrived.notify()
        return group.future

    def pending(self, callers: Collection[str], since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return the calls of some callers in ``(since, until]`` that may not be in the lake yet, with ``event_key``.

        The first of a caller's equal calls comes first.
        """
        rows = self._database.read(
            "SELECT events.key, call FROM json_each(?) AS asked JOIN events ON caller = asked.value"
            " WHERE at > ? AND at <= ? ORDER BY events.rowid",
            (json.dumps(sorted(callers)), _text(since), _text(until)),
        )
        return [_call(row["call"]) | {"event_key": row["key"]} for row in rows]

    def list_callers(self) -> dict[str, tuple[datetime, datetime]]:
        """Return those whose calls wait, each with the times of the earliest and of the latest one."""
        rows = self._database.read("SELECT caller, min(at) AS first, max(at) AS last FROM events GROUP BY caller")
        parse = datetime.fromisoformat
        return {row["caller"]: (parse(row["first"]), parse(row["last"])) for row in rows}

    def fix_batch(self, batch: str) -> bool:
        """Give up to :data:`BATCH` waiting events to a batch; returns whether there are any."""
        fixed, changed = 0, _CHUNK
        while changed == _CHUNK and fixed < BATCH:
            with self._database.transaction() as connection:
                changed = connection.execute(
                    "UPDATE events SET batch = ? WHERE key IN"
                    " (SELECT key FROM events WHERE batch IS NULL ORDER BY rowid LIMIT ?)",
                    (batch, min(_CHUNK, BATCH - fixed)),
                ).rowcount
            fixed += changed
            time.sleep(_PAUSE)
        return fixed > 0

    def list_batches(self) -> list[str]:
        """Return the batches that are fixed and not yet in the lake."""
        rows = self._database.read("SELECT DISTINCT batch FROM events WHERE batch IS NOT NULL ORDER BY batch")
        return [row["batch"] for row in rows]

    def write_batch(self, batch: str, file: Path) -> None:
        """Write the events of a batch as a file that the lake takes; the same batch is the same file."""
        # SQLite takes the calls apart: it lets the interpreter answer events meanwhile.
        fields = ", ".join(f"call ->> '$.{_FIELDS.get(name, name)}'" for name in COLUMNS)
        rows = self._database.read(f"SELECT {fields} FROM events WHERE batch = ? ORDER BY key", (batch,))
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            for begin in range(0, len(rows), _CHUNK):
                writer.writerows(rows[begin : begin + _CHUNK])

    def read_batch(self, batch: str) -> list[dict[str, Any]]:
        """Return ``caller``, ``callee``, ``at`` and ``key`` of the events of a batch."""
        rows = self._database.read(
            "SELECT caller, call ->> '$.callee_number' AS callee, at, key FROM events WHERE batch = ?", (batch,)
        )
        return [{**row, "at": datetime.fromisoformat(row["at"])} for row in map(dict, rows)]

    def forget_batch(self, batch: str, list_suspects: Callable[[], Mapping[str, int]] = dict) -> None:
        """Remove the events of a batch that is in the lake; that they were there is remembered for a day.

        Parameters
        ----------
        batch
            Its name.
        list_suspects
            Returns the callers that have still to be examined, with the moment (microseconds) at which they became
            suspect: without their events, a service that starts anew would not know of them.
        """
        moment, removed = now(), _CHUNK
        while removed == _CHUNK:
            with self._database.transaction() as connection:
                removed = _move_to_seen(connection, batch, moment)
                connection.executemany(
                    "INSERT INTO suspects VALUES (?, ?) ON CONFLICT (caller)"
                    " DO UPDATE SET since = min(since, excluded.since)",
                    list(list_suspects().items()),
                )
            self._add_to_waiting(-removed)
            time.sleep(_PAUSE)

    def list_suspects(self) -> dict[str, int]:
        """Return the callers that have still to be examined, since when (microseconds)."""
        return {row["caller"]: row["since"] for row in self._database.read("SELECT caller, since FROM suspects")}

    def clear_suspects(self, callers: Collection[str]) -> None:
        """Forget suspects that were examined."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM suspects WHERE caller = ?", [(caller,) for caller in callers])

    def _check_room(self, number: int) -> None:
        oldest = self._in_flight[0].begun if self._in_flight else None
        is_late = oldest is not None and time.monotonic() - oldest > PATIENCE
        if is_late or self._events_in_flight + number > MAX_IN_FLIGHT:
            raise QueueFullError("Events come faster than they can be kept.", hint="Send them again in a moment.")
        if self.waiting + self._events_in_flight + number > MAX_WAITING:
            raise QueueFullError("Too many events wait to be loaded.", hint="Send them again in a minute.")

    def _add_to_waiting(self, number: int) -> None:
        # Two threads count: the one that writes events, and the one whose job has loaded some.
        with self._counting:
            self.waiting += number

    def _count(self) -> int:
        [row] = self._database.read("SELECT count(*) AS events FROM events")
        return int(row["events"])

    def _write(self) -> None:
        with closing(self._database.connect()) as connection:
            while True:
                with self._arrived:
                    while not self._incoming and not self._stopping:
                        self._arrived.wait()
                    groups, self._incoming = self._incoming, []
                if not groups:
                    return
                self._commit(connection, groups)

    def _commit(self, connection: Connection, groups: list[Group]) -> None:
        error: Exception | None = None
        try:
            self._insert(connection, groups)
        except Exception as failure:
            error = failure
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        groups[0].future.get_loop().call_soon_threadsafe(self._hand_over, groups, error)

    def _insert(self, connection: Connection, groups: list[Group]) -> None:
        first: dict[str, tuple[Event, Group]] = {}
        for group in groups:
            for event in group.events:
                first.setdefault(event.key, (event, group))
        connection.execute("BEGIN IMMEDIATE")
        [(text,)] = connection.execute(_FIND_REPEATED, (json.dumps([*first]),)).fetchall()
        for key in json.loads(text):
            del first[key]
        rows = [_row(event) for event, _ in first.values()]
        connection.execute(_INSERT, (json.dumps(rows), now().isoformat()))
        connection.execute("COMMIT")
        self._add_to_waiting(len(rows))
        for key, (_, group) in first.items():
            group.fresh.add(key)

    def _hand_over(self, groups: list[Group], error: Exception | None) -> None:
        if error is None:
            self._on_stored(groups)
            return
        for group in groups:
            group.fail(error)
        self.finish(groups)

    def finish(self, groups: Collection[Group]) -> None:
        """Know that groups were answered."""
        for group in groups:
            self._events_in_flight -= len(group.events)
        while self._in_flight and self._in_flight[0].future.done():
            self._in_flight.popleft()


def _move_to_seen(connection: Connection, batch: str, moment: datetime) -> int:
    """Move some events of a batch to those that were seen, and forget some of yesterday; returns how many moved."""
    [last] = connection.execute(
        "SELECT max(rowid) FROM (SELECT rowid FROM events WHERE batch = ? ORDER BY rowid LIMIT ?)", (batch, _CHUNK)
    ).fetchone()
    chosen = "FROM events WHERE batch = ? AND rowid <= ?"
    connection.execute(f"INSERT OR IGNORE INTO seen SELECT key, ? {chosen}", (moment.isoformat(), batch, last))
    connection.execute(
        "DELETE FROM seen WHERE key IN (SELECT key FROM seen WHERE at < ? LIMIT ?)",
        ((moment - _REMEMBERED).isoformat(), 2 * _CHUNK),
    )
    return connection.execute(f"DELETE {chosen}", (batch, last)).rowcount


def _row(event: Event) -> tuple[str, ...]:
    call = dict(event.call)
    at = call["timestamp"] = _text(call["timestamp"])
    return event.key, event.event_id, call["caller_number"], at, json.dumps(call), event.by


def _text(moment: datetime) -> str:
    """Return an instant as text that sorts by time."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}+00:00"


def _call(text: str) -> dict[str, Any]:
    call: dict[str, Any] = json.loads(text)
    call["timestamp"] = datetime.fromisoformat(call["timestamp"])
    return call
