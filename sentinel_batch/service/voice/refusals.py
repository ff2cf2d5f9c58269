"""Refusals as the voice API words them: ``{"error", "message"}``, with a code and what to do beside; in one place.

Guard, framework and routes refuse as they do everywhere; what leaves on the paths of the voice API is worded anew here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentinel_batch.service.voice_paths import VOICE_PATHS

log = logging.getLogger("sentinel_batch.service")

_NAMES = {413: "Payload too large", 422: "Unprocessable content", 429: "Rate limit exceeded"}
"""Where the published name is not Python's for the status, or Python's versions differ."""


def refuse(status: int, message: str, *, code: str, hint: str = "") -> HTTPException:
    """Return a refusal to raise."""
    return HTTPException(status, {"message": message, "code": code, "hint": hint})


def name_status(status: int) -> str:
    """Return the published ``error`` of a status: ``Bad request``, ``Unauthorized`` …"""
    return _NAMES.get(status) or HTTPStatus(status).phrase.capitalize()


def word_refusal(status: int, body: Any, has_key: bool = False) -> dict[str, Any]:
    """Return the body of a refusal in the published form.

    Parameters
    ----------
    status
        Its status.
    body
        Its body as the rest of the service words it.
    has_key
        Whether a key was sent.
    """
    found = body if isinstance(body, dict) else {}
    detail = found.get("detail", found)
    if isinstance(detail, list):
        facts: Mapping[str, Any] = {"message": " ".join(_say(item) for item in detail)}
    elif isinstance(detail, dict):
        facts = detail
    else:
        facts = {"message": detail, **found}
        if detail and (published := _find_message(status, has_key)) is not None:
            facts = {**facts, "message": published, "hint": str(detail)}
    code = facts.get("code") or name_status(status).lower().replace(" ", "_")
    hint = facts.get("hint")
    return {
        "error": name_status(status),
        "message": str(facts.get("message") or name_status(status)),
        "code": code,
        **({"hint": hint} if hint else {}),
    }


def _find_message(status: int, has_key: bool) -> str | None:
    """Return the published message of what the guard refuses; its own words, which tell more, become the hint."""
    if status == 401:
        return "Invalid API key" if has_key else "Missing or invalid Authorization header"
    return "Too many requests. Please retry later" if status == 429 else None


def _has_key(headers: Headers) -> bool:
    return bool(headers.get("x-api-key")) or headers.get("authorization", "").lower().startswith("bearer ")


def _say(item: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in item.get("loc", ())[1:])
    text = f"{place}: {item['msg']}" if place else str(item["msg"])
    return text if text.endswith(".") else f"{text}."


class WordedRefusals:
    """The layer that words the refusals of the voice API.

    Parameters
    ----------
    app
        What is under it.
    every_path
        Whether all refusals are worded so, and not only those on the paths of the voice API.
    """

    def __init__(self, app: ASGIApp, every_path: bool = False) -> None:
        self._app = app
        self._every_path = every_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not (self._every_path or _is_published(scope["path"])):
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, _has_key(Headers(scope=scope)))
        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            if answer.begun:
                raise
            log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
            body = {"message": "The service has failed; its log says where.", "code": "unexpected"}
            await JSONResponse(word_refusal(500, {"detail": body}), 500)(scope, receive, send)


def _is_published(path: str) -> bool:
    """Tell whether a path is one of the voice API, or would be: nobody else answers below ``/v1/``."""
    return path in VOICE_PATHS or path.startswith("/v1/")


class _Answer:
    """An answer on its way out; a refusal is held until its body is whole."""

    def __init__(self, send: Send, has_key: bool) -> None:
        self._send = send
        self._has_key = has_key
        self.begun = False
        self._held: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_refusal(message):
            self._held = message
        elif self._held is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._release(self._held)
        else:
            self.begun = True
            await self._send(message)

    async def _release(self, start: Message) -> None:
        worded = word_refusal(start["status"], json.loads(self._body or b"{}"), self._has_key)
        body = json.dumps(worded, ensure_ascii=False).encode()
        MutableHeaders(scope=start)["Content-Length"] = str(len(body))
        self.begun = True
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_refusal(start: Message) -> bool:
    kind = Headers(raw=start.get("headers", [])).get("content-type", "")
    return start["status"] >= 400 and kind.startswith("application/json")
