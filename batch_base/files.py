"""Files that are whole or not there."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART_SUFFIX = ".part"
"""Ending of a file that is not whole yet; one that a killed process left may be removed."""

_NAME_KEPT = 40


@contextmanager
def replaced_file(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Give a new, empty file beside a path; it takes the path's place when the block ends well.

    No reader ever sees half a file, and a killed process leaves the old one.

    Parameters
    ----------
    path
        What to write or replace; its folder must exist. A symbolic link is replaced, not followed.
    mode
        Permissions of the file, whatever the umask. Until it is whole only its owner may read it. None leaves both to
        the umask.

    Yields
    ------
    Path
        The file to write, with a name that nobody can guess. It is removed if the block raises.

    Raises
    ------
    OSError
        If the folder cannot be written, or the path cannot be replaced.
    """
    kept = re.sub("[^A-Za-z0-9.]", "_", path.name)[:_NAME_KEPT]
    fresh = path.with_name(f".{kept}.{secrets.token_hex(8)}{PART_SUFFIX}")
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else 0o600))
    try:
        yield fresh
        if mode is not None:
            fresh.chmod(mode)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
