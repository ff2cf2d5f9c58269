"""What every request passes first: host, origin, key, rate, and the size and pace of its body."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from sentinel_batch.service.access import Doorkeeper, Principal
from sentinel_batch.service.limits import RateLimits
from sentinel_batch.service.sessions import SessionStore
from sentinel_batch.service.settings import LOOPBACK_NAMES, MIB, ServiceSettings
from sentinel_batch.service.voice_paths import AUDIO_PATHS, HEALTH_PATH

OPEN_PATHS = frozenset({"/api/v1/sentinel/health", HEALTH_PATH, "/healthz", "/readyz", "/openapi.json"})
"""Answered without a key: they tell nothing of calls, numbers or alerts."""

STATIC = "/static/"
"""Style sheet and scripts of the pages; anybody may have them."""

PAGES = frozenset(
    {
        "", "alerts", "boxes", "cases", "detect", "jobs", "login", "logout", "numbers", "pulse", "queue", "reports",
        "suppressions", "ticket", "upload",
    }
)  # fmt: skip
"""First parts of the paths of pages: a browser that has signed in may see them, and a stranger is asked to sign in."""

UPLOAD_PATHS = frozenset({"/api/v1/sentinel/ingest", "/upload"})
EVENT_PATHS = frozenset({"/api/v1/sentinel/events/call", "/api/v2/events"})
_STRANGERS_PER_MINUTE, _OPEN_PER_MINUTE = 60, 600
_UPLOAD_BYTES_PER_SECOND = 1024
_DRAIN_SECONDS = 5.0
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, settings: ServiceSettings, doorkeeper: Doorkeeper, sessions: SessionStore) -> None:
        self._app = app
        self._settings = settings
        self._doorkeeper = doorkeeper
        self._sessions = sessions
        self._limits = RateLimits(settings.requests_per_minute)
        self._event_limits = RateLimits(settings.events_per_minute)
        self._strangers = RateLimits(_STRANGERS_PER_MINUTE)
        self._open_limits = RateLimits(_OPEN_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        if scope["type"] == "websocket":
            await self._guard_socket(scope, receive, send)
            return
        send = _with_headers(send, _SAFE_HEADERS)
        try:
            headers = await self._admit(scope)
            body = _Body(receive, self._settings, scope["path"])
            body.check_length(Headers(scope=scope))
        except HTTPException as refusal:
            await _drain(receive)
            await _refuse(refusal)(scope, receive, send)
            return
        await self._run(scope, body, _with_headers(send, headers))

    async def _run(self, scope: Scope, body: _Body, send: Send) -> None:
        async def send_after_drain(message: Message) -> None:
            # A refusal in the middle of a body: what is still on its way is read, so that the client reads the answer.
            if message["type"] == "http.response.start" and body.refused:
                await _drain(body.raw)
            await send(message)

        await self._app(scope, body, send_after_drain)

    async def _guard_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_host(Headers(scope=scope))
            self._check_origin(Headers(scope=scope))
        except HTTPException as refusal:
            await WebSocket(scope, receive, send).send_denial_response(_refuse(refusal))
            return
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> dict[str, str]:
        """Return the headers of a request that is let in; raise the refusal of one that is not."""
        headers = Headers(scope=scope)
        self._check_host(headers)
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            self._check_origin(headers)
        if scope["path"] in OPEN_PATHS or scope["path"].startswith(STATIC):
            scope["state"]["principal"] = None
            return self._count(self._open_limits, _address(scope), "This address")
        try:
            principal = await self._identify(headers, is_page(scope["path"]))
        except HTTPException as refusal:
            raise self._refuse_stranger(scope, refusal) from refusal
        scope["state"]["principal"] = principal
        if principal is None:
            if not is_page(scope["path"]):
                raise self._refuse_stranger(scope, _without_key())
            # Pages answer strangers themselves: with the form to sign in.
            return self._count(self._strangers, _address(scope), "This address")
        limits = self._event_limits if scope["path"] in EVENT_PATHS else self._limits
        # A request of many events is charged for the others by whoever has counted them.
        scope["state"]["event_limits"] = self._event_limits
        return self._count(limits, principal.name, f"The key {principal.name!r}")

    async def _identify(self, headers: Headers, on_page: bool) -> Principal | None:
        """Return who asks. A cookie is good for pages only: their forms are guarded, those of other origins are not."""
        return (self._sessions.identify(headers) if on_page else None) or await self._doorkeeper.identify(headers)

    def _count(self, limits: RateLimits, name: str, who: str) -> dict[str, str]:
        allowed, headers = limits.take(name)
        if not allowed:
            raise HTTPException(429, f"{who} sends too many requests.", headers)
        return headers

    def _refuse_stranger(self, scope: Scope, refusal: HTTPException) -> HTTPException:
        allowed, limits = self._strangers.take(_address(scope))
        return refusal if allowed else HTTPException(429, "Too many requests without a valid key.", limits)

    def _check_host(self, headers: Headers) -> None:
        """Without keys, a page of another name that was pointed at this machine (DNS rebinding) must get nothing."""
        name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if self._settings.insecure_local and name not in LOOPBACK_NAMES:
            raise HTTPException(421, f"This service answers to {', '.join(LOOPBACK_NAMES)} only.")

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None or origin in self._settings.allowed_origins:
            return
        if urlsplit(origin).netloc != headers.get("host", ""):
            raise HTTPException(403, "Pages of other origins may not call this service; see serve --allow-origin.")


def is_page(path: str) -> bool:
    """Tell whether a path is one of the pages for people."""
    return path.split("/", 2)[1] in PAGES if path.startswith("/") else False


class _Body:
    """The body of a request on its way in: not too long, not too slow."""

    def __init__(self, receive: Receive, settings: ServiceSettings, path: str) -> None:
        self.raw = receive
        self.refused = False
        self._silence = settings.body_seconds
        self._is_upload = path in UPLOAD_PATHS or path in AUDIO_PATHS
        # A form has a little more than its file.
        largest = settings.voice_upload if path in AUDIO_PATHS else settings.max_upload
        self._limit = largest + MIB if self._is_upload else settings.max_body
        self._read = 0
        self._done = False
        self._begun = time.monotonic()

    def check_length(self, headers: Headers) -> None:
        """Refuse a body that says itself that it is too long, or says it in two ways: a proxy may believe the other."""
        if "content-length" in headers and "transfer-encoding" in headers:
            raise HTTPException(
                400, "Content-Length and Transfer-Encoding exclude each other.", {"Connection": "close"}
            )
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > self._limit:
            raise self._too_large()

    async def __call__(self) -> Message:
        if self._done:
            return await self.raw()
        try:
            async with asyncio.timeout(self._patience()):
                message = await self.raw()
        except TimeoutError:
            raise HTTPException(408, "The body came too slowly; nothing was taken.", {"Connection": "close"}) from None
        self._read += len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._read > self._limit:
            self.refused = True
            raise self._too_large()
        return message

    def _patience(self) -> float:
        """Return how many seconds may pass until the next piece."""
        passed = time.monotonic() - self._begun
        due = self._read / _UPLOAD_BYTES_PER_SECOND if self._is_upload else 0.0
        # A client that sends a byte now and then must not hold a request for ever.
        left = 3 * self._silence + due - passed
        return max(0.0, min(self._silence, left))

    def _too_large(self) -> HTTPException:
        kind = "file" if self._is_upload else "body"
        limit = self._limit - MIB if self._is_upload else self._limit
        return HTTPException(
            413,
            f"The {kind} is larger than the {limit:,} bytes that are taken; nothing was taken.",
            {"Connection": "close"},
        )


def _without_key() -> HTTPException:
    return HTTPException(
        401,
        "A valid API key is needed: send Authorization: Bearer KEY, or X-API-Key: KEY.",
        {"WWW-Authenticate": 'Bearer realm="sentinel"'},
    )


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("unknown",))[0])


async def _drain(receive: Callable[[], Awaitable[Message]]) -> None:
    """Read what a refused client still sends, for a while: else it sees a broken connection, and not the reason."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
                pass


def _refuse(refusal: HTTPException) -> JSONResponse:
    return JSONResponse({"detail": refusal.detail}, refusal.status_code, dict(refusal.headers or {}))


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            present: Any = MutableHeaders(scope=message)
            for name, value in headers.items():
                present.setdefault(name, value)
        await send(message)

    return send_with
