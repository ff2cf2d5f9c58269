"""The base of every error that a user may see."""

from __future__ import annotations

from typing import Any


class ReportedError(Exception):
    """An error that a user may see, whatever raised it.

    Parameters
    ----------
    message
        What is wrong, with the bad value and the file it stands in.
    hint
        What the reader can do about it.
    details
        Machine-readable facts for a JSON error document.
    """

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    @property
    def code(self) -> str:
        """Stable name of the error in JSON output, such as ``unreadable_audio``."""
        name = type(self).__name__.removesuffix("Error")
        return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message
