"""Work in progress beside the tables: folders on the lake's own disk, and what is said when that disk is full."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.errors import DiskFullError

if TYPE_CHECKING:
    from filelock import BaseFileLock

STAGING = ".staging"
"""Folder of a lake for what is not yet, or never, part of a table."""
FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""What the system says where a disk is full."""
_LEAST_SPACE = 1 << 20
"""Bytes; a disk with less is full."""

SWEEP_LOCK = "sweep.lock"
"""File in it that is locked while folders of killed runs are removed."""


@contextmanager
def staging_folder(lake: Path) -> Iterator[Path]:
    """Give a fresh folder on the lake's disk, removed afterwards; sweeps those of killed runs first."""
    root = lake / STAGING
    with full_disk_reported(lake):
        root.mkdir(exist_ok=True)
        made = _make_folder(root)
    yield from _give(*made)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a fresh folder among the system's temporary files, as :func:`staging_folder` does for this user's runs."""
    with full_disk_reported(Path(tempfile.gettempdir())):
        root = _own_folder()
        if root is not None:
            yield from _give(*_make_folder(root))
            return
        with tempfile.TemporaryDirectory(prefix="sentinel-batch-") as name:
            yield Path(name)


def _make_folder(root: Path) -> tuple[Path, BaseFileLock]:
    """Make a folder and its lock, which the caller releases; remove the folders whose owners are dead."""
    from filelock import FileLock, Timeout  # Late: reading takes no lock.

    # Waited for without a limit: its holder only deletes folders, and a dead one no longer holds it.
    with FileLock(str(root / SWEEP_LOCK)):
        for folder in root.glob("run-*"):
            # A folder whose lock can be taken has no living owner, because the system releases locks of dead
            # processes.
            with suppress(Timeout, OSError), FileLock(str(folder / "owner.lock"), timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        # Made and locked under the sweep's lock: otherwise another sweep could remove it in between.
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=root))
        # Not of one thread: a folder that is kept with a frame is given up by whoever drops the frame.
        owner = FileLock(str(folder / "owner.lock"), thread_local=False)
        owner.acquire()
        return folder, owner


def _give(folder: Path, owner: BaseFileLock) -> Iterator[Path]:
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        owner.release()


def _own_folder() -> Path | None:
    """Return a folder of this user alone among the temporary files; None if somebody else made one of its name."""
    if not hasattr(os, "getuid"):  # Windows, whose temporary files are each user's own.
        return None
    folder = Path(tempfile.gettempdir()) / f"sentinel-batch-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    # Everybody may write there: who plants a folder, or a link, must not read or delete what is put into it.
    found = folder.lstat()
    alone = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    return folder if alone else None


def spill_folder(lake: Path) -> Path:
    """Return where the engine may put what does not fit into memory: the lake's disk, which was chosen for size."""
    folder = lake / STAGING
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
    return folder if os.access(folder, os.W_OK) else _spill_elsewhere()


@cache
def _spill_elsewhere() -> Path:
    """Make the folder of this process for spills of lakes that can only be read."""
    held = ExitStack()
    folder = held.enter_context(temporary_folder())
    atexit.register(held.close)
    return folder


def _has_no_space(path: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(path).free < _LEAST_SPACE
    return False


@contextmanager
def full_disk_reported(path: Path) -> Iterator[None]:
    """Turn a full disk, however a library words it, into a :class:`DiskFullError`."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        text = str(error).lower()
        # Arrow, DuckDB and delta-rs each wrap the system's error in one of their own, with its text as all that is
        # left.
        full = isinstance(error, OSError) and error.errno in FULL
        full = full or any(words in text for words in ("no space left", "file too large", "quota exceeded"))
        # Of a small file that Polars cannot end, not even that is left.
        if full or ("thrift: transport error" in text and _has_no_space(path)):
            raise DiskFullError(
                f"The disk that holds {path} is full; what was committed before is intact.",
                hint="Free space (sentinel-batch maintain removes files that nothing refers to), then run again.",
            ) from error
        raise
