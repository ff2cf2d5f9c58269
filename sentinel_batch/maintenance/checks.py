"""What a diagnosis is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name
        Stable name, such as ``table call_records``.
    status
        ``ok``, ``warning`` (works, needs attention) or ``error`` (does not work).
    message
        What was found.
    hint
        What to do about it.
    """

    name: str
    status: Status
    message: str
    hint: str = ""
