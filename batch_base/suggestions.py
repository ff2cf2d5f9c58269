"""What a reader may have meant by a name that is not known."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from difflib import get_close_matches


def find_nearest(value: object, options: Iterable[str]) -> str | None:
    """Return the option that a word most resembles, or None if it resembles none (difflib's ratio below 0.6)."""
    return next(iter(get_close_matches(str(value), list(options), n=1)), None)


def suggest(value: object, options: Iterable[str], otherwise: str = "") -> str:
    """Return the hint ``Did you mean 'wideband'?``.

    Parameters
    ----------
    value
        What was written.
    options
        What is known.
    otherwise
        The hint where nothing known is near.
    """
    near = find_nearest(value, options)
    return f"Did you mean {near!r}?" if near is not None else otherwise


def type_last(name: str) -> str:
    """Return a file's name as typed at the end of a command: quoted, and after ``--`` if it begins with a dash."""
    return f"{'-- ' * name.startswith('-')}{shlex.quote(name)}"
