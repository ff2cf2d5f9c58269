"""One recording to analyse; plain types, because it travels to workers as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """What is asked of one recording.

    Attributes
    ----------
    path, name
        Where it is, and what it is called in the tables.
    size
        Bytes.
    context
        What the manifest knows of the call.
    problem
        Why it is not opened, or None.
    policy
        What routes it instead of the policy of the batch, or None.
    """

    path: str
    name: str
    size: int
    context: dict[str, Any]
    problem: str | None = None
    policy: str | None = None

    @property
    def call_id(self) -> str | None:
        """The call that the recording belongs to, as text."""
        return self._get_text("call_id")

    @property
    def enrollment_id(self) -> str | None:
        """The voice that the recording should carry."""
        return self._get_text("enrollment_id")

    def _get_text(self, field: str) -> str | None:
        value = self.context.get(field)
        return None if value is None or value == "" else str(value)
