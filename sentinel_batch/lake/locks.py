"""One writer at a time; the system releases a lock if its process dies."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sentinel_batch.errors import LakeLockedError
from sentinel_batch.window import now


@dataclass(frozen=True)
class LockHolder:
    """Who holds a lock.

    Parameters
    ----------
    program
        What it is, such as ``sentinel-batch nightly``.
    pid, host
        Its process.
    since
        When it took the lock.
    """

    program: str
    pid: int
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC)"


@contextmanager
def held_lock(file: Path, timeout: float, *, message: str, hint: str, reentrant: bool = False) -> Iterator[None]:
    """Hold a lock.

    Parameters
    ----------
    file
        The lock file; who holds it stands in it.
    timeout
        Seconds to wait for another process.
    message, hint
        Of the error when it was waited for in vain.
    reentrant
        Let the process that holds it take it again.

    Raises
    ------
    LakeLockedError
        If it is still held after ``timeout`` seconds.
    """
    from filelock import FileLock, Timeout  # Late: reading takes no lock.

    # A singleton counts how often this process took the lock: nightly holds it while its steps take it again.
    lock = FileLock(str(file), is_singleton=reentrant)
    try:
        lock.acquire(timeout=timeout)
    except Timeout as error:
        holder = find_holder(file)
        raise LakeLockedError(f"{message} It is {holder}." if holder else message, hint=hint) from error
    outermost = lock.lock_counter == 1
    try:
        if outermost:
            _write(file, json.dumps(asdict(describe_self()), default=str))
        yield
    finally:
        if outermost:
            _write(file, "")
        lock.release()


def find_holder(file: Path) -> LockHolder | None:
    """Return who holds a lock; None if nobody does, as after the death of who did."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        holder = LockHolder(**said | {"since": datetime.fromisoformat(said["since"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return holder if _is_held(file) else None


def describe_self() -> LockHolder:
    """Return this process as the holder of a lock that it takes now."""
    # The first word of a command is its name; others may be anything.
    words = [Path(sys.argv[0]).name, *(word for word in sys.argv[1:2] if word.isalpha())]
    return LockHolder(" ".join(words), os.getpid(), socket.gethostname(), now())


def _write(file: Path, text: str) -> None:
    # What is written is for people: a full disk must not end the work of who holds the lock.
    with suppress(OSError):
        file.write_text(text, encoding="utf-8")


def _is_held(file: Path) -> bool:
    fcntl: Any
    try:
        import fcntl
    except ImportError:  # Windows: who died cannot be told from who works.
        return True
    with file.open("rb") as probe:
        try:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
