"""Templates that were compiled before: compiling takes longer than filling them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from jinja2 import FileSystemBytecodeCache


def find_compiled() -> FileSystemBytecodeCache | None:
    """Return where compiled templates are kept: the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``).

    None where that cannot be written, and then they are compiled anew. Jinja knows each by the hash of its text. It
    must not lie in the lake: whoever may write there could otherwise put code into other people's reports.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "sentinel-batch" / "templates"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return FileSystemBytecodeCache(str(folder)) if os.access(folder, os.W_OK) else None
