"""Files as bytes: opened without trusting what the name stands for, hashed, and named in messages."""

from __future__ import annotations

import hashlib
import os
import stat
from os import PathLike
from typing import BinaryIO

from audio_batch.errors import UnreadableAudioError


def hash_file(path: str | PathLike[str]) -> tuple[str, int]:
    """Return the SHA-256 of a file's bytes, hexadecimal, and their number, reading a megabyte at a time."""
    digest, size = hashlib.sha256(), 0
    with open_file(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def open_file(path: str | PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; a folder, pipe or device is refused without waiting for it.

    Raises
    ------
    UnreadableAudioError
        With reason ``missing``, ``unreadable`` or ``not_a_file``.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise refuse_file(path, "missing", "does not exist", "Check the path.") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise refuse_file(path, "unreadable", f"cannot be opened: {why}", "Check the file's permissions.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refuse_file(path, "not_a_file", "is not a regular file", "Name the recordings themselves.")
    return os.fdopen(handle, "rb")


def show_path(path: str | PathLike[str]) -> str:
    """Quote a file name for a message: names come from outside and may hold line breaks, escapes or lone bytes."""
    return repr(os.fspath(path))


def printable(text: str) -> str:
    """Write lone bytes of a file name as escapes, so that the text can be encoded."""
    return text.encode("utf-8", "backslashreplace").decode()


def refuse_file(path: str | PathLike[str], reason: str, what: str, hint: str) -> UnreadableAudioError:
    """Make the error that says why a file is not decoded; `reason` is one word for programs."""
    return UnreadableAudioError(f"{show_path(path)} {what}", hint=hint, reason=reason, path=os.fspath(path))
