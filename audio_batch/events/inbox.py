"""Events that came over HTTP: they wait in the store, which is a queue of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

from audio_batch.events.broker import Burial, Delivery
from audio_batch.events.files import append_line
from audio_batch.events.store import EventStore


class InboxSource:
    """The inbox of a store.

    Parameters
    ----------
    store
        The store.
    dead
        File of JSON lines that dead letters are appended to.
    """

    touch_seconds: float | None = None

    def __init__(self, store: EventStore, dead: Path) -> None:
        self._store = store
        self._dead = dead
        self._taken: set[int] = set()
        self._filled = asyncio.Event()

    def wake(self) -> None:
        """Say that there is a new event."""
        self._filled.set()

    async def connect(self) -> None:
        """Do nothing: the store is open."""

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        self._filled.clear()
        found = await self._store.take(most, self._taken, time.time())
        if not found:
            try:
                await asyncio.wait_for(self._filled.wait(), seconds)
            except TimeoutError:
                return []
            found = await self._store.take(most, self._taken, time.time())
        self._taken.update(number for number, _ in found)
        return [Delivery(body, number) for number, body in found]

    async def ack(self, delivery: Delivery) -> None:
        await self._store.drop(delivery.receipt)
        self._taken.discard(delivery.receipt)

    async def nack(self, delivery: Delivery, delay: float) -> None:
        await self._store.postpone(delivery.receipt, time.time() + delay)
        self._taken.discard(delivery.receipt)

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        letter = {**burial.to_headers(), "event": delivery.body.decode(errors="backslashreplace")}
        append_line(self._dead, json.dumps(letter).encode())
        await self.ack(delivery)

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: nobody else takes them."""

    async def count_waiting(self) -> int | None:
        return self._store.count_inbox()

    async def close(self) -> None:
        """Do nothing: the store belongs to others."""
