"""The end of a request, whatever the server does: a socket that is still busy then is shut.

Timeouts of sockets end a silence, not a drip: a server that sends a byte a second would hold a caller for ever. One
thread watches all requests of the process, and wakes only when one is due.
"""

from __future__ import annotations

import heapq
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_IDLE_SECONDS = 30.0


class Deadline:
    """When one request has to be over.

    Parameters
    ----------
    seconds
        From now.
    """

    def __init__(self, seconds: float) -> None:
        self.moment = time.monotonic() + seconds
        self.passed = False
        self.done = False
        self._connection: Any = None
        self._lock = threading.Lock()

    def remaining(self) -> float:
        """Return the seconds that are left, at least a hair: a timeout of 0 means something else to a socket."""
        return max(0.001, self.moment - time.monotonic())

    def hold(self, connection: Any) -> None:
        """Say over which connection the request goes; shut at once if time is up already."""
        with self._lock:
            self._connection = connection
            if self.passed:
                _shut(connection)

    def finish(self) -> None:
        """Let the connection go: it may serve another request from now on."""
        with self._lock:
            self.done, self._connection = True, None

    def end(self) -> None:
        """Shut the connection, if the request is not over."""
        with self._lock:
            if not self.done:
                self.passed = True
                _shut(self._connection)


class _Watch:
    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Deadline]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._running = False

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            heapq.heappush(self._waiting, (deadline.moment, next(self._numbers), deadline))
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="request-deadlines", daemon=True).start()
            elif self._waiting[0][2] is deadline:
                self._changed.notify()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            due.end()

    def _next(self) -> Deadline | None:
        """Return the next deadline once it has come; None, and the thread ends, if there has been none for a while."""
        with self._changed:
            while True:
                while self._waiting and self._waiting[0][2].done:
                    heapq.heappop(self._waiting)
                if not self._waiting:
                    if not self._changed.wait(_IDLE_SECONDS) and not self._waiting:
                        self._running = False
                        return None
                    continue
                left = self._waiting[0][0] - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._changed.wait(left)


_watch = _Watch()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watch.__init__)  # type: ignore[misc]  # A fork has no threads but one.
_current = threading.local()


@contextmanager
def limited(seconds: float) -> Iterator[Deadline]:
    """Give the requests of this thread a deadline inside the block."""
    deadline = Deadline(seconds)
    _watch.add(deadline)
    _current.deadline = deadline
    try:
        yield deadline
    finally:
        _current.deadline = None
        deadline.finish()


def find_deadline() -> Deadline | None:
    """Return the deadline of this thread's request, or None."""
    return getattr(_current, "deadline", None)


def _shut(connection: Any) -> None:
    # The plain socket's method: that of a TLS socket would take its state away under the thread that reads.
    if connection is not None:
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
