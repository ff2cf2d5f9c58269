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

from audio_batch.remote import CircuitOpenError, DeadlineError, SonotheiaClientEnhanced, UnusableAnswerError, transport

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
    "late": (lambda h: (time.sleep(TIMEOUT * 1.6), _right(h))[1], (requests.Timeout,)),
    "drip": (lambda h: _raw(h, _HEAD + b"Content-Length: 99\r\n\r\n", *([b" "] * 30), pause=0.05), (requests.Timeout,)),
    "head drip": (lambda h: _raw(h, *([b"HTTP/1.1 200 OK\r\n"] + [b"X: y\r\n"] * 30), pause=0.05), (requests.Timeout,)),
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


def _run(seed: int, api: ApiServer, audio: Path) -> None:
    draw = random.Random(seed)
    plan = [draw.choice(list(KINDS)) if draw.random() < 0.7 else "right" for _ in range(3)]
    sent: list[str] = []

    def misbehave(handler: BaseHTTPRequestHandler, seen: Seen) -> bool:
        sent.append(plan[min(len(sent), 2)])
        KINDS[sent[-1]][0](handler)
        return True

    api.misbehave = misbehave
    client = SonotheiaClientEnhanced(KEY, api.url, timeout=TIMEOUT, max_retries=2, deadline=DEADLINE)
    client._draw = random.Random(seed)
    begun = time.monotonic()
    try:
        with client:
            result = client.detect_deepfake(audio) if seed % 4 else client.analyze(audio)
    except (CircuitOpenError, DeadlineError, requests.RequestException) as error:
        # The error is that of what the server did last; or time ran out on the way.
        expected = KINDS[sent[-1]][1] if sent else ()
        assert isinstance(error, (*expected, DeadlineError)), (plan, sent, error)
        assert expected or isinstance(error, requests.Timeout), (plan, sent, error)
        if isinstance(error, requests.HTTPError):
            assert str(error.response.status_code) == sent[-1].split()[0]
            assert error.response.json()["error"] == "Chaos"
    else:
        assert sent[-1] == "right" and result == RIGHT, (plan, sent, result)
    assert time.monotonic() - begun < DEADLINE + PATIENCE, (plan, sent)
    assert "400" not in sent[:-1] and "500" not in sent[:-1] and "html" not in sent[:-1]


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
