"""How long somebody waits for an answer, and the thread that ends queries which take longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sentinel_batch.errors import DeadlineError

if TYPE_CHECKING:
    import duckdb

_TICK = 0.01
"""Seconds between two looks at the queries under way."""


class Deadline:
    """A moment after which nobody waits for an answer.

    Parameters
    ----------
    seconds
        From now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    @property
    def has_passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self._ends

    def check(self) -> None:
        """Raise if it has passed.

        Raises
        ------
        DeadlineError
            If so.
        """
        if self.has_passed:
            raise self.error()

    def error(self) -> DeadlineError:
        """Return what is raised when it has passed."""
        return DeadlineError(
            f"No answer within {self.seconds:g} s.",
            hint="Ask again when the machine is less busy, or allow more time. sentinel-batch maintain packs the calls"
            " so that those of one number are found sooner.",
            seconds=self.seconds,
        )


class Watch:
    """Interrupts queries whose deadline has passed: one thread for all of them, since starting one takes as long as a
    short query.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = threading.Event()
        self._under_way: dict[object, tuple[duckdb.DuckDBPyConnection, Deadline]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def watched(self, cursor: duckdb.DuckDBPyConnection, deadline: Deadline) -> Iterator[None]:
        """Interrupt what the cursor does in this block after the deadline."""
        key = object()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sentinel deadlines", daemon=True)
                self._thread.start()
            self._under_way[key] = (cursor, deadline)
            self._busy.set()
        try:
            yield
        finally:
            with self._lock:
                del self._under_way[key]

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._closed = True
            self._busy.set()

    def _run(self) -> None:
        while not self._closed:
            self._busy.wait()
            time.sleep(_TICK)
            # Under the lock, so that no cursor is interrupted after its block.
            with self._lock:
                for cursor, deadline in self._under_way.values():
                    # Again at every look: an interrupt that comes before the query begins is forgotten.
                    if deadline.has_passed:
                        with suppress(Exception):
                            cursor.interrupt()
                if not self._under_way and not self._closed:
                    self._busy.clear()
