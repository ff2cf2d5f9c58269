"""How a mock of the voice API behaves, what it remembers, and what follows from its seed."""

from __future__ import annotations

import hashlib
import hmac
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from batch_base.plain import to_plain
from sentinel_batch.service.limits import RateLimits
from sentinel_batch.service.voice.refusals import refuse

API_KEY = "mock_api_key_12345"

Answer = dict[str, Any]


@dataclass(frozen=True)
class MockConfig:
    """How the mock behaves.

    Parameters
    ----------
    deepfake_latency_ms, mfa_latency_ms, sar_latency_ms
        How long it takes over an answer.
    rate_limit_per_minute
        Requests of a client (its ``X-Client-ID``) in a minute.
    always_succeed
        Whether nothing fails, whatever the rates say.
    simulate_errors
        Whether the rates count.
    error_rate
        Share of requests that are answered with 500, 503 or 400.
    throttle_rate
        Share of requests that are answered with 429 and ``Retry-After: 1``.
    cut_rate
        Share of answers that break off in the middle of their body.
    junk_rate
        Share of answers whose body is not JSON.
    """

    deepfake_latency_ms: float = 0
    mfa_latency_ms: float = 0
    sar_latency_ms: float = 0
    rate_limit_per_minute: int = 100
    always_succeed: bool = False
    simulate_errors: bool = True
    error_rate: float = 0.0
    throttle_rate: float = 0.0
    cut_rate: float = 0.0
    junk_rate: float = 0.0

    def changed(self, wanted: Answer) -> MockConfig:
        """Return a configuration with other values.

        Raises
        ------
        HTTPException
            400 if there is no such setting, or its value is not allowed.
        """
        known = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise refuse(400, f"There is no setting {name!r}; known: {', '.join(known)}.", code="bad_value")
            _check_setting(name, value, known[name])
        return replace(self, **wanted)


@dataclass
class MockState:
    """What the mock remembers, until it is reset."""

    sessions: dict[str, Answer] = field(default_factory=dict)
    enrollments: dict[str, int] = field(default_factory=dict)
    cases: dict[str, Answer] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)


class Mock:
    """The state of one mock.

    Parameters
    ----------
    seed
        What its scores and faults follow from.
    key
        The key that it takes.
    """

    def __init__(self, seed: int = 0, key: str = API_KEY) -> None:
        self.seed = seed
        self.key = key
        self.folder = Path(tempfile.mkdtemp(prefix="voice-mock-"))
        self.configure(MockConfig())

    def configure(self, config: MockConfig) -> None:
        """Behave otherwise from now on; faults come in the same order again."""
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget everything but the configuration."""
        self.state = MockState()
        self.limits = RateLimits(self.config.rate_limit_per_minute)
        self.dice = random.Random(self.seed)  # noqa: S311

    def close(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def upload_folder(self) -> Iterator[Path]:
        """Give a folder for one request."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def draw(self, *parts: object, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number between two bounds that follows from the seed and some values."""
        digest = hashlib.sha256(repr((self.seed, *parts)).encode()).digest()
        return round(low + (high - low) * int.from_bytes(digest[:6], "big") / (1 << 48), 3)

    def name(self, kind: str, *parts: object) -> str:
        """Return an id that follows from the seed and some values."""
        return f"{kind}-{hashlib.sha256(repr((self.seed, *parts)).encode()).hexdigest()[:12]}"

    def admit(self, request: Request) -> dict[str, str]:
        """Check key and rate; returns the headers that say how many requests are left."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        given = key.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key")
        if given is None:
            raise refuse(401, "Missing or invalid Authorization header", code="unauthorized")
        if not hmac.compare_digest(given.encode(), self.key.encode()):
            raise refuse(401, "Invalid API key", code="unauthorized")
        client = request.headers.get("x-client-id", "default")
        self.state.requests[client] = self.state.requests.get(client, 0) + 1
        allowed, headers = self.limits.take(client)
        if not allowed:
            raise _with_headers(refuse(429, "Too many requests. Please retry later", code="rate_limited"), headers)
        return headers

    def fail(self) -> None:
        """Raise the fault that is due, if one is."""
        if self._happens(self.config.throttle_rate):
            raise _with_headers(refuse(429, "Too many requests (simulated)", code="rate_limited"), {"Retry-After": "1"})
        if self._happens(self.config.error_rate):
            status, message = self.dice.choice(
                [(500, "Simulated error"), (503, "Service temporarily unavailable"), (400, "Invalid audio format")]
            )
            raise refuse(status, message, code="simulated")

    def respond(self, body: Answer, headers: dict[str, str], status: int = 200) -> Response:
        """Return an answer, or what is left of it."""
        response = JSONResponse(to_plain(body), status, headers)
        if self._happens(self.config.cut_rate):
            return _CutResponse(response.body, status, {**headers, "Content-Type": "application/json"})
        if self._happens(self.config.junk_rate):
            return Response(b"<html>not what was asked for", status, headers, "text/html")
        return response

    def _happens(self, rate: float) -> bool:
        active = self.config.simulate_errors and not self.config.always_succeed
        return bool(rate) and active and self.dice.random() < rate


def _check_setting(name: str, value: Any, present: Any) -> None:
    if isinstance(present, bool):
        fine, allowed = isinstance(value, bool), "true or false"
    elif name.endswith("_rate"):
        fine, allowed = _is_number(value) and 0 <= value <= 1, "0 to 1"
    elif name.endswith("_ms"):
        fine, allowed = _is_number(value) and 0 <= value <= 600_000, "0 to 600,000 milliseconds"
    else:
        fine, allowed = type(value) is int and 1 <= value <= 1_000_000, "1 to 1,000,000"
    if not fine:
        raise refuse(400, f"{name} is {value!r}; allowed: {allowed}.", code="bad_value")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _with_headers(error: HTTPException, headers: dict[str, str]) -> HTTPException:
    error.headers = headers
    return error


class _CutResponse(Response):
    """An answer that promises its whole body and ends in the middle of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
