"""Voice events over HTTP: a router of its own, whose senders are known by a signature instead of a key.

``app.include_router(create_webhook(...))`` adds it to any application. What is accepted is on the disk when it is
answered; a consumer takes it from there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from audio_batch.events import EventError, EventStore, parse_event
from audio_batch.events.event import MOST_BYTES
from audio_batch.events.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Signer

PATH = "/api/v1/voice/events"
MOST_WAITING = 100_000
"""Events that wait at most; more are refused until some are done."""

_BODY_SECONDS = 10.0
_RETRY_SECONDS = 30
_ANSWERS = {"accepted": 202, "duplicate": 200, "done": 200, "conflict": 409}
_DESCRIPTIONS = {
    200: "The event came before; its result stands in the answer once there is one.",
    401: "The signature is missing, wrong or too old.",
    408: "The body came too slowly.",
    409: "Another event had this id.",
    413: "The body is too large.",
    422: "It is no event; the message names what is allowed.",
    503: "Too many events wait; Retry-After says when to come again.",
}


def create_webhook(store: EventStore, signer: Signer, *, wake: Callable[[], None] = lambda: None) -> APIRouter:
    """Return the router that takes signed events.

    Parameters
    ----------
    store
        Where accepted events wait.
    signer
        Knows the secrets.
    wake
        Called when there is a new event.
    """
    router = APIRouter(tags=["voice events"])
    responses: dict[int | str, dict[str, Any]] = {code: {"description": text} for code, text in _DESCRIPTIONS.items()}

    @router.post(PATH, status_code=202, responses=responses)
    async def receive_event(request: Request) -> JSONResponse:
        """Take an event that carries a recording; the same one twice is one event."""
        body = await _read_body(request)
        if isinstance(body, JSONResponse):
            return body
        headers = request.headers
        fault = signer.find_fault(body, headers.get(TIMESTAMP_HEADER), headers.get(SIGNATURE_HEADER))
        if fault is not None:
            return _refuse(401, "unauthorized", fault)
        return await _take(store, body, wake)

    return router


async def _take(store: EventStore, body: bytes, wake: Callable[[], None]) -> JSONResponse:
    try:
        event = parse_event(body)
    except EventError as error:
        return _refuse(422, error.reason, str(error))
    if await asyncio.to_thread(store.count_inbox) >= MOST_WAITING:
        full = _refuse(503, "busy", f"{MOST_WAITING:,} events wait already.")
        full.headers["Retry-After"] = str(_RETRY_SECONDS)
        return full
    outcome = await store.put(event, body)
    if outcome == "conflict":
        message = f"Another event with the id {event.id} came before, and asks for something else."
        return _refuse(_ANSWERS[outcome], "id_reused", message)
    wake()
    answer: dict[str, Any] = {"event_id": event.id, "status": "accepted" if outcome == "accepted" else "duplicate"}
    if outcome == "done":
        found = await asyncio.to_thread(store.find_result, event.id)
        answer["result"] = json.loads(found) if found is not None else None
    return JSONResponse(answer, _ANSWERS[outcome])


async def _read_body(request: Request) -> bytes | JSONResponse:
    """Return the body, or the refusal of one that is too large or comes too slowly."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return _refuse(413, "too_large", f"An event has {MOST_BYTES:,} bytes at most.")
    except TimeoutError:
        return _refuse(408, "too_slow", f"The body took more than {_BODY_SECONDS:g} seconds.")
    except ClientDisconnect:
        return _refuse(400, "incomplete", "The body ended early.")
    return bytes(body)


def _refuse(status: int, error: str, message: str) -> JSONResponse:
    return JSONResponse(
        {"error": error, "message": message}, status, {"Connection": "close"} if status == 413 else None
    )
