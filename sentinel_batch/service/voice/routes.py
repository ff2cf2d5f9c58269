"""The routes of the voice API; docs/voice-server.md says where, and why, they differ from the original."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from sentinel_batch.service.access import ENROL, LISTEN, Principal, needs
from sentinel_batch.service.answers import answer
from sentinel_batch.service.probes import describe_health
from sentinel_batch.service.shapes import Document
from sentinel_batch.service.voice.engine import VoiceEngine
from sentinel_batch.service.voice.enrolling import MOST_SAMPLES, SAMPLES
from sentinel_batch.service.voice.forms import Sent, check_text, read_document, receive_recordings
from sentinel_batch.service.voice.measures import describe_features, describe_reasons
from sentinel_batch.service.voice.outcomes import describe_detection, describe_verification, raise_failure
from sentinel_batch.service.voice.refusals import refuse
from sentinel_batch.service.voice.reports import read_report
from sentinel_batch.service.voice.shapes import (
    DetectAnswer,
    EnrolAnswer,
    HealthAnswer,
    Refusal,
    ReportAnswer,
    ReportRequest,
    VerifyAnswer,
    describe_form,
)
from sentinel_batch.service.voice_paths import (
    DETECT_PATHS,
    ENROL_PATHS,
    FEATURES_PATHS,
    HEALTH_PATH,
    REPORT_PATHS,
    VERIFY_PATHS,
)
from sentinel_batch.window import now

_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "Something is missing, or cannot be read."},
    401: {"model": Refusal, "description": "No valid key."},
    403: {"model": Refusal, "description": "The key's role does not allow it."},
    404: {"model": Refusal, "description": "Nobody is enrolled under the id."},
    408: {"model": Refusal, "description": "The body came too slowly."},
    409: {"model": Refusal, "description": "Somebody is enrolled under the id already."},
    413: {"model": Refusal, "description": "The recording, or the body, is too large."},
    415: {"model": Refusal, "description": "It is no recording, or not of a format that is read."},
    422: {"model": Refusal, "description": "The recording cannot be used, or a value is not allowed."},
    429: {"model": Refusal, "description": "Too many requests; Retry-After says when to come again."},
    500: {"model": Refusal, "description": "The process that listened to it ended; no other recording is affected."},
    503: {"model": Refusal, "description": "Too many recordings wait; Retry-After says when to come again."},
    504: {"model": Refusal, "description": "Listening to it took too long."},
}
_FACTS = 'A JSON object with what is known of the call, such as {"session_id": "…", "channel": "ivr"}.'
_DETECT_FORM = describe_form(
    "WAV, FLAC, MP3, Opus, AMR, G.711 …; also under the name file.",
    {
        "metadata": _FACTS,
        "extract_features": "true for dsp_features in the answer.",
        "include_reason_codes": "true for reason_codes and feature_contributions.",
    },
)
_VERIFY_FORM = describe_form(
    "A recording of who calls; also under the name file.",
    {"enrollment_id": "Whose voice it should be.", "context": _FACTS},
)
_VERIFY_FORM["requestBody"]["content"]["application/json"] = {
    "schema": {
        "type": "object",
        "required": ["voice_sample"],
        "properties": {
            "voice_sample": {"type": "string", "description": "A recording in base64."},
            "enrollment_id": {"type": "string", "description": "Also as customer_id or transaction_id."},
            "context": {"type": "object"},
        },
    }
}
_ENROL_FORM = describe_form(
    "Recordings of one person; also under the names audio and file.",
    {"enrollment_id": "Id to enrol; made up if it is left out.", "user_id": "Given back.", "metadata": _FACTS},
    many=True,
)
_REPORT_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": ReportRequest.model_json_schema()}}},
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": 200},
            "description": "The same key gives the same case.",
        }
    ],
}
_REPORT_BYTES = 256 << 10

router = APIRouter(tags=["voice"], responses=_REFUSALS)


async def detect_deepfake(request: Request, principal: Principal = needs(LISTEN)) -> JSONResponse:  # noqa: B008
    """Say whether the voice of a recording is human or synthetic."""
    begun = time.perf_counter()
    voice = _voice(request)
    with voice.upload_folder() as folder:
        sent = await receive_recordings(request, folder, voice.settings.voice_upload)
        found, session_id = await _listen(voice, sent, principal, features=sent.asks_for("extract_features"))
    body = describe_detection(found, session_id, _milliseconds(begun))
    if sent.asks_for("include_reason_codes"):
        body |= describe_reasons(found["verdict"])
    if sent.asks_for("extract_features"):
        body["dsp_features"] = describe_features(found)
    return answer(request, body)


async def measure_voice(request: Request, principal: Principal = needs(LISTEN)) -> JSONResponse:  # noqa: B008
    """Measure the segment of a recording that sounds most synthetic; published names first, then all of ours."""
    voice = _voice(request)
    with voice.upload_folder() as folder:
        sent = await receive_recordings(request, folder, voice.settings.voice_upload)
        found, _ = await _listen(voice, sent, principal, features=True)
    return answer(request, describe_features(found))


async def verify_voice(request: Request, principal: Principal = needs(LISTEN)) -> JSONResponse:  # noqa: B008
    """Say whether a recording carries an enrolled voice, and whether that voice is live."""
    begun = time.perf_counter()
    voice = _voice(request)
    with voice.upload_folder() as folder:
        sent = await receive_recordings(request, folder, voice.settings.voice_upload)
        enrollment_id = sent.text("enrollment_id")
        if enrollment_id is None:
            raise refuse(400, "Missing enrollment identifier", code="missing", hint="Send the field enrollment_id.")
        found, session_id = await _listen(voice, sent, principal, enrollment_id=enrollment_id)
    return answer(request, describe_verification(found, enrollment_id, session_id, _milliseconds(begun)))


async def enrol_voice(request: Request, principal: Principal = needs(ENROL)) -> JSONResponse:  # noqa: B008
    """Enrol a voice from recordings that are sent together, or one by one under the same enrollment_id."""
    voice = _voice(request)
    with voice.upload_folder() as folder:
        sent = await receive_recordings(request, folder, voice.settings.voice_upload, MOST_SAMPLES)
        enrollment_id = sent.text("enrollment_id") or f"enroll-{secrets.token_hex(6)}"
        looked_up = await voice.pool.do({"kind": "look_up", "enrollment_id": enrollment_id})
        raise_failure(looked_up, _hider(voice, []))
        if looked_up["enrolled"]:
            raise refuse(409, f"{enrollment_id!r} is enrolled already.", code="enrolled", hint=_FORGET)
        samples = await asyncio.to_thread(voice.samples.add, enrollment_id, sent.paths)
        enrolled = await _enrol(voice, enrollment_id, samples, sent) if len(samples) >= SAMPLES else None
    return answer(request, _describe_enrolment(enrollment_id, len(samples), enrolled, sent), 201)


async def report_activity(request: Request, principal: Principal = needs(LISTEN)) -> JSONResponse:  # noqa: B008
    """Store the draft of a report of suspicious activity. Nothing is filed or sent."""
    voice = _voice(request)
    asked = read_report(await read_document(request, _REPORT_BYTES))
    key = request.headers.get("idempotency-key")
    if key is not None:
        key = check_text("Idempotency-Key", key, 200)
    return answer(request, await run_in_threadpool(voice.reports.draft, asked, principal.name, key))


@router.get(HEALTH_PATH, response_model=HealthAnswer, responses={503: {"model": HealthAnswer}}, tags=["operations"])
def tell_health(request: Request) -> JSONResponse:
    """Tell how the service is; 503 if it is not as it should be."""
    health = describe_health(request.app.state.service)
    status = 200 if health["status"] == "healthy" else 503
    return answer(request, health | {"timestamp": now()}, status)


_FORGET = "Forget it first: sentinel-batch audio voice forget ID; or enrol under another id."


def _voice(request: Request) -> VoiceEngine:
    voice: VoiceEngine = request.app.state.voice
    return voice


def _hider(voice: VoiceEngine, paths: list[Path]) -> Callable[[str], str]:
    """Return what takes paths of this machine out of a message."""

    def hide(text: str) -> str:
        for path in paths:
            text = text.replace(str(path), path.name)
        return voice.settings.scrub(text)

    return hide


def _milliseconds(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 1)


async def _listen(voice: VoiceEngine, sent: Sent, principal: Principal, **wanted: Any) -> tuple[dict[str, Any], str]:
    """Have a recording listened to; returns what was found, and the name of the session."""
    session_id = sent.text("session_id")
    found = await voice.pool.do({"kind": "analyse", "path": str(sent.path), **wanted})
    raise_failure(found, _hider(voice, sent.paths))
    session_id = session_id or found["verdict"]["session_id"]
    await voice.remember(session_id, principal.name, found["verdict"], found["verification"], dict(sent.facts))
    await asyncio.to_thread(voice.keep_recording, sent.path, found["sha256"])
    return found, session_id


async def _enrol(voice: VoiceEngine, enrollment_id: str, samples: list[Path], sent: Sent) -> dict[str, Any]:
    order = {"kind": "enroll", "enrollment_id": enrollment_id, "paths": [str(path) for path in samples]}
    try:
        enrolled = await voice.pool.do(order)
        raise_failure(enrolled, _hider(voice, samples))
    except BaseException:
        # Those that were sent before stay; these are not good enough, or are not known to be.
        fresh = sorted(samples, key=lambda path: path.stat().st_mtime)[-len(sent.paths) :]
        voice.samples.drop(enrollment_id, fresh)
        raise
    voice.samples.drop(enrollment_id)
    facts: dict[str, Any] = enrolled["enrollment"]
    return facts


def _describe_enrolment(enrollment_id: str, count: int, enrolled: dict[str, Any] | None, sent: Sent) -> dict[str, Any]:
    left = SAMPLES - count
    text = f"Submit {left} more sample{'' if left == 1 else 's'} under this enrollment_id to complete."
    published = {
        "enrollment_id": enrollment_id,
        "status": "pending" if enrolled is None else "active",
        "samples_required": SAMPLES,
        "samples_collected": count,
        "message": text if enrolled is None else "Enrollment created successfully.",
        "user_id": sent.text("user_id"),
        "samples_processed": count if enrolled else 0,
        "created_at": enrolled["created_at"] if enrolled else None,
        "metadata": dict(sent.facts),
    }
    own = ("channel_class", "speech_seconds", "consistency", "encoder", "encrypted")
    return published | ({name: enrolled[name] for name in own} if enrolled else {})


def _add(paths: tuple[str, ...], route: Any, model: Any, body: dict[str, Any], status: int = 200) -> None:
    for number, path in enumerate(paths):
        router.add_api_route(
            path,
            route,
            methods=["POST"],
            name=route.__name__ if number == 0 else f"{route.__name__}_too",
            response_model=model,
            status_code=status,
            openapi_extra=body,
        )


_add(DETECT_PATHS, detect_deepfake, DetectAnswer, _DETECT_FORM)
_add(FEATURES_PATHS, measure_voice, Document, _DETECT_FORM)
_add(VERIFY_PATHS, verify_voice, VerifyAnswer, _VERIFY_FORM)
_add(ENROL_PATHS, enrol_voice, EnrolAnswer, _ENROL_FORM, 201)
_add(REPORT_PATHS, report_activity, ReportAnswer, _REPORT_BODY)
