"""The routes of call events, answered before the router: a thousand of them come in a second.

Routing, dependencies and response models of FastAPI took two thirds of the time of such a request. What is refused is
refused in the same words; :mod:`sentinel_batch.service.v1` and :mod:`sentinel_batch.service.v2.events` describe them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sentinel_batch.service.access import SEND, Principal, check_role, principal_of
from sentinel_batch.service.failures import answer_failure, answer_invalid
from sentinel_batch.service.receiving import Refused, describe_event, read_call, read_many, refuse
from sentinel_batch.service.shapes import CallEvent
from sentinel_batch.service.state import Service

log = logging.getLogger("sentinel_batch.service")

ONE_PATH, MANY_PATH = "/api/v1/sentinel/events/call", "/api/v2/events"

Answer = Callable[[Service, Headers, bytes, Principal, Scope], Awaitable[JSONResponse]]


class EventRoutes:
    """A layer of the application that answers events, and passes on what is none."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _ANSWERS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        # So that it is counted as a route.
        scope["route"] = SimpleNamespace(path=scope["path"])
        response = await self._answer(answer, scope, receive)
        await response(scope, receive, send)

    async def _answer(self, answer: Answer, scope: Scope, receive: Receive) -> JSONResponse:
        try:
            principal = principal_of(scope)
            check_role(principal, SEND, scope["method"], scope["path"])
            body = await _read(receive)
            return await answer(self._service, Headers(scope=scope), body, principal, scope)
        except HTTPException as refusal:
            return JSONResponse({"detail": refusal.detail}, refusal.status_code, dict(refusal.headers or {}))
        except ValidationError as error:
            return answer_invalid(refuse(error))
        except Exception as error:
            return answer_failure(scope, error, self._service.settings.scrub)


async def _read(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The connection was closed in the middle of the body.")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _answer_one(
    service: Service, headers: Headers, body: bytes, principal: Principal, scope: Scope
) -> JSONResponse:
    call = CallEvent.model_validate_json(body)
    event = read_call(call, principal.name, headers.get("idempotency-key"), service.desk.config)
    [scored] = await service.take_events([event])
    return JSONResponse(describe_event(event, scored))


async def _answer_many(
    service: Service, headers: Headers, body: bytes, principal: Principal, scope: Scope
) -> JSONResponse:
    read = read_many(body, principal.name, service.desk.config)
    allowed, limits = scope["state"]["event_limits"].take(principal.name, len(read) - 1)
    if not allowed:
        raise HTTPException(429, f"The key {principal.name!r} sends too many events.", limits)
    kept = [entry for entry in read if not isinstance(entry, Refused)]
    scored = iter(await service.take_events(kept) if kept else [])
    results: list[dict[str, Any]] = []
    for index, entry in enumerate(read):
        if isinstance(entry, Refused):
            results.append({"index": index, "status": "refused", "detail": list(entry.detail)})
            continue
        described = describe_event(entry, next(scored))
        status = "repeated" if described.pop("repeated") else "accepted"
        results.append({"index": index, **described, "status": status})
    service.metrics.events.labels("refused").inc(len(read) - len(kept))
    counts = {name: sum(one["status"] == name for one in results) for name in ("accepted", "repeated", "refused")}
    return JSONResponse({"status": "success", "received": len(read), **counts, "events": results})


_ANSWERS: dict[str, Answer] = {ONE_PATH: _answer_one, MANY_PATH: _answer_many}
