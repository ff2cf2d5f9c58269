"""Reported calls: none that was accepted is lost or doubled, whenever the service dies."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from running_service import RunningService, serving

import sentinel_batch as sb
from benchmarks.kills import kill_and_count
from sentinel_batch.service import events
from sentinel_batch.service.events import Event, EventQueue, Group, make_event
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


class Kept:
    """A queue whose events are answered as soon as they are durable; what is called blocks."""

    def __init__(self, folder: Path) -> None:
        self.queue = EventQueue(folder, self._answer)
        self.queue.start()

    def _answer(self, groups: list[Group]) -> None:
        for group in groups:
            group.future.set_result([event.key in group.fresh for event in group.events])
        self.queue.finish(groups)

    def add(self, *events: Event) -> list[bool]:
        async def send() -> list[bool]:
            parts = await asyncio.gather(*(self.queue.submit([event]) for event in events))
            return [fresh for part in parts for fresh in part]

        return asyncio.run(send())


@pytest.fixture
def kept(tmp_path: Path) -> Any:
    made = Kept(tmp_path)
    yield made
    made.queue.stop()


def test_events_are_kept_once(kept: Kept) -> None:
    assert sum(kept.add(*(make_event(_row(number % 5), "ada") for number in range(20)))) == kept.queue.waiting == 5
    pending = kept.queue.pending(["+2348031112222"], START, START + timedelta(seconds=3))
    assert [call["timestamp"] - START for call in pending] == [timedelta(seconds=n) for n in (1, 2, 3)]


def test_given_ids_are_of_their_sender(kept: Kept) -> None:
    assert kept.add(*(make_event(_row(1), by, "order-7") for by in ("ada", "ada", "bob"))) == [True, False, True]


def test_batch_is_the_same_file_and_is_remembered(kept: Kept, tmp_path: Path) -> None:
    queue = kept.queue
    kept.add(*(make_event(_row(number), "ada") for number in range(3)))
    assert queue.fix_batch("one") and not queue.fix_batch("two") and queue.list_batches() == ["one"]
    for name in ("a.csv", "b.csv"):
        queue.write_batch("one", tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with (tmp_path / "a.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    queue.forget_batch("one")
    assert (queue.waiting, queue.list_batches()) == (0, [])
    assert kept.add(make_event(_row(1), "ada")) == [False]


@pytest.mark.parametrize(
    ("limit", "said"), [("MAX_WAITING", "to be loaded"), ("MAX_IN_FLIGHT", "than they can be kept")]
)
def test_queue_is_bounded(kept: Kept, monkeypatch: pytest.MonkeyPatch, limit: str, said: str) -> None:
    kept.add(make_event(_row(1), "ada"))
    monkeypatch.setattr(events, limit, 1 if limit == "MAX_WAITING" else 0)
    with pytest.raises(QueueFullError, match=said):
        kept.add(make_event(_row(2), "ada"))


def test_none_are_taken_while_one_waits_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = EventQueue(tmp_path, lambda groups: None)  # Nobody answers.
    queue.start()

    async def send() -> None:
        queue.submit([make_event(_row(1), "ada")])
        queue.submit([make_event(_row(2), "ada")])
        monkeypatch.setattr(events, "PATIENCE", 0.0)
        with pytest.raises(QueueFullError):
            queue.submit([make_event(_row(3), "ada")])
        await asyncio.to_thread(queue.stop)

    asyncio.run(send())


def test_failed_commit_is_told_and_forgotten(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_INSERT", "INSERT INTO nowhere VALUES (?1, ?2)")
    with pytest.raises(sqlite3.OperationalError):
        kept.add(make_event(_row(1), "ada"))
    monkeypatch.undo()
    assert kept.add(make_event(_row(1), "ada")) == [True]


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


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_no_accepted_event_is_lost_or_doubled(tmp_path: Path, kills: int) -> None:
    assert kill_and_count(tmp_path / "lake", kills, seed=5).problems == []


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with an empty lake, which takes 20 events a minute."""
    lake = tmp_path_factory.mktemp("many") / "empty"
    sb.open(lake).create_lake()
    yield from serving(lake, lake.parent / "served", {"events_per_minute": 20})


@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_wrong_event_does_not_lose_the_others(service: RunningService, form: str) -> None:
    calls = [_call(number) | {"event_id": f"{form}-{number}"} for number in (1, 2, 1)]
    wrong = [{"caller_number": "x"}, _call(3) | {"timestamp": "yesterday"}, 7]
    lines = [json.dumps(event) for event in [*calls, *wrong]] + (["{"] if form == "lines" else [])
    body = "[" + ",".join(lines) + "]" if form == "array" else "\n".join(lines) + "\n"
    with service.client("ingest") as client:
        answer = client.post("/api/v2/events", content=body)
    found = answer.json()
    assert answer.status_code == 200
    assert (found["received"], found["accepted"], found["repeated"]) == (len(lines), 2, 1)
    assert found["refused"] == len(lines) - 3 == sum(one["status"] == "refused" for one in found["events"])
    assert [one["index"] for one in found["events"]] == [*range(len(lines))]
    assert all(one["detail"] for one in found["events"][3:]) and found["events"][0]["event_id"] == f"{form}-1"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b"[]", 422), (b"[1", 422), (b"[" + b",".join([b"1"] * 1001) + b"]", 413), (b"[1," * 9 + b"1]", 422)],
)
def test_a_body_that_is_no_list_is_refused(service: RunningService, body: bytes, status: int) -> None:
    with service.client("ingest") as client:
        answer = client.post("/api/v2/events", content=body)
    assert answer.status_code == status and answer.json()["detail"]


def test_every_event_of_many_counts_against_the_limit(service: RunningService) -> None:
    with service.client("admin") as client, service.client("reader") as reader:
        answer = client.post("/api/v2/events", json=[_call(number) for number in range(30)])
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
        assert reader.post("/api/v2/events", json=[_call(1)]).status_code == 403
