"""Calls that are reported one by one: durable before they are answered, loaded into the lake together.

An event is a row of a SQLite file until the batch that it belongs to is in the lake. A batch is fixed before it is
written as a file, and loading a file again inserts nothing, so a crash at any moment neither loses nor doubles one.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import queue
import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sentinel_batch.service.database import Database
from sentinel_batch.service.failures import QueueFullError
from sentinel_batch.window import now

MAX_WAITING = 1_000_000
"""Events that may wait for the lake; beyond that they are refused."""

BATCH = 50_000
COLUMNS = (
    "call_timestamp", "caller_number", "callee_number", "duration_seconds", "call_direction", "termination_cause",
    "location_code", "imei", "imsi", "call_id",
)  # fmt: skip
_GROUP = 5_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    key TEXT PRIMARY KEY, event_id TEXT NOT NULL, caller TEXT NOT NULL, at TEXT NOT NULL, call TEXT NOT NULL,
    received_at TEXT NOT NULL, received_by TEXT NOT NULL, batch TEXT
);
CREATE INDEX IF NOT EXISTS events_by_caller ON events (caller, at);
CREATE INDEX IF NOT EXISTS events_by_batch ON events (batch);
CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS seen_by_time ON seen (at);
"""
_REMEMBERED = timedelta(days=1)


@dataclass(frozen=True)
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


def make_event(call: Mapping[str, Any], by: str, given_id: str | None = None) -> Event:
    """Return a call as an event; the same call, or the same given id of one sender, is the same event."""
    text = given_id and f"{by}\0{given_id}"
    digest = hashlib.sha256((text or json.dumps(call, sort_keys=True, default=str)).encode()).hexdigest()
    return Event(digest, given_id or f"evt_{digest[:12]}", call, by)


class EventQueue:
    """Events that wait for the lake. One thread writes them, all that came meanwhile in one commit."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "events.db", _SCHEMA)
        self._incoming: queue.Queue[tuple[Event, Future[bool]] | None] = queue.Queue(_GROUP)
        self._writer = threading.Thread(target=self._write, name="events", daemon=True)
        self._counting = threading.Lock()
        self.waiting = self._count()

    def start(self) -> None:
        """Begin to take events."""
        self._writer.start()

    def stop(self) -> None:
        """Write what was taken, and end."""
        self._incoming.put(None)
        self._writer.join()

    async def add(self, event: Event) -> bool:
        """Take an event; durable once this returns. Returns False if it was there already.

        Raises
        ------
        QueueFullError
            If too many wait.
        """
        future: Future[bool] = Future()
        try:
            if self.waiting >= MAX_WAITING:
                raise queue.Full
            self._incoming.put_nowait((event, future))
        except queue.Full:
            raise QueueFullError("Too many events wait to be loaded.", hint="Send them again in a moment.") from None
        return await asyncio.wrap_future(future)

    def pending(self, callers: Collection[str], since: datetime, until: datetime) -> list[dict[str, Any]]:
        """Return the calls of some callers in ``(since, until]`` that may not be in the lake yet."""
        rows = self._database.read(
            "SELECT call FROM json_each(?) AS asked JOIN events ON caller = asked.value WHERE at > ? AND at <= ?",
            (json.dumps(sorted(callers)), _text(since), _text(until)),
        )
        return [_call(row["call"]) for row in rows]

    def fix_batch(self, batch: str) -> bool:
        """Give up to :data:`BATCH` waiting events to a batch; returns whether there are any."""
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE events SET batch = ? WHERE key IN"
                " (SELECT key FROM events WHERE batch IS NULL ORDER BY rowid LIMIT ?)",
                (batch, BATCH),
            )
        return changed.rowcount > 0

    def list_batches(self) -> list[str]:
        """Return the batches that are fixed and not yet in the lake."""
        rows = self._database.read("SELECT DISTINCT batch FROM events WHERE batch IS NOT NULL ORDER BY batch")
        return [row["batch"] for row in rows]

    def write_batch(self, batch: str, file: Path) -> None:
        """Write the events of a batch as a file that the lake takes; the same batch is the same file."""
        rows = self._database.read("SELECT call FROM events WHERE batch = ? ORDER BY key", (batch,))
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in rows:
                call = json.loads(row["call"])
                call["call_timestamp"] = call["timestamp"]
                writer.writerow([call.get(name, "") for name in COLUMNS])

    def forget_batch(self, batch: str) -> None:
        """Remove the events of a batch that is in the lake; that they were there is remembered for a day."""
        moment = now()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO seen SELECT key, ? FROM events WHERE batch = ?", (moment.isoformat(), batch)
            )
            removed = connection.execute("DELETE FROM events WHERE batch = ?", (batch,)).rowcount
            connection.execute("DELETE FROM seen WHERE at < ?", ((moment - _REMEMBERED).isoformat(),))
        self._add_to_waiting(-removed)

    def _add_to_waiting(self, number: int) -> None:
        # Two threads count: the one that writes events, and the one whose job has loaded some.
        with self._counting:
            self.waiting += number

    def _count(self) -> int:
        [row] = self._database.read("SELECT count(*) AS events FROM events")
        return int(row["events"])

    def _write(self) -> None:
        with closing(self._database.connect()) as connection:
            while (first := self._incoming.get()) is not None:
                group, last = [first], False
                while len(group) < _GROUP and not self._incoming.empty():
                    entry = self._incoming.get()
                    if entry is None:
                        last = True
                        break
                    group.append(entry)
                self._commit(connection, group)
                if last:
                    return

    def _commit(self, connection: Any, group: Sequence[tuple[Event, Future[bool]]]) -> None:
        received = now().isoformat()
        try:
            connection.execute("BEGIN IMMEDIATE")
            fresh = [_insert(connection, event, received) for event, _ in group]
            connection.execute("COMMIT")
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for _, future in group:
                future.set_exception(error)
            return
        self._add_to_waiting(sum(fresh))
        for (_, future), new in zip(group, fresh, strict=True):
            future.set_result(new)


def _insert(connection: Any, event: Event, received: str) -> bool:
    call = dict(event.call)
    at = call["timestamp"] = _text(call["timestamp"])
    done = connection.execute(
        "INSERT INTO events (key, event_id, caller, at, call, received_at, received_by)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM seen WHERE key = ?1)"
        " ON CONFLICT (key) DO NOTHING",
        (event.key, event.event_id, call["caller_number"], at, json.dumps(call), received, event.by),
    )
    return bool(done.rowcount)


def _text(moment: datetime) -> str:
    """Return an instant as text that sorts by time."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}+00:00"


def _call(text: str) -> dict[str, Any]:
    call: dict[str, Any] = json.loads(text)
    call["timestamp"] = datetime.fromisoformat(call["timestamp"])
    return call
