"""Kafka: a topic read by a consumer group.

Kafka remembers one position for each partition, not single messages. So the position that is committed is that of the
oldest message that is not done with, and a message that is to come again is written anew at the end of the topic.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from audio_batch.events.addresses import Address
from audio_batch.events.broker import Burial, Delivery
from audio_batch.events.errors import BrokerError

_COMMIT_SECONDS = 1.0
_ANSWER_SECONDS = 30.0
_REACH_SECONDS = 10.0
_SESSION_SECONDS = 30.0
_LONGEST_PAUSE = 86_400_000
_BUFFERED_KB, _BUFFERED_MESSAGES = 8192, 100

Place = tuple[str, int]


def make_settings(address: Address) -> dict[str, Any]:
    """Return the settings of a client: where the brokers are, and who we are."""
    settings: dict[str, Any] = {"bootstrap.servers": address.place, "log_level": 0}
    if address.secure or address.user:
        scheme = ("SASL_" if address.user else "") + ("SSL" if address.secure else "PLAINTEXT")
        settings["security.protocol"] = scheme
    if address.user:
        login = {"sasl.username": address.user, "sasl.password": address.password or ""}
        settings |= {"sasl.mechanism": "PLAIN", **login}
    return settings


class Positions:
    """What of each partition is done with."""

    def __init__(self) -> None:
        self._open: dict[Place, dict[int, None]] = {}
        self._next: dict[Place, int] = {}
        # Partitions are taken away in the thread that polls, while messages end in the loop.
        self._lock = threading.Lock()

    def begin(self, place: Place, offset: int) -> None:
        """Note that a message was handed out; they come in order."""
        with self._lock:
            self._open.setdefault(place, {})[offset] = None
            self._next[place] = max(self._next.get(place, 0), offset + 1)

    def end(self, place: Place, offset: int) -> None:
        """Note that a message is done with."""
        with self._lock:
            self._open.get(place, {}).pop(offset, None)

    def forget(self, places: Sequence[Place]) -> None:
        """Forget partitions that are others' now."""
        with self._lock:
            for place in places:
                self._open.pop(place, None)
                self._next.pop(place, None)

    def list(self) -> dict[Place, int]:
        """Return the position of each partition: all before it are done with."""
        with self._lock:
            return {place: min(self._open.get(place) or (after,)) for place, after in self._next.items()}


class KafkaSource:
    """A topic of Kafka."""

    touch_seconds: float | None = None

    def __init__(self, address: Address) -> None:
        self._address = address
        self._topic, self._dead = address.name, address.dead
        self._consumer: Consumer | None = None
        self._producer = KafkaProducer(address)
        self._positions = Positions()
        self._committed: dict[Place, int] = {}
        self._commit_due = 0.0
        self._resting: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        await self._leave_group()
        await self._producer.connect()
        session = int(self._address.get_seconds("session", _SESSION_SECONDS) * 1000)
        settings = make_settings(self._address) | {
            "group.id": self._address.options.get("group", "sentinel"),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": session,
            "heartbeat.interval.ms": max(100, session // 3),
            # An analysis may take long, and each has a deadline of its own; a dead process is found by its heartbeat.
            "max.poll.interval.ms": _LONGEST_PAUSE,
            "queued.max.messages.kbytes": _BUFFERED_KB,
            "queued.min.messages": _BUFFERED_MESSAGES,
        }
        with _reported():
            self._consumer = Consumer(settings)
            self._consumer.subscribe([self._topic], on_revoke=self._let_go)

    def _let_go(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Commit what is done with before others take over."""
        self._commit(asynchronous=False)
        places = [(partition.topic, partition.partition) for partition in partitions]
        self._positions.forget(places)
        for place in places:
            self._committed.pop(place, None)

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        found = await asyncio.to_thread(self._poll, most, seconds)
        if time.monotonic() >= self._commit_due:
            self._commit(asynchronous=True)
        return found

    def _poll(self, most: int, seconds: float) -> list[Delivery]:
        consumer = self._get_consumer()
        with _reported():
            # The first one is waited for, the others only taken if they are here.
            first = consumer.poll(seconds)
            messages = [] if first is None else [first, *(consumer.consume(most - 1, 0.01) if most > 1 else [])]
        return [delivery for message in messages if (delivery := self._hand_out(message)) is not None]

    def _hand_out(self, message: Message) -> Delivery | None:
        error = message.error()
        if error is not None:
            if error.code() in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                return None  # The topic may be made yet.
            raise BrokerError(f"Kafka: {error.str()}")
        self._positions.begin(_find_place(message), message.offset() or 0)
        return Delivery(message.value() or b"", message)

    async def ack(self, delivery: Delivery) -> None:
        self._positions.end(_find_place(delivery.receipt), delivery.receipt.offset())

    async def nack(self, delivery: Delivery, delay: float) -> None:
        """Write it anew after the delay; until then its position is not committed, so nothing is lost."""

        async def come_again() -> None:
            message, written = delivery.receipt, False
            while not written:
                await asyncio.sleep(delay)
                with suppress(BrokerError):
                    await self._producer.send(self._topic, delivery.body, message.key(), message.headers() or [])
                    written = True
            await self.ack(delivery)

        task = asyncio.create_task(come_again())
        self._resting.add(task)
        task.add_done_callback(self._resting.discard)

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        message = delivery.receipt
        facts = burial.to_headers() | {"source": f"{message.topic()}/{message.partition()}/{message.offset()}"}
        headers = [*(message.headers() or []), *((name, text.encode()) for name, text in facts.items())]
        await self._producer.send(self._dead, delivery.body, message.key(), headers)
        await self.ack(delivery)

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: librdkafka's heartbeat says that we live."""

    async def count_waiting(self) -> int | None:
        return await asyncio.to_thread(self._count_waiting)

    def _count_waiting(self) -> int:
        consumer = self._get_consumer()
        with _reported():
            known, waiting = self._positions.list(), 0
            for partition in consumer.assignment():
                low, high = consumer.get_watermark_offsets(partition, timeout=_REACH_SECONDS)
                waiting += high - known.get((partition.topic, partition.partition), low)
        return waiting

    async def close(self) -> None:
        await self._leave_group()
        await self._producer.close()

    async def _leave_group(self) -> None:
        for task in self._resting:
            task.cancel()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await asyncio.to_thread(self._leave, consumer)
        self._positions, self._committed = Positions(), {}

    def _leave(self, consumer: Consumer) -> None:
        with _reported():
            self._commit(asynchronous=False, consumer=consumer)
            consumer.close()

    def _commit(self, *, asynchronous: bool, consumer: Consumer | None = None) -> None:
        self._commit_due = time.monotonic() + _COMMIT_SECONDS
        consumer = consumer or self._consumer
        moved = {place: at for place, at in self._positions.list().items() if self._committed.get(place) != at}
        if not moved or consumer is None:
            return
        offsets = [TopicPartition(topic, partition, at) for (topic, partition), at in moved.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=asynchronous)  # type: ignore[call-overload]
        except KafkaException:
            return  # Tried again in a second; what comes twice meanwhile is known to the store.
        self._committed |= moved

    def _get_consumer(self) -> Consumer:
        if self._consumer is None:
            raise BrokerError("Kafka is not connected.")
        return self._consumer


class KafkaProducer:
    """Writes messages and waits until all replicas have them."""

    def __init__(self, address: Address) -> None:
        self._settings = make_settings(address) | {
            "enable.idempotence": True, "linger.ms": 5, "delivery.timeout.ms": int(_ANSWER_SECONDS * 1000),
        }  # fmt: skip
        self._producer: Producer | None = None
        self._ended = threading.Event()

    async def connect(self) -> None:
        """Connect, and prove that there is somebody."""
        if self._producer is None:
            with _reported():
                self._producer = Producer(self._settings)
            threading.Thread(target=self._serve, args=(self._producer,), name="kafka", daemon=True).start()
        producer = self._producer
        with _reported():
            await asyncio.to_thread(producer.list_topics, timeout=_REACH_SECONDS)

    def _serve(self, producer: Producer) -> None:
        """Let the client tell what became of messages."""
        while not self._ended.is_set():
            producer.poll(0.2)

    async def send(self, topic: str, body: bytes, key: bytes | None, headers: list[tuple[str, Any]]) -> None:
        """Write a message."""
        if self._producer is None:
            raise BrokerError("Kafka is not connected.")
        loop = asyncio.get_running_loop()
        sent: asyncio.Future[None] = loop.create_future()

        def tell(error: KafkaError | None, message: Message) -> None:
            loop.call_soon_threadsafe(_resolve, sent, error)

        with _reported():
            self._producer.produce(topic, body, key, headers=headers, on_delivery=tell)
        await sent

    async def close(self) -> None:
        if self._producer is not None:
            await asyncio.to_thread(self._producer.flush, _REACH_SECONDS)
            self._ended.set()


class KafkaSink:
    """A topic of Kafka that results are written to, with their event's id as key."""

    def __init__(self, address: Address) -> None:
        self._topic = address.name
        self._producer = KafkaProducer(address)

    async def connect(self) -> None:
        await self._producer.connect()

    async def publish(self, event_id: str, document: bytes) -> None:
        await self._producer.send(self._topic, document, event_id.encode(), [])

    async def close(self) -> None:
        await self._producer.close()


def _resolve(sent: asyncio.Future[None], error: KafkaError | None) -> None:
    if sent.done():
        return
    if error is None:
        sent.set_result(None)
    else:
        sent.set_exception(BrokerError(f"Kafka did not take a message: {error.str()}"))


def _find_place(message: Message) -> Place:
    return message.topic() or "", message.partition() or 0


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (KafkaException, BufferError, RuntimeError) as error:
        raise BrokerError(f"Kafka: {error}") from error
