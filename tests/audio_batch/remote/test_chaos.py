"""A server that drops, delays, refuses, breaks off and talks nonsense: what the client says of it is always right."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from api_server import KEY, ApiServer, Seen, serve_api
from thoroughness import examples

from audio_batch.remote import DeadlineError, SonotheiaClientEnhanced, UnusableAnswerError, transport

TIMEOUT = 0.15
DEADLINE = 0.6
PATIENCE = 3.0
"""Beyond the deadline: the machine may be busy."""
RIGHT = {"score": 0.25, "label": "likely_real", "latency_ms": 3, "session_id": "s"}

LANES = 6
"""Servers that misbehave side by side: most of the time is waiting."""

Behave = Callable[[BaseHTTPRequestHandler], None]


def _raw(handler: BaseHTTPRequestHandler, *pieces: bytes, pause: float = 0.0) -> None:
    handler.close_connection = True
    for piece in pieces:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(pause)


def _status(status: int, **headers: str) -> Behave:
    body = json.dumps({"error": "Chaos", "message": str(status)}).encode()
    return lambda handler: handler.reply(status, headers, body)


def _right(handler: Any) -> None:
    handler.reply(200, {}, json.dumps(RIGHT).encode())


def _body(body: bytes, kind: str = "application/json", **headers: str) -> Behave:
    return lambda handler: handler.reply(200, {"Content-Type": kind, **headers}, body)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_WHOLE = json.dumps(RIGHT).encode()

KINDS: dict[str, tuple[Behave, tuple[type[Exception], ...]]] = {
    "right": (_right, ()),
    "drop": (lambda h: _raw(h), (requests.ConnectionError,)),
    "late": (lambda h: (time.sleep(TIMEOUT * 4), _right(h))[1], (requests.Timeout,)),
    "drip": (lambda h: _raw(h, _HEAD + b"Content-Length: 99\r\n\r\n", *([b" "] * 30), pause=0.05), (requests.Timeout,)),
    "head drip": (lambda h: _raw(h, *([b"HTTP/1.1 200 OK\r\n"] + [b"X: y\r\n"] * 30), pause=0.05), (requests.Timeout,)),
    "silence": (lambda h: _raw(h, _HEAD + b"Content-Length: 99\r\n\r\n{", b"", pause=0.5), (requests.Timeout,)),
    "429": (_status(429, **{"Retry-After": "0"}), (requests.HTTPError,)),
    "429 for an hour": (_status(429, **{"Retry-After": "3600"}), (requests.HTTPError,)),
    "500": (_status(500), (requests.HTTPError,)),
    "503": (_status(503), (requests.HTTPError,)),
    "400": (_status(400), (requests.HTTPError,)),
    "cut": (
        lambda h: _raw(h, _HEAD + b"Content-Length: 500\r\n\r\n" + _WHOLE),
        (requests.exceptions.ChunkedEncodingError, requests.ConnectionError),
    ),
    "cut without a length": (lambda h: _raw(h, _HEAD + b"\r\n" + _WHOLE[:-9]), (UnusableAnswerError,)),
    "cut chunk": (
        lambda h: _raw(h, _HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + _WHOLE),
        (requests.exceptions.ChunkedEncodingError, requests.ConnectionError),
    ),
    "junk": (lambda h: _raw(h, random.Random(1).randbytes(300)), (requests.ConnectionError,)),
    "html": (_body(b"<!doctype html><title>Log in</title>", "text/html"), (UnusableAnswerError,)),
    "other json": (_body(b'{"score": "0.25"}'), (UnusableAnswerError,)),
    "huge": (_body(b" " * 400_000), (UnusableAnswerError,)),
    "not gzip": (_body(_WHOLE, **{"Content-Encoding": "gzip"}), (requests.exceptions.ContentDecodingError,)),
    "elsewhere": (_status(307, Location="http://127.0.0.1:1/"), (UnusableAnswerError,)),
    "many headers": (lambda h: _raw(h, _HEAD + b"A: b\r\n" * 300 + b"\r\n{}"), (requests.ConnectionError,)),
}


class Numbered(SonotheiaClientEnhanced):
    """Numbers its attempts, and remembers what each came to: a server that is late cannot mix them up."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(KEY, url, timeout=TIMEOUT, deadline=DEADLINE, **options)
        self.outcomes: list[Exception | None] = []

    def _send(self, method: str, url: str, body: Any, headers: Any, seconds: float | None = None) -> Any:
        return super()._send(method, url, body, {**headers, "X-Attempt": str(len(self.outcomes))}, seconds)

    def _attempt(self, operation: Any, seconds: float) -> Any:
        try:
            answer = super()._attempt(operation, seconds)
        except requests.RequestException as error:
            self.outcomes.append(error)
            raise
        self.outcomes.append(None)
        return answer


def _run(seed: int, api: ApiServer, audio: Path) -> None:
    draw = random.Random(seed)
    plan = [draw.choice(list(KINDS)) if draw.random() < 0.7 else "right" for _ in range(3)]

    def misbehave(handler: BaseHTTPRequestHandler, seen: Seen) -> bool:
        KINDS[plan[int(seen.headers["x-attempt"])]][0](handler)
        return True

    api.misbehave = misbehave
    client = Numbered(api.url, max_retries=2)
    client._draw = random.Random(seed)
    begun = time.monotonic()
    raised: Exception | None = None
    try:
        with client:
            result = client.detect_deepfake(audio) if seed % 4 else client.analyze(audio)
    except requests.RequestException as error:
        raised = error
    assert time.monotonic() - begun < DEADLINE + PATIENCE, plan
    outcomes = client.outcomes
    if not outcomes:  # The machine stood still until the deadline, before anything was sent.
        assert isinstance(raised, DeadlineError) and not raised.sent, (plan, raised)
        return
    assert raised is outcomes[-1], (plan, outcomes, raised)
    assert raised is not None or result == RIGHT
    for kind, outcome in zip(plan, outcomes, strict=False):
        _check(kind, outcome)
    assert all(_is_transient(outcome) for outcome in outcomes[:-1]), (plan, outcomes)
    if len(outcomes) < 3 and raised is not None and time.monotonic() - begun < DEADLINE / 2:
        assert not _is_transient(raised) or "an hour" in plan[len(outcomes) - 1], (plan, outcomes)


def _check(kind: str, outcome: Exception | None) -> None:
    """One attempt came to what the server did; on a busy machine also to nothing in time, or to what came late."""
    expected = KINDS[kind][1]
    if outcome is None:
        assert kind in ("right", "late"), kind
        return
    assert isinstance(outcome, (*expected, requests.Timeout)), (kind, outcome)
    if isinstance(outcome, requests.HTTPError):
        assert str(outcome.response.status_code) == kind.split()[0]
        assert outcome.response.json()["error"] == "Chaos"


def _is_transient(outcome: Exception | None) -> bool:
    if isinstance(outcome, requests.HTTPError):
        return outcome.response.status_code in (429, 503)
    return outcome is not None and not isinstance(
        outcome, (UnusableAnswerError, DeadlineError, requests.exceptions.ContentDecodingError)
    )


def _run_all(seeds: Iterable[int], audio: Path) -> None:
    with serve_api() as api:
        for seed in seeds:
            _run(seed, api, audio)


@pytest.mark.parametrize("part", range(10))
def test_chaos(part: int, audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_ANSWER_BYTES", 200_000)
    monkeypatch.setattr("audio_batch.remote.retries.FIRST_WAIT", 0.01)
    runs = examples(10_000, quick=1000) // 10
    with ThreadPoolExecutor(LANES) as lanes:
        seeds = range(part * runs, (part + 1) * runs)
        list(lanes.map(lambda lane: _run_all(seeds[lane::LANES], audio), range(LANES)))


def test_each_kind_of_chaos_by_itself(api: ApiServer, audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_ANSWER_BYTES", 200_000)
    for name, (behave, expected) in KINDS.items():
        api.misbehave = lambda handler, seen, behave=behave: (behave(handler), True)[1]
        with SonotheiaClientEnhanced(KEY, api.url, timeout=TIMEOUT, max_retries=0, deadline=DEADLINE) as client:
            if name == "right":
                assert client.detect_deepfake(audio) == RIGHT
                continue
            with pytest.raises(requests.RequestException) as caught:
                client.detect_deepfake(audio)
            assert isinstance(caught.value, expected), (name, caught.value)
