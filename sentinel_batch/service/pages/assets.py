"""Style sheet and scripts, under addresses that hold their hash: a browser keeps them until they change."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from sentinel_batch.reporting.box_picture import read_styles
from sentinel_batch.reporting.page import read_asset
from sentinel_batch.service.guard import STATIC

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_HASH_LENGTH = 16


def address(name: str) -> str:
    """Return where a page finds a file: ``page.css``, ``page.js`` or ``htmx.js``."""
    return f"{STATIC}{hashlib.sha256(read(name)).hexdigest()[:_HASH_LENGTH]}/{name}"


def media_type(name: str) -> str:
    """Return what a file is."""
    return _TYPES[name.rpartition(".")[2]]


@cache
def read(name: str) -> bytes:
    """Return a file; the style sheet is that of the report, and what only the live page needs after it.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    if name == "page.css":
        return "\n".join([read_styles(), read_asset("report.css"), _own("page.css")]).encode()
    return _own({"page.js": "page.js", "htmx.js": "htmx.min.js"}[name]).encode()


def _own(name: str) -> str:
    return files("sentinel_batch.service.pages").joinpath("static", name).read_text(encoding="utf-8")
