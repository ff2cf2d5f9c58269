"""Small databases: durable, shared by threads and processes, readable by their owner only."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_WAIT = 10.0


class Database:
    """A SQLite file in WAL mode; what was committed survives a crash of the machine.

    Parameters
    ----------
    path
        The file; its folder is made, private.
    schema
        Statements that make the tables where they are missing.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self.path = path
        self._readers = threading.local()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made by hand, because SQLite would give it the permissions of the process; its WAL takes those of the file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with closing(self.connect()) as connection:
            connection.executescript(schema)

    def connect(self) -> sqlite3.Connection:
        """Open a connection of one's own, for one thread at a time; the caller closes it."""
        connection = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose statements become visible together, or not at all."""
        with closing(self.connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def read(self, query: str, values: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        # One for each thread, kept open: opening one takes longer than most questions.
        if not hasattr(self._readers, "connection"):
            self._readers.connection = self.connect()
        rows: list[sqlite3.Row] = self._readers.connection.execute(query, values).fetchall()
        return rows
