"""The WebSocket on which new alerts arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from sentinel_batch.service.access import READ
from sentinel_batch.service.answers import dump, is_masked
from sentinel_batch.service.hub import Client, SlowClientError
from sentinel_batch.service.state import Service
from sentinel_batch.window import now

router = APIRouter()

PROTOCOL = "sentinel.v1"
_TRY_LATER, _TOO_SLOW, _NO_LONGER = 1013, 1013, 1008
_NOBODY = "A valid ticket, key or token of a role that may read is needed; see POST /api/v2/tickets."
_SEND_SECONDS = 10.0


@router.websocket("/api/v1/sentinel/ws/alerts")
async def stream_alerts(
    socket: WebSocket,
    since: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    ticket: str | None = None,
) -> None:
    """Send ``connected``, every new ``alert``, and a ``heartbeat`` where there is none for a while."""
    service: Service = socket.app.state.service
    offered = socket.scope.get("subprotocols", [])
    principal = await service.doorkeeper.identify_socket(socket.headers, offered, ticket)
    if principal is None or principal.role not in READ:
        await socket.send_denial_response(JSONResponse({"detail": _NOBODY}, 403))
        return
    await socket.accept(PROTOCOL if PROTOCOL in offered else None)
    client = service.hub.join()
    if client is None:
        await socket.close(_TRY_LATER, "Too many clients; try again later.")
        return
    masked = is_masked(principal, service.settings)
    listening = asyncio.create_task(_listen(socket))
    is_let_in = partial(service.doorkeeper.is_still_let_in, principal)
    speaking = asyncio.create_task(_speak(socket, service, client, since, masked, is_let_in))
    try:
        await asyncio.wait({listening, speaking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        service.hub.leave(client)
        for task in (listening, speaking):
            task.cancel()
        await asyncio.gather(listening, speaking, return_exceptions=True)


async def _listen(socket: WebSocket) -> None:
    """Wait until the client goes away; what it says is not needed."""
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()


async def _speak(
    socket: WebSocket,
    service: Service,
    client: Client,
    since: int | None,
    masked: bool,
    is_let_in: Callable[[], bool],
) -> None:
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        await _send(socket, _stamp("connected", message="Connected to Sentinel alert stream"))
        last = -1
        if since is not None:
            for news in await run_in_threadpool(service.hub.list_since, since):
                await _send(socket, news.masked if masked else news.text)
                last = news.id
        while not service.stopping:
            try:
                found = await client.get(service.settings.heartbeat_seconds)
            except SlowClientError:
                await socket.close(_TOO_SLOW, "Too slow; resume with since=ID of the last alert.")
                return
            if not is_let_in():
                await socket.close(_NO_LONGER, "The key was revoked, or the token has expired.")
                return
            if found is None:
                await _send(socket, _stamp("heartbeat"))
            elif found.id > last:
                await _send(socket, found.masked if masked else found.text)


def _stamp(kind: str, **rest: str) -> str:
    return dump({"type": kind, "timestamp": now(), **rest})


async def _send(socket: WebSocket, text: str) -> None:
    async with asyncio.timeout(_SEND_SECONDS):
        await socket.send_text(text)
