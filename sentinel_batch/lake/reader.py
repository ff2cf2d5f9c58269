"""Reading for those who stay: one engine for a lake, the newest version for each request, a deadline.

A program that answers many questions makes one :class:`LakeReader` and asks it for a snapshot per request, from any
thread::

    reader = LakeReader("data/lake", seconds=2)
    desk = Desk(config, reader.snapshot())  # one version of all tables, whatever is committed meanwhile
    explain(17, lake=desk)  # raises DeadlineError after two seconds

Every request sees what was committed before it began, and one version of each table until it ends: files that leave a
table stay on disk for a day or more, so neither a commit nor ``maintain`` can pull one from under it.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType

from sentinel_batch.lake.deadlines import Deadline
from sentinel_batch.lake.engine import Engine
from sentinel_batch.lake.lake import Lake
from sentinel_batch.lake.snapshot import Snapshot

DEFAULT_SECONDS = 5.0
"""How long a request may take."""

DEFAULT_MEMORY = "512MB"
"""What the engine may hold; larger intermediate results go to disk."""


KEPT_TABLE_BYTES = 8 << 20
"""Size of a small table's files: alerts, their history, cases. They stay in memory until a commit changes them."""


class LakeReader:
    """Snapshots of a lake for many short requests; safe to use from any number of threads.

    Parameters
    ----------
    lake
        A lake, or its folder.
    seconds
        Deadline of each request, from when its snapshot is taken; None waits for ever.
    memory_limit
        Of the engine, as DuckDB writes it.

    Raises
    ------
    LakeNotFoundError
        If there is no lake.
    """

    def __init__(
        self, lake: Lake | str | Path, *, seconds: float | None = DEFAULT_SECONDS, memory_limit: str = DEFAULT_MEMORY
    ) -> None:
        path = (lake if isinstance(lake, Lake) else Lake.open(lake)).path
        self._path = path
        self._seconds = seconds
        self._engine = Engine(path, memory_limit, KEPT_TABLE_BYTES)
        self._newest = Snapshot(path, Snapshot.take(path).versions, self._engine)
        self._renewing, self._looked = threading.Lock(), 0.0

    def __enter__(self) -> LakeReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def snapshot(self, seconds: float | None = None) -> Snapshot:
        """Return the tables as they are now, for one request.

        Parameters
        ----------
        seconds
            Deadline of this request; None is that of the reader.

        Raises
        ------
        LakeNotFoundError
            If the lake is gone: a disk that was unmounted must not look like tables without rows.
        """
        Lake.open(self._path)
        asked = time.monotonic()
        # Under a lock, so that requests after a commit share the logs that the first of them opens; who waited takes
        # what was looked up since, for a look at object storage takes long.
        with self._renewing:
            if self._looked < asked:
                begun = time.monotonic()
                self._newest = self._newest.renew()
                self._looked = begun
            newest = self._newest
        limit = self._seconds if seconds is None else seconds
        return newest.within(None if limit is None else Deadline(limit))

    def close(self) -> None:
        """Give back the engine; requests under way fail."""
        self._engine.close()
