"""Names of files as text, and back: a name may hold any byte but two."""

from __future__ import annotations

import os
import re
from pathlib import Path

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def name_of(path: Path | str) -> str:
    """Return a path as text that can be stored and printed, on one line.

    Bytes that are not UTF-8, control characters and ends of lines become ``\\xNN``.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return text if text.isprintable() else _BREAKS.sub(_escape, text)


def path_of(name: str) -> Path:
    """Return the path that :func:`name_of` wrote as text: the one that is there, if it may be either."""
    path = Path(name)
    if os.path.lexists(path):
        return path
    data = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), os.fsencode(name))
    return path if b"\0" in data else Path(os.fsdecode(data))


def _escape(found: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in found[0].encode())
