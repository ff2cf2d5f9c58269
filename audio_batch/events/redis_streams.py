"""Redis: a stream with a consumer group.

What is not acknowledged stays with the group. It is claimed by whoever asks, once nobody has touched it for ``idle``
seconds: that is how messages of a dead consumer come again, and those that were given back.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from audio_batch.events.addresses import Address
from audio_batch.events.broker import Burial, Delivery
from audio_batch.events.errors import BrokerError

_FIELD = b"event"
_IDLE_SECONDS = 60.0
_TIMEOUT_SECONDS = 10.0
_REMEMBERED_SECONDS = 7 * 86400

_PUBLISH = """
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[3]) then
    redis.call('XADD', KEYS[1], '*', 'event_id', ARGV[1], 'result', ARGV[2])
end
"""
"""One step: a result is added, and that it was; so a consumer that is killed after it cannot add it again."""

_BURY = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
end
"""


class _Connection:
    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: Redis | None = None

    async def open(self) -> None:
        await self.close()
        address = self._address
        host, _, port = address.place.rpartition(":")
        with _reported():
            self._client = Redis(
                host=host if port.isdigit() else address.place,
                port=int(port) if port.isdigit() else 6379,
                db=int(address.path or 0),
                username=address.user,
                password=address.password,
                ssl=address.secure,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),  # The consumer tries again, and says so.
            )
            await self._client.ping()

    @property
    def client(self) -> Any:
        if self._client is None:
            raise BrokerError("Redis is not connected.")
        return self._client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(RedisError, OSError):
                await client.aclose()


class RedisSource:
    """A stream of Redis; it and the group are made if they are missing."""

    def __init__(self, address: Address) -> None:
        self._line = _Connection(address)
        self._stream, self._dead = address.name, address.dead
        self._group = address.options.get("group", "sentinel")
        self._consumer = address.options.get("consumer") or f"{socket.gethostname()}-{os.getpid()}"
        self._idle = address.get_seconds("idle", _IDLE_SECONDS)
        self._claimed_from: bytes | str = "0-0"
        self._held: set[bytes] = set()
        self.touch_seconds: float | None = self._idle / 4

    async def connect(self) -> None:
        await self._line.open()
        with _reported():
            try:
                await self._line.client.xgroup_create(self._stream, self._group, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        with _reported():
            found = await self._claim(most)
            if not found:
                answer = await self._line.client.xreadgroup(
                    self._group, self._consumer, {self._stream: ">"}, count=most, block=max(1, int(seconds * 1000))
                )
                found = _list_entries(answer)
        self._held.update(name for name, _ in found)
        return [Delivery(_find_body(fields), name) for name, fields in found]

    async def _claim(self, most: int) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        """Take over what nobody has touched for long; what was deleted from the stream meanwhile is done with."""
        idle = int(self._idle * 1000)
        self._claimed_from, found, *_ = await self._line.client.xautoclaim(
            self._stream, self._group, self._consumer, min_idle_time=idle, start_id=self._claimed_from, count=most
        )
        return [(name, fields) for name, fields in found if fields is not None and name not in self._held]

    async def ack(self, delivery: Delivery) -> None:
        self._held.discard(delivery.receipt)
        with _reported():
            await self._line.client.xack(self._stream, self._group, delivery.receipt)

    async def nack(self, delivery: Delivery, delay: float) -> None:
        """Let go of it: it is claimed again when it has been idle for long enough."""
        self._held.discard(delivery.receipt)

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        self._held.discard(delivery.receipt)
        fields = {"event": delivery.body, "source_id": delivery.receipt, **burial.to_headers()}
        words = [word for pair in fields.items() for word in pair]
        with _reported():
            await self._line.client.eval(_BURY, 2, self._stream, self._dead, self._group, delivery.receipt, *words)

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        names = [delivery.receipt for delivery in deliveries if delivery.receipt in self._held]
        if names:
            with _reported():
                await self._line.client.xclaim(
                    self._stream, self._group, self._consumer, min_idle_time=0, message_ids=names, justid=True
                )

    async def count_waiting(self) -> int | None:
        with _reported():
            groups = await self._line.client.xinfo_groups(self._stream)
        for group in groups:
            if group["name"] == self._group.encode():
                return int(group["pending"]) + int(group.get("lag") or 0)
        return None

    async def close(self) -> None:
        await self._line.close()


class RedisSink:
    """A stream of Redis that results are added to, once for each event within a week."""

    def __init__(self, address: Address) -> None:
        self._line = _Connection(address)
        self._stream = address.name

    async def connect(self) -> None:
        await self._line.open()

    async def publish(self, event_id: str, document: bytes) -> None:
        mark = f"{self._stream}:published:{event_id}"
        with _reported():
            await self._line.client.eval(_PUBLISH, 2, self._stream, mark, event_id, document, _REMEMBERED_SECONDS)

    async def close(self) -> None:
        await self._line.close()


def _list_entries(answer: Any) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
    """Return the entries of an answer to XREADGROUP, of both versions of the protocol."""
    pairs = answer.items() if isinstance(answer, dict) else answer or ()
    found = []
    for _, entries in pairs:
        inner = entries[0] if entries and isinstance(entries[0], list) else entries
        found += [(name, fields) for name, fields in inner if fields is not None]
    return found


def _find_body(fields: Mapping[bytes, bytes]) -> bytes:
    """Return the field ``event``, or the only one that there is; else all of them, which is no event, and is kept."""
    if _FIELD in fields:
        return fields[_FIELD]
    if len(fields) == 1:
        return next(iter(fields.values()))
    texts = {
        name.decode(errors="backslashreplace"): text.decode(errors="backslashreplace") for name, text in fields.items()
    }
    return json.dumps(texts).encode()


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise BrokerError(f"Redis: {type(error).__name__}: {error}") from error
