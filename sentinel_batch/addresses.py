"""Where a lake may be: in a folder of this machine, or in object storage."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

LAKE_PLACES = (
    "a folder, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://CONTAINER/FOLDER or "
    "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/FOLDER, without a password"
)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
"""Begin of an address; a drive such as ``C:`` has one letter. ``Path`` makes one slash of two."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOSTS = {"s3": _BUCKET, "gs": _BUCKET, "az": _BUCKET, "abfss": re.compile(r"[a-z0-9-]+@[a-z0-9]+(\.[a-z0-9-]+)+")}
# Other characters are written otherwise in an address than in a key, and libraries differ about it.
_PART = re.compile(r"(?!\.\.?$)[A-Za-z0-9._=+-]+")


def read_place(place: str | Path) -> Path | str:
    """Return a folder as a path, and an address in object storage as a text without a slash at its end.

    Raises
    ------
    ValueError
        If it is an address of another kind, has a password, or was made a ``Path`` (which spoils it).
    """
    text = str(place).strip()
    if not _SCHEME.match(text):
        return Path(place)
    address = urlsplit(text)
    host = _HOSTS.get(address.scheme)
    parts = address.path.strip("/").split("/") if address.path.strip("/") else []
    if isinstance(place, Path) or host is None or not host.fullmatch(address.netloc) or "?" in text or "#" in text:
        raise ValueError(place)
    if not all(_PART.fullmatch(part) for part in parts):
        raise ValueError(place)
    return "/".join([f"{address.scheme}://{address.netloc}", *parts])
