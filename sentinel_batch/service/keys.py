"""API keys: who may do what. A key is shown once, when it is made; only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from batch_base.database import Database
from sentinel_batch.config import SERVICE_ROLES
from sentinel_batch.errors import UsageError
from sentinel_batch.history import actor_name
from sentinel_batch.window import now

ROLES = SERVICE_ROLES
"""Reads; reads, judges and detects; sends calls in; does everything."""

_RESERVED = ("events", "local")

_SECRET_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_KEY = re.compile(r"sb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL,
    created_at TEXT NOT NULL, created_by TEXT NOT NULL, revoked_at TEXT, revoked_by TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS active_names ON keys (name) WHERE revoked_at IS NULL;
"""


@dataclass(frozen=True)
class Key:
    """What is known of a key, without its secret.

    Parameters
    ----------
    id
        Its public part.
    name
        Who holds it; what is written beside everything that is done with it.
    role
        One of :data:`ROLES`.
    created_at, created_by
        When, and by whom.
    revoked_at, revoked_by
        None while it is valid.
    """

    id: str
    name: str
    role: str
    created_at: datetime
    created_by: str
    revoked_at: datetime | None = None
    revoked_by: str | None = None


class KeyStore:
    """The keys of one lake's service."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "keys.db", _SCHEMA)

    def add(self, name: str, role: str, *, by: str | None = None) -> tuple[Key, str]:
        """Make a key; returns it, and the text that its holder sends. The text cannot be had again.

        Raises
        ------
        UsageError
            If the name is taken or not allowed, or there is no such role.
        """
        if role not in ROLES:
            raise UsageError(f"{role!r} is not a role.", hint=f"Allowed: {', '.join(ROLES)}.", value=role)
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be a key's name.", hint="Use up to 64 letters, digits and . _ @ -", value=name
            )
        if name in _RESERVED:
            raise UsageError(
                f"{name!r} is the service's own name.", hint=f"Not to be had: {', '.join(_RESERVED)}.", value=name
            )
        key = Key(secrets.token_hex(6), name, role, now(), actor_name(by))
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        try:
            with self._database.transaction() as connection:
                connection.execute(
                    "INSERT INTO keys (id, name, role, hash, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)",
                    (key.id, name, role, _hash(secret), key.created_at.isoformat(), key.created_by),
                )
        except sqlite3.IntegrityError as error:
            raise UsageError(
                f"There is a key {name!r} already.",
                hint=f"Choose another name, or revoke it first: sentinel-batch keys revoke {name}",
            ) from error
        return key, f"sb_{key.id}_{secret}"

    def list(self) -> list[Key]:
        """Return all keys, revoked ones too, oldest first."""
        return [_key(row) for row in self._database.read("SELECT * FROM keys ORDER BY created_at, id")]

    def revoke(self, name: str, *, by: str | None = None) -> Key:
        """Make a key invalid, at once and for good.

        Raises
        ------
        UsageError
            If no valid key has that name or id.
        """
        valid = [key for key in self.list() if key.revoked_at is None]
        found = next((key for key in valid if name in (key.name, key.id)), None)
        if found is None:
            names = ", ".join(key.name for key in valid) or "none"
            raise UsageError(f"There is no valid key {name!r}.", hint=f"Valid keys: {names}.", value=name)
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE keys SET revoked_at = ?, revoked_by = ? WHERE id = ?",
                (now().isoformat(), actor_name(by), found.id),
            )
        return next(key for key in self.list() if key.id == found.id)

    def find(self, text: str) -> Key | None:
        """Return the valid key of a text, or None."""
        parts = _KEY.fullmatch(text)
        if parts is None:
            return None
        rows = self._read_valid(parts[1])
        # 256 random bits cannot be guessed, so one round of SHA-256 keeps them as well as a slow hash would.
        if not rows or not hmac.compare_digest(rows[0]["hash"], _hash(parts[2])):
            return None
        return _key(rows[0])

    def get_valid(self, key_id: str) -> Key | None:
        """Return the valid key of an id, or None."""
        rows = self._read_valid(key_id)
        return _key(rows[0]) if rows else None

    def has_valid(self) -> bool:
        """Tell whether anybody could be let in."""
        return any(key.revoked_at is None for key in self.list())

    def _read_valid(self, key_id: str) -> Sequence[sqlite3.Row]:
        return self._database.read("SELECT * FROM keys WHERE id = ? AND revoked_at IS NULL", (key_id,))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: sqlite3.Row) -> Key:
    revoked = row["revoked_at"]
    return Key(
        row["id"],
        row["name"],
        row["role"],
        datetime.fromisoformat(row["created_at"]),
        row["created_by"],
        datetime.fromisoformat(revoked) if revoked else None,
        row["revoked_by"],
    )
