"""Browsers that have signed in: a random cookie each, of which only the hash is kept; and what guards their forms."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from batch_base.database import Database
from sentinel_batch.service.access import Principal
from sentinel_batch.service.keys import Key, KeyStore

COOKIE = "sentinel_session"
SESSION_SECONDS = 12 * 3600
"""How long a browser stays signed in: a working day."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (hash TEXT PRIMARY KEY, key_id TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS secrets (id INTEGER PRIMARY KEY CHECK (id = 1), secret TEXT NOT NULL);
"""
_NOBODY = "local"


class SessionStore:
    """Who is signed in at one lake's service; a restart of the service signs nobody out.

    Parameters
    ----------
    folder
        Private folder of the service.
    keys
        The keys: a session ends with its key.
    """

    def __init__(self, folder: Path, keys: KeyStore) -> None:
        self._keys = keys
        self._database = Database(folder / "sessions.db", _SCHEMA)
        with self._database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO secrets VALUES (1, ?)", (secrets.token_hex(32),))
            [secret] = connection.execute("SELECT secret FROM secrets").fetchone()
        self._secret = bytes.fromhex(secret)

    def open(self, key: Key) -> str:
        """Sign the holder of a key in; returns the text of the cookie, which is kept nowhere."""
        text, moment = secrets.token_urlsafe(32), time.time()
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE expires <= ?", (moment,))
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?)", (_hash(text), key.id, moment + SESSION_SECONDS))
        return text

    def identify(self, headers: Headers) -> Principal | None:
        """Return who has signed in with the cookie of a request; None once it has expired or its key was revoked."""
        text = _read_cookie(headers)
        if text is None:
            return None
        rows = self._database.read(
            "SELECT key_id FROM sessions WHERE hash = ? AND expires > ?", (_hash(text), time.time())
        )
        if not rows:
            return None
        key = self._keys.get_valid(rows[0]["key_id"])
        return Principal(key.name, key.role, key.id) if key is not None else None

    def close(self, headers: Headers) -> None:
        """Sign a browser out."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE hash = ?", (_hash(_read_cookie(headers) or ""),))

    def form_token(self, headers: Headers) -> str:
        """Return what the forms of a browser carry, and no page of another origin can know."""
        session = _read_cookie(headers) or _NOBODY
        return hmac.new(self._secret, session.encode(), hashlib.sha256).hexdigest()

    def owns_form(self, headers: Headers, token: str) -> bool:
        """Tell whether a form was made for the browser that sends it."""
        return hmac.compare_digest(self.form_token(headers).encode(), token.encode())


def _read_cookie(headers: Headers) -> str | None:
    return cookie_parser(headers.get("cookie", "")).get(COOKIE) or None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
