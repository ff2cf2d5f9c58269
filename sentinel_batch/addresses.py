"""Where a lake may be: a folder of this machine, and not an address that would be taken for one."""

from __future__ import annotations

import re
from pathlib import Path

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""Begin of an address; a drive such as ``C:`` has one letter. ``Path`` makes one slash of two."""


def refuse_address(place: str | Path) -> None:
    """Check that a place is no address with a scheme: as a path, ``s3://bucket/lake`` is a folder called ``s3:``.

    Raises
    ------
    ValueError
        If it is one.
    """
    if _SCHEME.match(str(place)):
        raise ValueError(place)
