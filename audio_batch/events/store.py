"""What became of every event, on the disk: the reason why an event that comes twice has one result.

A result is written here before it is published, and published before the message is acknowledged; so whatever dies in
between, the message comes again, and its result is taken from here. Everything passes one thread, which puts what has
gathered into one transaction: a disk commits some hundred times a second, and events come faster.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from audio_batch.events.event import Event
from batch_base.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    event_id TEXT PRIMARY KEY, digest TEXT NOT NULL, attempts INTEGER NOT NULL, state TEXT NOT NULL,
    result BLOB, reason TEXT, published INTEGER NOT NULL DEFAULT 0, changed_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_change ON events (changed_at);
CREATE TABLE IF NOT EXISTS inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL,
    body BLOB NOT NULL, due REAL NOT NULL
);
"""
_BEGIN = """
INSERT INTO events (event_id, digest, attempts, state, changed_at) VALUES (:id, :digest, 1, 'open', :now)
ON CONFLICT (event_id) DO UPDATE SET
    attempts = CASE state WHEN 'done' THEN attempts WHEN 'dead' THEN 1 ELSE attempts + 1 END,
    digest = CASE state WHEN 'dead' THEN excluded.digest ELSE digest END,
    state = CASE state WHEN 'dead' THEN 'open' ELSE state END,
    changed_at = CASE state WHEN 'done' THEN changed_at ELSE excluded.changed_at END
RETURNING digest, attempts, result, published
"""
_KNOWN = """
SELECT digest, state FROM events WHERE event_id = :id AND state <> 'dead'
UNION ALL SELECT digest, 'open' FROM inbox WHERE event_id = :id LIMIT 1
"""
_GROUP = 256

Step = Callable[[sqlite3.Connection], Any]


@dataclass(frozen=True)
class Begun:
    """What is known of an event that has come.

    Attributes
    ----------
    attempts
        How often it was tried, this time included; each death of a consumer while it worked on it counts.
    result
        Its result, if there is one already.
    published
        Whether the result was published.
    same
        Whether it asks for the same as the event of its id that came first.
    """

    attempts: int
    result: bytes | None
    published: bool
    same: bool


class EventStore:
    """Events and their results, in one SQLite file that consumers on this machine may share.

    Parameters
    ----------
    path
        The file; made, readable by its owner only, if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)
        self._steps: queue.SimpleQueue[tuple[Step, Future[Any]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="events", daemon=True)
        self._writer.start()

    async def begin(self, event: Event) -> Begun:
        """Count a try of an event, and return what is known of it."""

        def step(connection: sqlite3.Connection) -> Begun:
            facts = {"id": event.id, "digest": event.digest, "now": _now()}
            [row] = connection.execute(_BEGIN, facts).fetchall()
            return Begun(row["attempts"], row["result"], bool(row["published"]), row["digest"] == event.digest)

        begun: Begun = await self._do(step)
        return begun

    async def finish(self, event_id: str, result: bytes) -> bytes:
        """Keep a result for good, and return the one that is kept: the first one, should there be two."""

        def step(connection: sqlite3.Connection) -> bytes:
            connection.execute(
                "UPDATE events SET state = 'done', result = ?, changed_at = ? WHERE event_id = ? AND result IS NULL",
                (result, _now(), event_id),
            )
            [row] = connection.execute("SELECT result FROM events WHERE event_id = ?", (event_id,)).fetchall()
            return bytes(row["result"])

        kept: bytes = await self._do(step)
        return kept

    async def mark_published(self, event_id: str) -> None:
        """Remember that a result was published."""
        await self._change("UPDATE events SET published = 1 WHERE event_id = ?", event_id)

    async def mark_dead(self, event_id: str, reason: str) -> None:
        """Remember that an event became a dead letter; should it be sent again, it begins anew."""
        await self._change(
            "UPDATE events SET state = 'dead', reason = ?, changed_at = ? WHERE event_id = ? AND state = 'open'",
            reason,
            _now(),
            event_id,
        )

    async def forget(self, days: float) -> int:
        """Forget results that are older, and return how many; their events would be processed again."""
        before = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        query = "DELETE FROM events WHERE changed_at < ? AND (published = 1 OR state <> 'done')"
        return await self._change(query, before)

    # -- events that came over HTTP, which has no queue of its own ------------------------------------------------

    async def put(self, event: Event, body: bytes) -> str:
        """Keep an event to be processed, and say what it is: ``accepted``, ``duplicate``, ``done`` or ``conflict``."""

        def step(connection: sqlite3.Connection) -> str:
            known = connection.execute(_KNOWN, {"id": event.id}).fetchone()
            if known is None:
                put = "INSERT INTO inbox (event_id, digest, body, due) VALUES (?, ?, ?, 0)"
                connection.execute(put, (event.id, event.digest, body))
                return "accepted"
            if known["digest"] != event.digest:
                return "conflict"
            return "done" if known["state"] == "done" else "duplicate"

        outcome: str = await self._do(step)
        return outcome

    async def take(self, most: int, taken: set[int], now: float) -> list[tuple[int, bytes]]:
        """Return the oldest events of the inbox that are due, but for those that are taken already."""

        def step(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            query = "SELECT number, body FROM inbox WHERE due <= ? ORDER BY number LIMIT ?"
            rows = connection.execute(query, (now, most + len(taken))).fetchall()
            return [(row["number"], row["body"]) for row in rows if row["number"] not in taken][:most]

        found: list[tuple[int, bytes]] = await self._do(step)
        return found

    async def drop(self, number: int) -> None:
        """Remove an event from the inbox."""
        await self._change("DELETE FROM inbox WHERE number = ?", number)

    async def postpone(self, number: int, due: float) -> None:
        """Let an event of the inbox wait until an instant (seconds since 1970)."""
        await self._change("UPDATE inbox SET due = ? WHERE number = ?", due, number)

    def count_inbox(self) -> int:
        """Return how many events wait in the inbox."""
        [row] = self._database.read("SELECT count(*) AS events FROM inbox")
        return int(row["events"])

    # -- reading --------------------------------------------------------------------------------------------------

    def find_result(self, event_id: str) -> bytes | None:
        """Return the result of an event, None where there is none."""
        rows = self._database.read("SELECT result FROM events WHERE event_id = ?", (event_id,))
        return rows[0]["result"] if rows else None

    def count_states(self) -> dict[str, int]:
        """Return how many events are ``open``, ``done`` and ``dead``."""
        rows = self._database.read("SELECT state, count(*) AS events FROM events GROUP BY state")
        return {"open": 0, "done": 0, "dead": 0} | {row["state"]: row["events"] for row in rows}

    def close(self) -> None:
        """Write what was begun, and end."""
        self._steps.put(None)
        self._writer.join()

    async def _change(self, query: str, *values: object) -> int:
        changed: int = await self._do(lambda connection: connection.execute(query, values).rowcount)
        return changed

    async def _do(self, step: Step) -> Any:
        future: Future[Any] = Future()
        self._steps.put((step, future))
        return await asyncio.wrap_future(future)

    def _write(self) -> None:
        with closing(self._database.connect()) as connection:
            while (first := self._steps.get()) is not None:
                group, last = [first], False
                while len(group) < _GROUP and not self._steps.empty():
                    entry = self._steps.get()
                    if entry is None:
                        last = True
                        break
                    group.append(entry)
                _commit(connection, group)
                if last:
                    return


def _commit(connection: sqlite3.Connection, group: list[tuple[Step, Future[Any]]]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        answers = [step(connection) for step, _ in group]
        connection.execute("COMMIT")
    except Exception as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for _, future in group:
            if not future.cancelled():
                future.set_exception(error)
        return
    for (_, future), answer in zip(group, answers, strict=True):
        if not future.cancelled():
            future.set_result(answer)


def _now() -> str:
    return datetime.now(UTC).isoformat()
