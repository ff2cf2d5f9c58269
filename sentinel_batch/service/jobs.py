"""The long jobs: a durable list of them. One that was cut off by a crash is done again; all of them may be repeated."""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from batch_base.database import Database
from sentinel_batch.service.failures import JobNotFoundError, QueueFullError
from sentinel_batch.window import now

QUEUED, RUNNING, DONE, FAILED, CANCELLED = STATES = ("queued", "running", "done", "failed", "cancelled")
OPEN = (QUEUED, RUNNING)

MAX_OPEN = 200
"""Jobs that may wait; more are refused."""

_ATTEMPTS = 3
_KEPT = 10_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, parameters TEXT NOT NULL, state TEXT NOT NULL, created_by TEXT NOT NULL,
    created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, attempts INTEGER NOT NULL DEFAULT 0,
    label TEXT NOT NULL DEFAULT '', done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0,
    cancelled_by TEXT, status_code INTEGER, result TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created_at);
"""


@dataclass(frozen=True)
class Job:
    """One job.

    Parameters
    ----------
    id
        Sorts by time.
    kind
        ``ingest``, ``detect`` or ``events``.
    parameters
        What it is given.
    state
        One of :data:`STATES`.
    created_by
        Name of the key.
    created_at, started_at, finished_at
        When.
    attempts
        How often it was begun.
    label, done, total
        How far it is: what is worked on, and how much of it is done (bytes of a file).
    cancelled_by
        Who asked for its end.
    status_code, result
        Its answer, as the request would have got it; None while it is open.
    """

    id: str
    kind: str
    parameters: dict[str, Any]
    state: str
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    label: str
    done: int
    total: int
    cancelled_by: str | None
    status_code: int | None
    result: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """Return what its owner may know."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "created_by": self.created_by,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "progress": {"label": self.label, "done": self.done, "total": self.total},
            "attempts": self.attempts,
            "cancelled_by": self.cancelled_by,
            "status_code": self.status_code,
            "result": self.result,
        }


def new_job_id() -> str:
    """Return a fresh id; later ones sort after earlier ones."""
    return f"{now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"


class JobStore:
    """The jobs of one lake's service."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "jobs.db", _SCHEMA)

    def add(self, kind: str, parameters: dict[str, Any], by: str, job_id: str | None = None) -> Job:
        """Queue a job; it is durable once this returns.

        Raises
        ------
        QueueFullError
            If :data:`MAX_OPEN` wait already.
        """
        job_id = job_id or new_job_id()
        with self._database.transaction() as connection:
            [waiting] = connection.execute("SELECT count(*) FROM jobs WHERE state IN (?, ?)", OPEN).fetchone()
            if waiting >= MAX_OPEN:
                raise QueueFullError(f"{waiting} jobs wait already.", hint="Try again when some of them are done.")
            connection.execute(
                "INSERT INTO jobs (id, kind, parameters, state, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                (job_id, kind, json.dumps(parameters), QUEUED, by, now().isoformat()),
            )
            # Old ones go; the runs of the lake keep what they did.
            connection.execute(
                "DELETE FROM jobs WHERE state NOT IN (?, ?)"
                " AND id NOT IN (SELECT id FROM jobs ORDER BY id DESC LIMIT ?)",
                (*OPEN, _KEPT),
            )
        return self.get(job_id)

    def claim(self) -> Job | None:
        """Mark the oldest queued job as running and return it."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT id FROM jobs WHERE state = ? ORDER BY created_at, id LIMIT 1", (QUEUED,)
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = ?, started_at = ?, attempts = attempts + 1 WHERE id = ?",
                (RUNNING, now().isoformat(), row["id"]),
            )
        return self.get(row["id"])

    def report(self, job_id: str, label: str, done: int, total: int) -> None:
        """Write down how far a job is."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET label = ?, done = ?, total = ? WHERE id = ?", (label, done, total, job_id)
            )

    def finish(self, job_id: str, state: str, status_code: int, result: dict[str, Any]) -> None:
        """Write a job's answer; one that was cancelled meanwhile stays so."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET state = ?, finished_at = ?, status_code = ?, result = ?"
                " WHERE id = ? AND state IN (?, ?)",
                (state, now().isoformat(), status_code, json.dumps(result), job_id, *OPEN),
            )

    def cancel(self, job_id: str, by: str) -> Job:
        """Mark an open job as cancelled; returns it as it was before."""
        before = self.get(job_id)
        self.finish(job_id, CANCELLED, 409, {"detail": f"The job was cancelled by {by}; nothing of it was committed."})
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET cancelled_by = ? WHERE id = ? AND state = ? AND cancelled_by IS NULL",
                (by, job_id, CANCELLED),
            )
        return before

    def requeue(self, job_id: str | None = None) -> None:
        """Queue again what a process that ended left running, one job or all; give up on what was begun too often."""
        chosen = "state = ?1 AND (?2 IS NULL OR id = ?2)"
        for row in self._database.read(f"SELECT id, attempts FROM jobs WHERE {chosen}", (RUNNING, job_id)):
            if row["attempts"] >= _ATTEMPTS:
                said = f"The job was begun {row['attempts']} times, and the process that did it always ended."
                self.finish(row["id"], FAILED, 500, {"detail": said, "code": "worker_died"})
        with self._database.transaction() as connection:
            connection.execute(f"UPDATE jobs SET state = ?3 WHERE {chosen}", (RUNNING, job_id, QUEUED))

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        JobNotFoundError
            If there is none of that id.
        """
        rows = self._database.read("SELECT * FROM jobs WHERE id = ?", (job_id,))
        if not rows:
            raise JobNotFoundError(f"There is no job {job_id!r}.", hint="GET /api/v2/jobs lists them.")
        return _job(rows[0])

    def list(self, limit: int, state: str | None = None, by: str | None = None) -> list[Job]:
        """Return jobs, the newest first."""
        rows = self._database.read(
            "SELECT * FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR created_by = ?2)"
            " ORDER BY id DESC LIMIT ?3",
            (state, by, limit),
        )
        return [_job(row) for row in rows]

    def count(self) -> dict[str, int]:
        """Return the number of jobs of each state."""
        rows = self._database.read("SELECT state, count(*) AS jobs FROM jobs GROUP BY state")
        return dict.fromkeys(STATES, 0) | {row["state"]: row["jobs"] for row in rows}


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    for name in ("created_at", "started_at", "finished_at"):
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    for name in ("parameters", "result"):
        values[name] = json.loads(values[name]) if values[name] else None
    return Job(**values)
