"""The contract of every queue, on real brokers: each event has one result, whatever happens to it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from waiting import wait_until

from audio_batch.events import Consumer, Event, EventError, EventStore, Handler, Limits, open_sink, open_source
from tests.audio_batch.events.queues import KINDS, Queue

QUICK = Limits(workers=4, attempts=3, retry_seconds=0.1, reconnect_seconds=0.5)


def write_event(number: int, **fields: Any) -> bytes:
    event = {
        "event_id": f"evt-{number}",
        "event_type": "voice_check",
        "audio_path": "call.wav",
        "context": {"number": number},
    }
    return json.dumps(event | fields).encode()


def answer(event: Event) -> bytes:
    return json.dumps({"event_id": event.id, "number": event.context["number"]}).encode()


def work(
    queue: Queue,
    store: EventStore,
    handler: Handler,
    until: Callable[[Consumer], bool],
    limits: Limits = QUICK,
    beside: Callable[[], None] | None = None,
) -> tuple[Consumer, list[dict[str, Any]]]:
    """Consume until something is so; returns the consumer and what it logged."""
    said: list[dict[str, Any]] = []
    consumer = Consumer(
        open_source(queue.source, workers=limits.workers),
        store,
        handler,
        sink=open_sink(queue.results, workers=limits.workers),
        limits=limits,
        log=lambda facts: said.append(dict(facts)),
    )

    async def run() -> None:
        running = asyncio.create_task(consumer.run())
        if beside is not None:
            await asyncio.to_thread(beside)
        async with asyncio.timeout(60):
            while not until(consumer) and not running.done():
                await asyncio.sleep(0.02)
        consumer.stop()
        await running

    asyncio.run(run())
    return consumer, said


def test_each_event_has_one_result(queue: Queue, store: EventStore) -> None:
    events = [write_event(number) for number in range(40)]
    queue.send([*events, *events[:10]])
    consumer, _ = work(queue, store, answer, lambda consumer: consumer.tally.received >= 50)
    assert sorted(result["number"] for result in queue.read_results()) == list(range(40))
    assert consumer.tally.processed == consumer.tally.published == 40
    assert consumer.tally.duplicates == 10
    assert store.count_states() == {"open": 0, "done": 40, "dead": 0}
    assert queue.read_dead() == []


def test_what_was_answered_does_not_come_again(queue: Queue, store: EventStore) -> None:
    queue.send([write_event(number) for number in range(8)])
    work(queue, store, answer, lambda consumer: consumer.tally.published >= 8)
    queue.send([write_event(100)])
    consumer, _ = work(queue, store, answer, lambda consumer: consumer.tally.processed >= 1)
    assert consumer.tally.processed == 1
    assert len(queue.read_results()) == 9


@pytest.mark.parametrize("queue", KINDS, indirect=True)
def test_poison_becomes_dead_letters_with_the_reason_and_blocks_nobody(queue: Queue, store: EventStore) -> None:
    tries: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(event: Event) -> bytes:
        with lock:
            tries[event.id] += 1
        if event.context["number"] % 10 == 3:
            raise EventError("The line is dead.\nÄ", reason="fetch_failed", permanent=False)
        if event.context["number"] % 10 == 4:
            raise EventError("Not that host.", reason="url_not_allowed", permanent=True)
        if event.context["number"] % 10 == 5:
            raise RuntimeError("a defect")
        if event.context["number"] % 10 == 6 and tries[event.id] == 1:
            raise EventError("Not yet.", reason="recording_missing", permanent=False)
        return answer(event)

    junk = [
        b"{",
        b'{"event_id": "evt-x", "event_type": "cheque"}',
        b'["a list"]',
        write_event(0, context={"number": 99}),
    ]
    queue.send([write_event(number) for number in range(20)])
    queue.send(junk)
    _, said = work(
        queue, store, handle, lambda consumer: consumer.tally.dead_lettered >= 10 and consumer.tally.published >= 14
    )
    good = [number for number in range(20) if number % 10 not in (3, 4, 5)]
    assert sorted(result["number"] for result in queue.read_results()) == good
    dead = queue.read_dead()
    reasons = Counter(letter.headers["reason"] for letter in dead)
    assert reasons == {"invalid_event": 3, "fetch_failed": 2, "url_not_allowed": 2, "unexpected": 2, "id_reused": 1}
    assert {letter.body for letter in dead} >= {*junk, write_event(3), write_event(14)}
    assert {letter.headers["attempts"] for letter in dead if letter.headers["reason"] == "fetch_failed"} == {"3"}
    [first, *_] = [letter for letter in dead if letter.headers["reason"] == "fetch_failed"]
    assert first.headers["message"] == "The line is dead. \\xc4"
    [cheque] = [letter for letter in dead if b"cheque" in letter.body]
    assert "allowed: transaction_verification" in cheque.headers["message"]
    assert tries["evt-3"] == 3
    assert tries["evt-4"] == 1
    assert store.count_states()["dead"] == 6
    assert {facts["event"] for facts in said} == {"retry", "dead_letter"}


def test_no_more_is_taken_than_is_worked_on(queue: Queue, store: EventStore) -> None:
    at_once, most, lock = 0, 0, threading.Lock()

    def handle(event: Event) -> bytes:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.01)
        with lock:
            at_once -= 1
        return answer(event)

    queue.send([write_event(number) for number in range(30)])
    limits = Limits(workers=3, retry_seconds=0.1)
    consumer, _ = work(queue, store, handle, lambda consumer: consumer.tally.published >= 12, limits)
    assert most <= 3
    assert consumer.tally.received <= consumer.tally.published + 3
    # What was under way when it was told to stop was finished, and the rest is still there.
    assert consumer.tally.received == consumer.tally.published
    work(queue, store, answer, lambda consumer: store.count_states()["done"] >= 30 and not consumer.tally.failed)
    assert sorted(result["number"] for result in queue.read_results()) == list(range(30))


@pytest.mark.parametrize("kind", ["redis", pytest.param("rabbitmq", marks=pytest.mark.slow)])
def test_a_broker_that_restarts_is_reached_again(
    kind: str, make_queue: Callable[[str], Any], store: EventStore
) -> None:
    queue = make_queue(kind)
    queue.send([write_event(number) for number in range(10)])

    def restart() -> None:
        wait_until(lambda: store.count_states()["done"] > 0, "the first result")
        queue.program.end()
        queue.program.start()
        queue.send([write_event(number) for number in range(10, 60)])

    def slow(event: Event) -> bytes:
        threading.Event().wait(0.05)
        return answer(event)

    def done(consumer: Consumer) -> bool:
        return store.count_states()["done"] >= 60 and consumer.tally.published >= 60

    _, said = work(queue, store, slow, done, beside=restart)
    assert {"reconnected", "not_published", "not_settled"} & {facts["event"] for facts in said}
    results = queue.read_results()
    assert {result["number"] for result in results} == set(range(60))
    # A result whose confirmation was lost with the connection is sent again, as it is.
    assert len(results) <= 60 + QUICK.workers
