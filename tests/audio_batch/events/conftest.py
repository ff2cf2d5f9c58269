"""Queues of every kind, on brokers that are started once for all tests that need them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audio_batch.events import EventStore
from tests.audio_batch.events.queues import (
    KINDS,
    FileQueue,
    KafkaQueue,
    Queue,
    RabbitQueue,
    RedisQueue,
    SqsQueue,
    sqs_queues,
)
from tests.audio_batch.events.servers import Program, make_kafka, make_rabbit, make_redis, running


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(make_redis(tmp_path_factory.mktemp("redis"))) as program:
        yield program


@pytest.fixture(scope="session")
def rabbit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(make_rabbit(tmp_path_factory.mktemp("rabbit"))) as program:
        yield program


@pytest.fixture(scope="session")
def kafka_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, place = make_kafka(tmp_path_factory.mktemp("kafka"))
    try:
        yield place
    finally:
        program.end()


@pytest.fixture(scope="session")
def make_sqs() -> Iterator[type[SqsQueue]]:
    with sqs_queues() as make:
        yield make


MakeQueue = Callable[[str], Queue]


@pytest.fixture
def make_queue(request: pytest.FixtureRequest, tmp_path: Path) -> MakeQueue:
    """Return a fresh queue of a kind; its broker is started if it does not run yet."""

    def make(kind: str) -> Queue:
        if kind == "file":
            return FileQueue(tmp_path)
        if kind == "redis":
            return RedisQueue(request.getfixturevalue("redis_server"))
        if kind == "rabbitmq":
            return RabbitQueue(request.getfixturevalue("rabbit_server"))
        if kind == "sqs":
            made: Queue = request.getfixturevalue("make_sqs")()
            return made
        return KafkaQueue(request.getfixturevalue("kafka_place"))

    return make


# To join a group of Kafka takes three seconds by itself, so the quick run has its hardest tests only.
@pytest.fixture(params=[*KINDS[:-1], pytest.param(KINDS[-1], marks=pytest.mark.slow)])
def queue(request: pytest.FixtureRequest, make_queue: MakeQueue) -> Queue:
    return make_queue(request.param)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(tmp_path / "store" / "events.db")
    yield opened
    opened.close()
