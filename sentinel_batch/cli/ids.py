"""Ids that are typed: a subscriber's number is none, and a command that wants an id says so."""

from __future__ import annotations

import re
import shlex

from sentinel_batch.errors import UsageError

_DIALLED = re.compile(r"0[0-9]{2,}|\+[0-9]+")


def parse_id(text: str) -> int:
    """Return an id of an alert, a case or a box, or say why it is none."""
    if is_dialled(text):
        raise UsageError(
            f"{text} is a number, no id: ids have neither + nor a 0 before them.", hint=hint_at_number(text), value=text
        )
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number.") from None


def is_dialled(text: str) -> bool:
    """Tell whether a word is written as numbers are dialled: with a 0 or a + before it."""
    return _DIALLED.fullmatch(text.strip()) is not None


def hint_at_number(text: str) -> str:
    """Return the command that lists the alerts of the numbers that begin so."""
    return f"Alerts of numbers that begin so: sentinel-batch alerts list --suspect {shlex.quote(text.strip() + '*')}"
