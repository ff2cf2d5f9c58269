"""Voice events over HTTP: who may send, what is answered, and that it comes to a result."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from audio_batch.events import EventStore, parse_event
from audio_batch.events.signing import Signer
from sentinel_batch.service import webhook
from sentinel_batch.service.webhook import PATH, create_webhook

EVENT = b'{"event_id": "e-1", "event_type": "login", "audio_path": "a.wav"}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    opened = EventStore(tmp_path / "events.db")
    yield opened
    opened.close()


class Sender:
    """A client that signs."""

    def __init__(self, store: EventStore) -> None:
        self.signer = Signer([b"a secret that only senders know"])
        self.woken = 0
        app = FastAPI()
        app.include_router(create_webhook(store, self.signer, wake=self._wake))
        self.app = app

    def _wake(self) -> None:
        self.woken += 1

    def send(self, body: bytes, **headers: str) -> httpx.Response:
        return self.post(body, self.signer.sign(body) | headers)

    def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hooks.example") as client:
                return await client.post(PATH, content=body, headers=headers)

        return asyncio.run(post())


@pytest.fixture
def sender(store: EventStore) -> Sender:
    return Sender(store)


def test_an_event_is_kept_before_it_is_answered_and_the_same_one_is_said_to_be(
    sender: Sender, store: EventStore
) -> None:
    first = sender.send(EVENT)
    assert (first.status_code, first.json()) == (202, {"event_id": "e-1", "status": "accepted"})
    assert store.count_inbox() == 1
    again = sender.send(EVENT)
    assert (again.status_code, again.json()) == (200, {"event_id": "e-1", "status": "duplicate"})
    assert store.count_inbox() == 1
    assert sender.woken == 2


def test_a_duplicate_of_what_is_done_is_answered_with_the_result(sender: Sender, store: EventStore) -> None:
    async def finish() -> None:
        await store.begin(parse_event(EVENT))
        await store.finish("e-1", b'{"status": "processed"}')

    asyncio.run(finish())
    assert sender.send(EVENT).json()["result"] == {"status": "processed"}


def test_an_id_that_is_used_for_something_else_is_refused(sender: Sender) -> None:
    sender.send(EVENT)
    answer = sender.send(EVENT.replace(b"a.wav", b"b.wav"))
    assert (answer.status_code, answer.json()["error"]) == (409, "id_reused")


def test_strangers_are_refused_and_told_nothing(sender: Sender, store: EventStore) -> None:
    for headers in ({}, {"X-Sentinel-Signature": "sha256=00"}, {"X-Sentinel-Timestamp": "1"}):
        answer = sender.post(b"no event", headers)
        assert answer.status_code == 401
    assert sender.send(b"{", **{"X-Sentinel-Signature": "sha256=" + "0" * 64}).json() == {
        "error": "unauthorized",
        "message": "The signature is not right.",
    }
    assert store.count_inbox() == 0


def test_what_is_no_event_is_refused_with_what_is_allowed(sender: Sender) -> None:
    answer = sender.send(EVENT.replace(b"login", b"logn"))
    assert answer.status_code == 422
    assert answer.json()["error"] == "invalid_event"
    assert "allowed: transaction_verification" in answer.json()["message"]
    assert "Did you mean 'login'?" in answer.json()["message"]


def test_bodies_are_limited_before_they_are_looked_at(sender: Sender) -> None:
    answer = sender.send(b"x" * 70_000)
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


def test_an_inbox_that_is_full_asks_to_come_again(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "MOST_WAITING", 1)
    assert sender.send(EVENT).status_code == 202
    answer = sender.send(EVENT.replace(b"e-1", b"e-2"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"


def test_a_body_that_comes_too_slowly_is_refused(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_BODY_SECONDS", 0.05)

    async def ask() -> list[Any]:
        sent: list[Any] = []
        scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b""}

        async def receive() -> Any:
            await asyncio.sleep(60)

        async def send(message: Any) -> None:
            sent.append(message)

        await sender.app(scope, receive, send)
        return sent

    start, body = asyncio.run(ask())
    assert start["status"] == 408
    assert json.loads(body["body"])["error"] == "too_slow"
