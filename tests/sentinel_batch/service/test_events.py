"""Reported calls: none that was accepted is lost or doubled, whenever the service dies."""

from __future__ import annotations

import asyncio
import csv
import random
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from running_service import V1, RunningService

import sentinel_batch as sb
from sentinel_batch.service import events
from sentinel_batch.service.events import EventQueue, make_event
from sentinel_batch.service.failures import QueueFullError

START = datetime(2026, 1, 22, 12, tzinfo=UTC)


def _call(number: int) -> dict[str, Any]:
    return {
        "caller_number": "+2348031112222",
        "callee_number": f"+23480{44000000 + number}",
        "duration_seconds": 2,
        "timestamp": (START + timedelta(seconds=number)).isoformat(),
    }


def _row(number: int) -> dict[str, Any]:
    return {**_call(number), "timestamp": START + timedelta(seconds=number)}


@pytest.fixture
def queue(tmp_path: Path) -> Any:
    made = EventQueue(tmp_path)
    made.start()
    yield made
    made.stop()


def test_events_are_kept_once(queue: EventQueue) -> None:
    async def send() -> list[bool]:
        sent = [make_event(_row(number % 5), "ada") for number in range(20)]
        return await asyncio.gather(*(queue.add(event) for event in sent))

    assert sum(asyncio.run(send())) == queue.waiting == 5
    pending = queue.pending(["+2348031112222"], START, START + timedelta(seconds=3))
    assert [call["timestamp"] - START for call in pending] == [timedelta(seconds=n) for n in (1, 2, 3)]


def test_given_ids_are_of_their_sender(queue: EventQueue) -> None:
    async def send() -> list[bool]:
        sent = [make_event(_row(1), by, "order-7") for by in ("ada", "ada", "bob")]
        return [await queue.add(event) for event in sent]

    assert asyncio.run(send()) == [True, False, True]


def test_batch_is_the_same_file_and_is_remembered(queue: EventQueue, tmp_path: Path) -> None:
    for number in range(3):
        asyncio.run(queue.add(make_event(_row(number), "ada")))
    assert queue.fix_batch("one") and not queue.fix_batch("two") and queue.list_batches() == ["one"]
    for name in ("a.csv", "b.csv"):
        queue.write_batch("one", tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with (tmp_path / "a.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    queue.forget_batch("one")
    assert (queue.waiting, queue.list_batches()) == (0, [])
    assert asyncio.run(queue.add(make_event(_row(1), "ada"))) is False


def test_queue_is_bounded(queue: EventQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_WAITING", 1)
    asyncio.run(queue.add(make_event(_row(1), "ada")))
    with pytest.raises(QueueFullError):
        asyncio.run(queue.add(make_event(_row(2), "ada")))


def test_risk_counts_what_waits_and_what_is_loaded_once(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    sb.open(lake).create_lake()
    waiting = [_row(number) for number in range(10)]
    [risk] = sb.assess_events([_call(9)], pending=lambda callers, since, until: waiting, lake=lake)
    assert (risk.call_count, risk.unique_destinations) == (10, 10)
    file = tmp_path / "calls.csv"
    pl.DataFrame(waiting).rename({"timestamp": "call_timestamp"}).write_csv(file)
    assert sb.ingest(file, lake=lake).records_inserted == 10
    [again] = sb.assess_events([_call(9)], pending=lambda callers, since, until: waiting[5:], lake=lake)
    assert again == risk == sb.assess_event(_call(9), lake=lake)
    # Each sees what came before it, and no later call.
    together = sb.assess_events([_call(9), _call(4), _call(0) | {"caller_number": "+2348039999999"}], lake=lake)
    assert [one.call_count for one in together] == [10, 5, 1] and together[0] == risk
    assert sb.assess_events([], lake=lake) == []


def _sender(running: RunningService, accepted: list[int], numbers: Any, stop: threading.Event) -> None:
    with running.client("ingest") as client:
        while not stop.is_set():
            with running.lock:  # type: ignore[attr-defined]
                number = next(numbers)
            try:
                if client.post(f"{V1}/events/call", json=_call(number)).status_code == 200:
                    accepted.append(number)
            except httpx.TransportError:
                return


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=pytest.mark.slow)])
def test_no_accepted_event_is_lost_or_doubled(tmp_path: Path, kills: int) -> None:
    running = RunningService(tmp_path / "lake", {"flush_seconds": 0.3}).make_keys()
    running.lock = threading.Lock()  # type: ignore[attr-defined]
    accepted: list[int] = []
    numbers = iter(range(10**7))
    dice = random.Random(5)
    for _ in range(kills):
        running.start()
        stop = threading.Event()
        senders = [
            threading.Thread(target=_sender, args=(running, accepted, numbers, stop), daemon=True) for _ in range(3)
        ]
        for sender in senders:
            sender.start()
        enough = len(accepted) + dice.randint(5, 30)
        while len(accepted) < enough and any(sender.is_alive() for sender in senders):
            time.sleep(0.01)
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL
        stop.set()
        for sender in senders:
            sender.join(30)
    running.start()
    try:
        with running.client() as client:
            _wait_until_flushed(client)
    finally:
        assert running.stop() == 0
    calls = sb.open(running.lake).tables.read("call_records")
    seconds = [int((moment - START).total_seconds()) for moment in calls["call_timestamp"]]
    assert len(accepted) >= 5 * kills and len(seconds) == len(set(seconds))
    assert set(accepted) <= set(seconds)


def _wait_until_flushed(client: httpx.Client) -> None:
    deadline = time.monotonic() + 600
    while "sentinel_events_waiting 0.0" not in client.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.2)
