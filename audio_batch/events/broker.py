"""The port: what a queue must be able to do, whatever it is spoken to with.

A message is taken, worked on, and then acknowledged, given back, or buried as a dead letter. One that is none of these
because its consumer died comes again. All calls may raise `BrokerError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, eq=False)
class Delivery:
    """A message as it was handed out, once.

    Attributes
    ----------
    body
        The event, not yet looked at.
    receipt
        What the queue needs to know which one is meant.
    """

    body: bytes
    receipt: Any


@dataclass(frozen=True)
class Burial:
    """Why a message becomes a dead letter.

    Attributes
    ----------
    reason
        Stable name, such as ``invalid_event``.
    message
        The same in words.
    attempts
        How often the event was tried.
    """

    reason: str
    message: str
    attempts: int

    def to_headers(self) -> dict[str, str]:
        """Return the headers of a dead letter: printable ASCII, short enough for every broker."""
        message = self.message.encode("ascii", "backslashreplace").decode()
        clean = "".join(character if character.isprintable() else " " for character in message)
        return {"reason": self.reason, "message": clean[:_HEADER_LENGTH], "attempts": str(self.attempts)}


_HEADER_LENGTH = 1000


class Source(Protocol):
    """A queue that events come from."""

    touch_seconds: float | None
    """How often messages that are worked on must be touched, lest they are handed to others; None if never."""

    async def connect(self) -> None:
        """Connect, or connect anew after a failure."""
        ...

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        """Return up to ``most`` messages, waiting for the first one so long; None if there will never be another."""
        ...

    async def ack(self, delivery: Delivery) -> None:
        """Say that a message is done with."""
        ...

    async def nack(self, delivery: Delivery, delay: float) -> None:
        """Give a message back, to come again behind others, after so many seconds if the broker can wait."""
        ...

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        """Put a message where dead letters lie, with the reason, and then say that it is done with."""
        ...

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        """Say that messages are still worked on."""
        ...

    async def count_waiting(self) -> int | None:
        """Return how many messages wait, or None if nobody knows."""
        ...

    async def close(self) -> None:
        """Disconnect; messages that were not answered come again."""
        ...


class Sink(Protocol):
    """A queue that results go to."""

    async def connect(self) -> None:
        """Connect, or connect anew after a failure."""
        ...

    async def publish(self, event_id: str, document: bytes) -> None:
        """Send a result; when this returns, the queue has it."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...
