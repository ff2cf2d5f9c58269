"""What can go wrong with an event, and whether trying again could help."""

from __future__ import annotations

from typing import Any

from audio_batch.errors import AudioError, AudioUsageError


class EventError(AudioError):
    """An event could not be processed.

    Parameters
    ----------
    reason
        Stable name, such as ``fetch_failed``; it stands in the headers of a dead letter.
    permanent
        Whether every further try would fail as well.
    """

    def __init__(self, message: str, *, reason: str, permanent: bool, hint: str = "", **details: Any) -> None:
        super().__init__(message, hint=hint, reason=reason, **details)
        self.reason = reason
        self.permanent = permanent


class BrokerError(AudioError):
    """A broker cannot be reached, or refused; its messages stay where they are."""


class AddressError(AudioUsageError):
    """The address of a queue is not of a form that is known."""
