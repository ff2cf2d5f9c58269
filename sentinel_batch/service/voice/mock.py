"""A stand-in for the voice API, for demonstrations and the tests of clients: no engine, no lake, invented scores.

What it answers follows from its seed and the bytes of a recording; names of files steer it as they do the original
(``synthetic``, ``fake``, ``real``, ``authentic``, ``match``, ``mismatch``). Faults and delays come when they are asked
for, at ``/mock/config``. It listens on this machine only.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from batch_base.plain import to_plain
from sentinel_batch.service.settings import MIB
from sentinel_batch.service.voice.enrolling import MOST_SAMPLES, SAMPLES
from sentinel_batch.service.voice.forms import Sent, read_document, receive_recordings
from sentinel_batch.service.voice.mock_state import API_KEY, Answer, Mock
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

VERSION = "mock-v1.0"
LARGEST = 100 * MIB
_ACCEPTED = 0.7
_LIKELY, _UNLIKELY = 0.7, 0.35


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


def _refuse_pages(request: Request) -> None:
    """Pages of other origins may look, not touch."""
    if "origin" in request.headers:
        raise refuse(403, "Web pages may not change the mock.", code="forbidden")


def _name_operation(route: APIRoute) -> str:
    return route.name
