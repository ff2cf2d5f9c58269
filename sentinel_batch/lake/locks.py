"""One writer at a time; the system releases a lock if its process dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentinel_batch.errors import LakeLockedError


@contextmanager
def held_lock(file: Path, timeout: float, *, message: str, hint: str, reentrant: bool = False) -> Iterator[None]:
    """Hold a lock.

    Parameters
    ----------
    file
        The lock file.
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
        raise LakeLockedError(message, hint=hint) from error
    try:
        yield
    finally:
        lock.release()
