"""What a test does to a queue from the other side: sends events, reads results and dead letters, by plain clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from tests.audio_batch.events.servers import Program, sqs_server

KINDS = ("file", "redis", "rabbitmq", "sqs", "kafka")


@dataclass(frozen=True)
class Letter:
    """A dead letter."""

    body: bytes
    headers: dict[str, str]


class Queue(Protocol):
    source: str
    results: str

    def send(self, bodies: Sequence[bytes]) -> None: ...

    def read_results(self) -> list[dict[str, Any]]:
        """Return all results so far, in the order in which they arrived."""
        ...

    def read_dead(self) -> list[Letter]:
        """Return all dead letters so far."""
        ...


@dataclass
class RedisQueue:
    program: Program
    name: str = field(default_factory=lambda: uuid4().hex)

    @property
    def source(self) -> str:
        return f"redis://127.0.0.1:{self.program.port}/0?stream={self.name}&idle=1.5"

    @property
    def results(self) -> str:
        return f"redis://127.0.0.1:{self.program.port}/0?stream={self.name}.results"

    def _client(self) -> Any:
        import redis

        return redis.Redis(port=self.program.port)

    def send(self, bodies: Sequence[bytes]) -> None:
        with self._client() as client:
            pipe = client.pipeline(transaction=False)
            for body in bodies:
                pipe.xadd(self.name, {"event": body})
            pipe.execute()

    def read_results(self) -> list[dict[str, Any]]:
        with self._client() as client:
            return [json.loads(fields[b"result"]) for _, fields in client.xrange(f"{self.name}.results")]

    def read_dead(self) -> list[Letter]:
        with self._client() as client:
            entries = [fields for _, fields in client.xrange(f"{self.name}.dead")]
        texts = [
            {name.decode(): text.decode() for name, text in fields.items() if name != b"event"} for fields in entries
        ]
        return [Letter(fields[b"event"], text) for fields, text in zip(entries, texts, strict=True)]


@dataclass
class RabbitQueue:
    program: Program
    name: str = field(default_factory=lambda: uuid4().hex)
    _seen: dict[str, list[Any]] = field(default_factory=lambda: {"results": [], "dead": []})

    @property
    def source(self) -> str:
        return f"{self._url}/?queue={self.name}"

    @property
    def results(self) -> str:
        return f"{self._url}/?queue={self.name}.results"

    @property
    def _url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.program.port}"

    def send(self, bodies: Sequence[bytes]) -> None:
        import aio_pika

        async def send() -> None:
            async with await aio_pika.connect(self._url) as connection:
                channel = await connection.channel()
                await channel.declare_queue(self.name, durable=True)
                messages = [aio_pika.Message(body, delivery_mode=2) for body in bodies]
                for start in range(0, len(messages), 500):
                    part = messages[start : start + 500]
                    await asyncio.gather(*(channel.default_exchange.publish(one, self.name) for one in part))

        asyncio.run(send())

    def read_results(self) -> list[dict[str, Any]]:
        return self._read("results", lambda message: json.loads(message.body))

    def read_dead(self) -> list[Letter]:
        def read(message: Any) -> Letter:
            texts = {name.removeprefix("x-"): str(text) for name, text in message.headers.items()}
            return Letter(message.body, texts)

        return self._read("dead", read)

    def _read(self, which: str, form: Any) -> list[Any]:
        import aio_pika

        async def read() -> None:
            async with await aio_pika.connect(self._url) as connection:
                channel = await connection.channel()
                queue = await channel.declare_queue(f"{self.name}.{which}", durable=True)
                while (message := await queue.get(no_ack=True, fail=False)) is not None:
                    self._seen[which].append(form(message))

        asyncio.run(read())
        return self._seen[which]


@dataclass
class SqsQueue:
    name: str = field(default_factory=lambda: uuid4().hex)
    _seen: dict[str, list[Any]] = field(default_factory=lambda: {"results": [], "dead": []})

    def __post_init__(self) -> None:
        import boto3

        self._client = boto3.client("sqs")
        self._urls = {
            which: self._client.create_queue(QueueName=f"{self.name}{suffix}")["QueueUrl"]
            for which, suffix in (("source", ""), ("results", "-results"), ("dead", "-dead"))
        }
        self.source = f"sqs://{self.name}?visibility=3"
        self.results = f"sqs://{self.name}-results"

    def send(self, bodies: Sequence[bytes]) -> None:
        for start in range(0, len(bodies), 10):
            entries = [
                {"Id": str(number), "MessageBody": body.decode()}
                for number, body in enumerate(bodies[start : start + 10])
            ]
            self._client.send_message_batch(QueueUrl=self._urls["source"], Entries=entries)

    def read_results(self) -> list[dict[str, Any]]:
        return self._read("results", lambda message: json.loads(message["Body"]))

    def read_dead(self) -> list[Letter]:
        def read(message: Any) -> Letter:
            headers = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            return Letter(message["Body"].encode(), headers)

        return self._read("dead", read)

    def _read(self, which: str, form: Any) -> list[Any]:
        # Hidden instead of deleted: the server that plays SQS goes through its whole list for each deletion.
        url, day = self._urls[which], 43200
        while found := self._client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=day
        ).get("Messages"):
            self._seen[which] += [form(message) for message in found]
        return self._seen[which]


@dataclass
class KafkaQueue:
    place: str
    name: str = field(default_factory=lambda: f"t{uuid4().hex}")

    @property
    def source(self) -> str:
        return f"kafka://{self.place}/{self.name}?session=4"

    @property
    def results(self) -> str:
        return f"kafka://{self.place}/{self.name}.results"

    def send(self, bodies: Sequence[bytes]) -> None:
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.place, "log_level": 0})
        for body in bodies:
            producer.produce(self.name, body)
        assert producer.flush(30) == 0

    def read_results(self) -> list[dict[str, Any]]:
        return [json.loads(message.value()) for message in self._read(f"{self.name}.results")]

    def read_dead(self) -> list[Letter]:
        found = self._read(f"{self.name}.dead")
        return [
            Letter(message.value(), {name: text.decode() for name, text in message.headers() or []})
            for message in found
        ]

    def _read(self, topic: str) -> list[Any]:
        from confluent_kafka import Consumer, TopicPartition

        reader = Consumer({"bootstrap.servers": self.place, "group.id": uuid4().hex, "log_level": 0})
        try:
            parts = reader.list_topics(topic, timeout=10).topics[topic].partitions
            ends = {part: reader.get_watermark_offsets(TopicPartition(topic, part), timeout=10) for part in parts}
            left = sum(high - low for low, high in ends.values())
            reader.assign([TopicPartition(topic, part, low) for part, (low, _) in ends.items()])
            found: list[Any] = []
            while len(found) < left:
                found += [message for message in reader.consume(500, 5) if message.error() is None]
            return found
        finally:
            reader.close()


@dataclass
class FileQueue:
    folder: Path

    def __post_init__(self) -> None:
        self.source, self.results = f"file:{self.folder / 'events.jsonl'}", f"file:{self.folder / 'results.jsonl'}"

    def send(self, bodies: Sequence[bytes]) -> None:
        with (self.folder / "events.jsonl").open("ab") as file:
            file.writelines(body.replace(b"\n", b" ") + b"\n" for body in bodies)

    def read_results(self) -> list[dict[str, Any]]:
        path = self.folder / "results.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def read_dead(self) -> list[Letter]:
        path = self.folder / "events.jsonl.dead"
        letters = [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        return [Letter(letter.pop("event").encode(), letter) for letter in letters]


@contextmanager
def sqs_queues() -> Iterator[type[SqsQueue]]:
    with pytest.MonkeyPatch.context() as patch, sqs_server(patch):
        yield SqsQueue
