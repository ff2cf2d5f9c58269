"""What was heard in each session, kept for the reports on it; and the reports that were drafted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from audio_batch.verdict import Reason, SegmentScore, Splice, Verdict, Verification
from batch_base.database import Database
from sentinel_batch.window import now

KEPT = timedelta(days=30)
"""How long a session can be reported on, and an idempotency key is known."""

MOST = 200_000
"""Recordings that are remembered, about 5 kB each; the oldest are forgotten first."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS hearings (
    id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, at TEXT NOT NULL, by TEXT NOT NULL, sha256 TEXT NOT NULL,
    verdict TEXT NOT NULL, verification TEXT, facts TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS hearings_by_session ON hearings (session_id, id);
CREATE INDEX IF NOT EXISTS hearings_by_time ON hearings (at);
CREATE TABLE IF NOT EXISTS reports (
    by TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL, asked TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (by, key)
);
"""


@dataclass(frozen=True)
class Hearing:
    """What was heard in a session: of its newest recording the verdict, the newest verification, and the facts told."""

    verdict: Verdict
    verification: Verification | None
    facts: dict[str, Any]


class HearingStore:
    """The sessions of one service."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "hearings.db", _SCHEMA)

    def keep(
        self, session_id: str, by: str, verdict: dict[str, Any], verification: dict[str, Any] | None, facts: Any
    ) -> None:
        """Remember what was heard; what is older than `KEPT`, or too much, is forgotten."""
        moment = now()
        values = (
            session_id, moment.isoformat(), by, verdict["sha256"], json.dumps(verdict | {"session_id": session_id}),
            json.dumps(verification | {"session_id": session_id}) if verification else None, json.dumps(facts),
        )  # fmt: skip
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO hearings (session_id, at, by, sha256, verdict, verification, facts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            for table in ("hearings", "reports"):
                connection.execute(f"DELETE FROM {table} WHERE at < ?", ((moment - KEPT).isoformat(),))
            connection.execute("DELETE FROM hearings WHERE id <= (SELECT max(id) FROM hearings) - ?", (MOST,))

    def find(self, session_id: str) -> Hearing | None:
        """Return what was heard in a session; None if nothing."""
        rows = self._database.read("SELECT * FROM hearings WHERE session_id = ? ORDER BY id DESC", (session_id,))
        if not rows:
            return None
        same = [row for row in rows if row["sha256"] == rows[0]["sha256"]]
        verification = next((row["verification"] for row in same if row["verification"]), None)
        facts: dict[str, Any] = {}
        for row in reversed(rows):
            facts |= json.loads(row["facts"])
        heard = json.loads(verification) if verification else None
        return Hearing(_read_verdict(json.loads(rows[0]["verdict"])), _read_verification(heard), facts)

    def recall(self, by: str, key: str) -> tuple[str, dict[str, Any]] | None:
        """Return the hash of what was asked under an idempotency key, and the answer; None if the key is new."""
        rows = self._database.read("SELECT asked, answer FROM reports WHERE by = ? AND key = ?", (by, key))
        return (rows[0]["asked"], json.loads(rows[0]["answer"])) if rows else None

    def remember(self, by: str, key: str, asked: str, answer: dict[str, Any]) -> None:
        """Keep an answer under its idempotency key; the first one stays."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO reports (by, key, at, asked, answer) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (by, key, now().isoformat(), asked, json.dumps(answer)),
            )


def _read_verdict(fields: dict[str, Any]) -> Verdict:
    segments = tuple(SegmentScore(**item) for item in fields.pop("segments"))
    reasons = tuple(Reason(**item) for item in fields.pop("reasons"))
    splices = tuple(Splice(**item) for item in fields.pop("splices", ()))
    own = {"segments": segments, "reasons": reasons, "splices": splices, "notices": tuple(fields["notices"])}
    return Verdict(**fields | own)


def _read_verification(fields: dict[str, Any] | None) -> Verification | None:
    return None if fields is None else Verification(**fields | {"reasons": tuple(fields["reasons"])})
