"""A stand-in for the voice API, for demonstrations and the tests of clients: no engine, no lake, invented scores.

What it answers follows from its seed and the bytes of a recording; names of files steer it as they do the original
(``synthetic``, ``fake``, ``real``, ``authentic``, ``match``, ``mismatch``). Faults and delays come when they are asked
for, at ``/mock/config``. It listens on this machine only.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from batch_base.plain import to_plain
from sentinel_batch.service.limits import RateLimits
from sentinel_batch.service.settings import MIB
from sentinel_batch.service.voice.enrolling import MOST_SAMPLES, SAMPLES
from sentinel_batch.service.voice.forms import Sent, read_document, receive_recordings
from sentinel_batch.service.voice.outcomes import recommend
from sentinel_batch.service.voice.refusals import WordedRefusals, refuse
from sentinel_batch.service.voice.reports import read_report
from sentinel_batch.service.voice_paths import (
    DETECT_PATHS,
    ENROL_PATHS,
    FEATURES_PATHS,
    HEALTH_PATH,
    REPORT_PATHS,
    VERIFY_PATHS,
)
from sentinel_batch.window import now

API_KEY = "mock_api_key_12345"
VERSION = "mock-v1.0"
LARGEST = 100 * MIB
_ACCEPTED = 0.7
_LIKELY, _UNLIKELY = 0.7, 0.35

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
    def upload_folder(self) -> Any:
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


Published = Callable[[Mock, Request], Awaitable[tuple[Answer, int]]]


def create_mock(seed: int = 0, key: str = API_KEY) -> FastAPI:
    """Return the ASGI application of a mock.

    Parameters
    ----------
    seed
        What its scores and faults follow from.
    key
        The key that it takes.
    """
    mock = Mock(seed, key)

    @asynccontextmanager
    async def live_span(app: FastAPI) -> AsyncIterator[None]:
        yield
        mock.close()

    app = FastAPI(
        title="Voice API, mock", version=VERSION, lifespan=live_span, docs_url=None, redoc_url=None,
        generate_unique_id_function=_name_operation,
    )  # fmt: skip
    app.state.mock = mock
    _add_published(app, mock)
    _add_controls(app, mock)
    app.add_middleware(WordedRefusals, every_path=True)
    return app


def _add_published(app: FastAPI, mock: Mock) -> None:
    def add(paths: tuple[str, ...], answer: Published, latency: str) -> None:
        async def route(request: Request) -> Response:
            headers = mock.admit(request)
            body, status = await answer(mock, request)
            await asyncio.sleep(getattr(mock.config, latency) / 1000)
            return mock.respond(body, headers, status)

        for path in paths:
            app.add_api_route(path, route, methods=["POST"], name=f"{answer.__name__}{path.replace('/', '_')}")

    add(DETECT_PATHS, _detect, "deepfake_latency_ms")
    add(FEATURES_PATHS, _measure, "deepfake_latency_ms")
    add(VERIFY_PATHS, _verify, "mfa_latency_ms")
    add(ENROL_PATHS, _enrol, "mfa_latency_ms")
    add(REPORT_PATHS, _report, "sar_latency_ms")

    @app.get(HEALTH_PATH)
    async def tell_health() -> Answer:
        return {"status": "healthy", "service": "mock-voice-api", "version": VERSION, "timestamp": to_plain(now())}


def _add_controls(app: FastAPI, mock: Mock) -> None:
    @app.get("/mock/config")
    async def show_config() -> Answer:
        return asdict(mock.config)

    @app.post("/mock/config")
    async def change_config(request: Request) -> Answer:
        _refuse_pages(request)
        wanted = await read_document(request, MIB)
        mock.configure(mock.config.changed(wanted))
        return {"status": "updated", "config": wanted}

    @app.get("/mock/stats")
    async def show_stats() -> Answer:
        state = mock.state
        return {
            "total_sessions": len(state.sessions),
            "total_enrollments": len(state.enrollments),
            "total_sar_cases": len(state.cases),
            "request_counts": state.requests,
        }

    @app.post("/mock/reset")
    async def reset(request: Request) -> Answer:
        _refuse_pages(request)
        mock.reset()
        return {"status": "reset"}


async def _detect(mock: Mock, request: Request) -> tuple[Answer, int]:
    with mock.upload_folder() as folder:
        sent = await receive_recordings(request, folder, LARGEST)
        mock.fail()
        name, digest = _look_at(sent)
    score = mock.draw("score", digest, **_bounds_of_score(name))
    label = "likely_synthetic" if score >= _LIKELY else "likely_real" if score <= _UNLIKELY else "uncertain"
    session_id = sent.text("session_id") or mock.name("session", digest)
    mock.state.sessions[session_id] = {"score": score, "label": label}
    body = {
        "score": score,
        "label": label,
        "latency_ms": mock.config.deepfake_latency_ms,
        "session_id": session_id,
        "model_version": VERSION,
        "recommended_action": recommend(label),
        "undetermined": False,
        "abstention": None,
        "mock": True,
    }
    return body, 200


async def _measure(mock: Mock, request: Request) -> tuple[Answer, int]:
    with mock.upload_folder() as folder:
        sent = await receive_recordings(request, folder, LARGEST)
        mock.fail()
        _, digest = _look_at(sent)
    names = ("spectral_flatness", "band_energy_ratio_low", "band_energy_ratio_high", "clipping_rate")
    return {"duration_sec": 1.0, "sample_rate": 16000, **{name: mock.draw(name, digest) for name in names}}, 200


async def _verify(mock: Mock, request: Request) -> tuple[Answer, int]:
    with mock.upload_folder() as folder:
        sent = await receive_recordings(request, folder, LARGEST)
        enrollment_id = sent.text("enrollment_id")
        if enrollment_id is None:
            raise refuse(400, "Missing enrollment identifier", code="missing")
        mock.fail()
        name, digest = _look_at(sent)
    mock.state.enrollments.setdefault(enrollment_id, SAMPLES)
    confidence = mock.draw("voice", digest, enrollment_id, **_bounds_of_confidence(name))
    verified = confidence >= _ACCEPTED
    body = {
        "verified": verified,
        "enrollment_id": enrollment_id,
        "confidence": confidence,
        "session_id": sent.text("session_id") or mock.name("session", digest),
        "latency_ms": mock.config.mfa_latency_ms,
        **({} if verified else {"recommended_action": "defer_to_review" if confidence > 0.3 else "deny"}),
        "mock": True,
    }
    return body, 200


async def _enrol(mock: Mock, request: Request) -> tuple[Answer, int]:
    with mock.upload_folder() as folder:
        sent = await receive_recordings(request, folder, LARGEST, MOST_SAMPLES)
        mock.fail()
        enrollment_id = sent.text("enrollment_id") or mock.name("enroll", len(mock.state.enrollments))
    count = mock.state.enrollments.get(enrollment_id, 0) + len(sent.paths)
    mock.state.enrollments[enrollment_id] = count
    left = max(0, SAMPLES - count)
    body = {
        "enrollment_id": enrollment_id,
        "status": "pending" if left else "active",
        "samples_required": SAMPLES,
        "samples_collected": count,
        "message": f"Submit {left} more samples to complete." if left else "Enrollment created successfully.",
        "mock": True,
    }
    return body, 201


async def _report(mock: Mock, request: Request) -> tuple[Answer, int]:
    asked = read_report(await read_document(request, MIB))
    mock.fail()
    key = request.headers.get("idempotency-key")
    case_id = mock.name("sar", key or sorted(asked.items(), key=str))
    repeated = case_id in mock.state.cases
    body = mock.state.cases.setdefault(
        case_id,
        {
            "status": "submitted",
            "case_id": case_id,
            "session_id": asked["session_id"],
            "submitted_at": to_plain(now()),
            "draft": True,
            "mock": True,
        },
    )
    return body | {"repeated": repeated}, 200


def _look_at(sent: Sent) -> tuple[str, str]:
    return sent.path.name.lower(), hashlib.sha256(sent.path.read_bytes()).hexdigest()


def _bounds_of_score(name: str) -> dict[str, float]:
    if "synthetic" in name or "fake" in name:
        return {"low": 0.7, "high": 0.95}
    if "real" in name or "authentic" in name:
        return {"low": 0.05, "high": 0.35}
    return {"low": 0.36, "high": 0.69}


def _bounds_of_confidence(name: str) -> dict[str, float]:
    if "mismatch" in name or "invalid" in name:
        return {"low": 0.15, "high": 0.45}
    if "match" in name or "valid" in name:
        return {"low": 0.85, "high": 0.98}
    return {"low": 0.5, "high": 0.9}


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


def _refuse_pages(request: Request) -> None:
    """Pages of other origins may look, not touch."""
    if "origin" in request.headers:
        raise refuse(403, "Web pages may not change the mock.", code="forbidden")


def _with_headers(error: Any, headers: dict[str, str]) -> Any:
    error.headers = headers
    return error


def _name_operation(route: APIRoute) -> str:
    return route.name


class _CutResponse(Response):
    """An answer that promises its whole body and ends in the middle of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
