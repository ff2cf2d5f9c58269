"""What the consumer does whatever the queue is: order, tries, metrics, and a store that fails."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from audio_batch.events import (
    BrokerError,
    Burial,
    Consumer,
    Delivery,
    Event,
    EventError,
    EventStore,
    InboxSource,
    Limits,
    Metrics,
    parse_event,
)
from tests.audio_batch.events.servers import free_port
from tests.audio_batch.events.test_queues import answer, write_event


class ListedSource:
    """A queue in memory that writes down what it is told, and refuses what it is asked to refuse."""

    touch_seconds: float | None = 0.01

    def __init__(self, *bodies: bytes, refuses: Sequence[str] = ()) -> None:
        self.waiting = [Delivery(body, number) for number, body in enumerate(bodies)]
        self.told: list[Any] = []
        self.touched = 0
        self.refuses = list(refuses)

    def _tell(self, what: str, *facts: Any) -> None:
        if what in self.refuses:
            self.refuses.remove(what)
            raise BrokerError("Not now.")
        self.told.append((what, *facts))

    async def connect(self) -> None:
        self._tell("connect")

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        self._tell("receive")
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return taken or None

    async def ack(self, delivery: Delivery) -> None:
        self._tell("ack", delivery.receipt)

    async def nack(self, delivery: Delivery, delay: float) -> None:
        self._tell("nack", delivery.receipt, delay)
        self.waiting.append(delivery)

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        self._tell("bury", delivery.receipt, burial.reason, burial.attempts)

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        self.touched += len(deliveries)

    async def count_waiting(self) -> int | None:
        return len(self.waiting)

    async def close(self) -> None:
        self._tell("close")

    def list(self, *names: str) -> list[Any]:
        return [entry for entry in self.told if entry[0] in names]


class ListedSink:
    def __init__(self, failures: int = 0) -> None:
        self.published: list[str] = []
        self.failures = failures
        self.connected = 0

    async def connect(self) -> None:
        self.connected += 1

    async def publish(self, event_id: str, document: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerError("Not now.")
        self.published.append(event_id)

    async def close(self) -> None:
        raise BrokerError("Gone already.")


def run(source: ListedSource, store: EventStore, handler: Any = answer, **settings: Any) -> Consumer:
    settings.setdefault("limits", Limits(attempts=3, retry_seconds=0.5, reconnect_seconds=0.01))
    consumer = Consumer(source, store, handler, **settings)
    asyncio.run(consumer.run())
    return consumer


def test_a_failing_event_waits_longer_each_time_and_is_buried_after_its_tries(store: EventStore) -> None:
    def fail(event: Event) -> bytes:
        raise EventError("No.", reason="fetch_failed", permanent=False)

    source = ListedSource(write_event(1))
    run(source, store, fail)
    assert source.list("nack", "bury") == [("nack", 0, 0.5), ("nack", 0, 1.0), ("bury", 0, "fetch_failed", 3)]


def test_an_event_that_was_buried_and_is_sent_again_begins_anew(store: EventStore) -> None:
    def fail(event: Event) -> bytes:
        raise EventError("No.", reason="fetch_refused", permanent=True)

    run(ListedSource(write_event(1)), store, fail)
    source = ListedSource(write_event(1, audio_path="mended.wav"))
    run(source, store)
    assert source.list("ack", "bury") == [("ack", 0)]
    assert store.count_states() == {"open": 0, "done": 1, "dead": 0}


def test_an_event_that_kills_the_consumer_is_buried_after_its_tries(store: EventStore) -> None:
    async def die_thrice() -> None:
        for _ in range(3):
            await store.begin(parse_event(write_event(1)))

    asyncio.run(die_thrice())
    source = ListedSource(write_event(1))
    run(source, store)
    assert source.list("ack", "bury") == [("bury", 0, "unfinished", 3)]


def test_a_result_that_was_kept_and_not_published_is_published_as_it_is(store: EventStore) -> None:
    async def die_before_publishing() -> None:
        await store.begin(parse_event(write_event(1)))
        await store.finish("evt-1", b'{"number": "kept"}')

    asyncio.run(die_before_publishing())
    source, sink = ListedSource(write_event(1), write_event(1)), ListedSink()
    consumer = run(source, store, sink=sink)
    assert sink.published == ["evt-1"]
    assert consumer.tally.processed == 0
    assert consumer.tally.duplicates == 2
    assert store.find_result("evt-1") == b'{"number": "kept"}'


def test_the_first_result_stays(store: EventStore) -> None:
    async def finish_twice() -> bytes:
        await store.begin(parse_event(write_event(1)))
        await store.finish("evt-1", b"first")
        return await store.finish("evt-1", b"second")

    assert asyncio.run(finish_twice()) == b"first"


def test_the_same_event_twice_at_the_same_time_is_worked_on_once(store: EventStore) -> None:
    source = ListedSource(*[write_event(1)] * 4)
    consumer = run(source, store, limits=Limits(workers=4))
    assert (consumer.tally.processed, consumer.tally.duplicates) == (1, 3)


def test_results_that_are_refused_are_sent_until_they_are_taken(store: EventStore) -> None:
    source, sink = ListedSource(write_event(1)), ListedSink(failures=3)
    said: list[Any] = []
    run(source, store, sink=sink, log=lambda facts: said.append(facts["event"]))
    assert sink.published == ["evt-1"]
    assert sink.connected == 4
    assert said == ["not_published"] * 3
    assert source.list("ack") == [("ack", 0)]


def test_a_source_that_breaks_off_is_reached_again(store: EventStore) -> None:
    source = ListedSource(write_event(1), refuses=["receive", "ack", "bury"])
    said: list[Any] = []
    source.refuses.append("close")
    metrics = Metrics()
    run(source, store, metrics=metrics, log=lambda facts: said.append(facts["event"]))
    assert said == ["disconnected", "reconnected", "not_settled"]
    assert metrics.registry.get_sample_value("sentinel_voice_events_reconnects_total") == 1


def test_the_first_connection_must_succeed(store: EventStore) -> None:
    with pytest.raises(BrokerError):
        run(ListedSource(refuses=["connect"]), store)


def test_what_is_worked_on_is_touched(store: EventStore) -> None:
    import time

    def slow(event: Event) -> bytes:
        time.sleep(0.1)
        return answer(event)

    source = ListedSource(write_event(1))
    run(source, store, slow)
    assert source.touched > 0


def test_a_store_that_fails_loses_nothing(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, failures = store.begin, [OSError("disk full")]

    async def fail_once(event: Event) -> Any:
        if failures:
            raise failures.pop()
        return await begin(event)

    monkeypatch.setattr(store, "begin", fail_once)
    source = ListedSource(write_event(1))
    consumer = run(source, store)
    assert source.list("nack", "ack") == [("nack", 0, 0.5), ("ack", 0)]
    assert consumer.tally.processed == 1


def test_old_results_are_forgotten_and_unpublished_ones_are_not(store: EventStore) -> None:
    async def fill() -> int:
        for number, published in ((1, True), (2, False)):
            await store.begin(parse_event(write_event(number)))
            await store.finish(f"evt-{number}", b"{}")
            if published:
                await store.mark_published(f"evt-{number}")
        assert await store.forget(1) == 0
        return await store.forget(-1)

    assert asyncio.run(fill()) == 1
    assert store.find_result("evt-1") is None
    assert store.find_result("evt-2") == b"{}"


def test_one_failing_step_fails_all_that_were_committed_with_it_and_no_more(store: EventStore) -> None:
    async def ask() -> None:
        with pytest.raises(ZeroDivisionError):
            await store._do(lambda connection: 1 // 0)
        assert (await store.begin(parse_event(write_event(1)))).attempts == 1

    asyncio.run(ask())


def test_metrics_count_and_are_served(store: EventStore) -> None:
    def handle(event: Event) -> bytes:
        if event.id == "evt-2":
            raise EventError("No.", reason="too_large", permanent=True)
        return answer(event)

    metrics, port = Metrics(), free_port()
    run(ListedSource(write_event(1), write_event(2), write_event(1)), store, handle, metrics=metrics, sink=ListedSink())
    _, end = metrics.serve("127.0.0.1", port)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as reply:
            text = reply.read().decode()
    finally:
        end()
    for line in (
        "sentinel_voice_events_received_total 3.0",
        'sentinel_voice_events_processed_total{event_type="voice_check"} 1.0',
        "sentinel_voice_events_duplicates_total 1.0",
        "sentinel_voice_events_published_total 1.0",
        'sentinel_voice_events_failed_total{reason="too_large"} 1.0',
        'sentinel_voice_events_dead_lettered_total{reason="too_large"} 1.0',
        "sentinel_voice_event_seconds_count 1.0",
        "sentinel_voice_events_in_progress 0.0",
        "sentinel_voice_events_waiting",
    ):
        assert line in text, text


def test_the_inbox_is_a_queue_as_well(store: EventStore, tmp_path: Path) -> None:
    tries: list[str] = []

    def handle(event: Event) -> bytes:
        tries.append(event.id)
        if event.id == "evt-2" or (event.id == "evt-3" and len(tries) < 4):
            raise EventError("No.", reason="fetch_failed", permanent=event.id == "evt-2")
        return answer(event)

    inbox = InboxSource(store, tmp_path / "dead.jsonl")
    consumer = Consumer(inbox, store, handle, limits=Limits(workers=2, retry_seconds=0.01))

    async def work() -> None:
        running = asyncio.create_task(consumer.run())
        await asyncio.sleep(0.05)  # It waits for the first event.
        for number in (1, 2, 3):
            body = write_event(number)
            assert await store.put(parse_event(body), body) == "accepted"
            assert await store.put(parse_event(body), body) in ("duplicate", "done")
            inbox.wake()
        async with asyncio.timeout(30):
            while store.count_inbox():
                await asyncio.sleep(0.01)
        body = write_event(1)
        assert await store.put(parse_event(body), body) == "done"
        other = write_event(1, audio_path="other.wav")
        assert await store.put(parse_event(other), other) == "conflict"
        consumer.stop()
        await running

    asyncio.run(work())
    assert store.count_states() == {"open": 0, "done": 2, "dead": 1}
    [letter] = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_bytes().splitlines()]
    assert letter["reason"] == "fetch_failed"
    assert json.loads(letter["event"])["event_id"] == "evt-2"
