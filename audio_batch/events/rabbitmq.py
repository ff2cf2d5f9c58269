"""RabbitMQ: a durable queue, one beside it for what comes again later, and one for dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity

from audio_batch.events.addresses import Address
from audio_batch.events.broker import Burial, Delivery
from audio_batch.events.errors import BrokerError

_SECONDS = 10.0
_ANSWER_SECONDS = 30.0


class _Connection:
    """A connection with a channel that confirms what it was given."""

    def __init__(self, address: Address, prefetch: int) -> None:
        self._address = address
        self._prefetch = prefetch
        self._connection: AbstractConnection | None = None
        self._open: AbstractChannel | None = None

    async def open(self) -> AbstractChannel:
        """Connect, leaving what was there behind."""
        await self.close()
        with _reported("cannot be reached"):
            self._connection = await aio_pika.connect(_write_url(self._address), timeout=_SECONDS)
            self._open = await self._connection.channel(publisher_confirms=True)
            await self._open.set_qos(prefetch_count=self._prefetch)
        return self._open

    @property
    def channel(self) -> AbstractChannel:
        self.check()
        assert self._open is not None  # noqa: S101 - checked
        return self._open

    def check(self) -> None:
        """Refuse a connection that is gone."""
        gone = self._connection is None or self._connection.is_closed
        if gone or self._open is None or self._open.is_closed:
            raise BrokerError("The connection to RabbitMQ is gone.")

    async def ensure_queue(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Make a durable queue if there is none of the name; one that is there may be of any kind."""
        assert self._connection is not None  # noqa: S101 - open() comes first
        with _reported(f"does not let us use the queue {name!r}"):
            try:
                # A channel of its own, since a question for what is not there ends the channel.
                await (await self._connection.channel()).declare_queue(name, passive=True)
            except ChannelNotFoundEntity:
                await self.channel.declare_queue(name, durable=True, arguments=arguments)

    async def send(self, queue: str, body: bytes, headers: dict[str, Any], **facts: Any) -> None:
        """Put a message into a queue, and wait until the broker has it on its disk."""
        message = aio_pika.Message(
            body,
            headers=headers,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            content_type="application/json",
            **facts,
        )
        with _reported("did not take a message"):
            await self.channel.default_exchange.publish(message, queue, mandatory=True, timeout=_ANSWER_SECONDS)

    async def close(self) -> None:
        connection, self._connection, self._open = self._connection, None, None
        if connection is not None:
            with suppress(Exception):  # It may be gone already, in any way.
                await asyncio.wait_for(connection.close(), _SECONDS)


class RabbitSource:
    """A queue of RabbitMQ; it and its two companions are made if they are missing."""

    touch_seconds: float | None = None

    def __init__(self, address: Address, prefetch: int) -> None:
        self._address = address
        self._line = _Connection(address, prefetch)
        self._arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

    async def connect(self) -> None:
        await self._line.open()
        name = self._address.name
        self._arrived = asyncio.Queue()
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": name}
        for queue, arguments in ((name, None), (self._address.dead, None), (_name_later(name), back)):
            await self._line.ensure_queue(queue, arguments)
        with _reported(f"does not let us read the queue {name!r}"):
            found = await self._line.channel.get_queue(name, ensure=False)
            await found.consume(self._arrived.put)

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        found: list[Delivery] = []
        with suppress(TimeoutError):
            found.append(_hand_out(await asyncio.wait_for(self._arrived.get(), seconds)))
        while len(found) < most and not self._arrived.empty():
            found.append(_hand_out(self._arrived.get_nowait()))
        if not found:
            self._line.check()
        return found

    async def ack(self, delivery: Delivery) -> None:
        with _reported("did not take an answer"):
            await delivery.receipt.ack()

    async def nack(self, delivery: Delivery, delay: float) -> None:
        headers = dict(delivery.receipt.headers)
        await self._line.send(_name_later(self._address.name), delivery.body, headers, expiration=delay)
        await self.ack(delivery)

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        headers = {**delivery.receipt.headers, **{f"x-{name}": text for name, text in burial.to_headers().items()}}
        await self._line.send(self._address.dead, delivery.body, headers)
        await self.ack(delivery)

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: the connection's heartbeat says that we live."""

    async def count_waiting(self) -> int | None:
        with _reported("does not say how many messages wait"):
            queue = await self._line.channel.declare_queue(self._address.name, passive=True)
        return queue.declaration_result.message_count

    async def close(self) -> None:
        await self._line.close()


class RabbitSink:
    """A queue of RabbitMQ that results are put into, named by their event (``message_id``)."""

    def __init__(self, address: Address) -> None:
        self._name = address.name
        self._line = _Connection(address, 0)

    async def connect(self) -> None:
        await self._line.open()
        await self._line.ensure_queue(self._name)

    async def publish(self, event_id: str, document: bytes) -> None:
        await self._line.send(self._name, document, {}, message_id=event_id)

    async def close(self) -> None:
        await self._line.close()


def _name_later(queue: str) -> str:
    return f"{queue}.later"


def _hand_out(message: AbstractIncomingMessage) -> Delivery:
    return Delivery(message.body, message)


def _write_url(address: Address) -> str:
    login = f"{quote(address.user or 'guest', safe='')}:{quote(address.password or 'guest', safe='')}"
    return f"amqp{'s' if address.secure else ''}://{login}@{address.place}/{quote(address.path, safe='')}"


@contextmanager
def _reported(what: str) -> Iterator[None]:
    """Raise whatever the client raises as a BrokerError; it has a dozen ways to say that a connection is gone."""
    try:
        yield
    except BrokerError:
        raise
    except (AMQPError, OSError, RuntimeError, ValueError) as error:
        raise BrokerError(f"RabbitMQ {what}: {type(error).__name__}: {error}") from error
