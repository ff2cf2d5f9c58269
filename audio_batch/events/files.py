"""A file of JSON lines as a queue: for a night's batch of events, and for what another program wrote down.

The file is never changed. It is read from the beginning each time, and what was answered before is known to the store.
A result that a killed consumer wrote and did not live to remember is found again in the last part of the results.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from audio_batch.events.addresses import Address
from audio_batch.events.broker import Burial, Delivery
from audio_batch.events.errors import AddressError, BrokerError
from audio_batch.events.event import MOST_BYTES

_TAIL = 4 << 20
"""Bytes of results that are looked at: more than any number of events that are under way at the same time."""


class FileSource:
    """The lines of a file, each an event; empty ones are passed over."""

    touch_seconds: float | None = None

    def __init__(self, address: Address) -> None:
        self._path = Path(address.name)
        self._dead = Path(address.dead)
        self._again: deque[bytes] = deque()
        self._resting = 0
        self._file: BinaryIO | None = None

    async def connect(self) -> None:
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except OSError as error:
                message = f"The file of events {str(self._path)!r} cannot be read: {error.strerror}."
                raise AddressError(message, hint="Name a file of JSON lines: file:events.jsonl.") from error

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        found: list[Delivery] = []
        while len(found) < most and (line := self._next()) is not None:
            if line.strip():
                found.append(Delivery(line.strip(), None))
        if found or not self._resting:
            return found or None
        await asyncio.sleep(min(seconds, 0.1))
        return []

    def _next(self) -> bytes | None:
        if self._again:
            return self._again.popleft()
        if self._file is None or not (line := self._file.readline(MOST_BYTES + 2)):
            return None
        piece = line
        while not piece.endswith(b"\n") and (piece := self._file.readline(MOST_BYTES)):
            pass  # The rest of a line that is too long already: it is no event, whatever follows.
        return line

    async def ack(self, delivery: Delivery) -> None:
        """Do nothing: the store remembers."""

    async def nack(self, delivery: Delivery, delay: float) -> None:
        def come_again() -> None:
            self._resting -= 1
            self._again.append(delivery.body)

        self._resting += 1
        asyncio.get_running_loop().call_later(delay, come_again)

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        letter = {**burial.to_headers(), "event": delivery.body.decode(errors="backslashreplace")}
        append_line(self._dead, json.dumps(letter).encode())

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing."""

    async def count_waiting(self) -> int | None:
        return None

    async def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class FileSink:
    """A file that results are appended to, a line each."""

    def __init__(self, address: Address) -> None:
        self._path = Path(address.name)
        self._written: set[str] = set()

    async def connect(self) -> None:
        try:
            self._written = _mend(self._path)
        except OSError as error:
            message = f"The file of results {str(self._path)!r} cannot be written: {error.strerror}."
            raise AddressError(message, hint="Name a file in a folder that exists.") from error

    async def publish(self, event_id: str, document: bytes) -> None:
        if event_id in self._written:
            self._written.discard(event_id)
            return
        append_line(self._path, document)

    async def close(self) -> None:
        """Do nothing: each line was on the disk before it counted."""


def append_line(path: Path, line: bytes) -> None:
    """Append a line to a file, and wait until the disk has it."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise BrokerError(f"{str(path)!r} cannot be written: {error.strerror}.") from error


def _mend(path: Path) -> set[str]:
    """Cut off half a line that a killed consumer left, and return the ids of the last results."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        if len(whole) < len(tail):
            file.truncate(size - len(tail) + len(whole))
    lines = whole.splitlines() if size <= _TAIL else whole.splitlines()[1:]
    return {name for line in lines if (name := _find_id(line))}


def _find_id(line: bytes) -> str | None:
    try:
        return str(json.loads(line)["event_id"])
    except (ValueError, KeyError, TypeError):
        return None
