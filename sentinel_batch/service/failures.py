"""Errors as FastAPI words them: ``{"detail": …}``, with what to do about it beside."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from starlette.responses import JSONResponse
from starlette.types import Scope

from batch_base.errors import ReportedError
from batch_base.plain import to_plain
from sentinel_batch import errors

log = logging.getLogger("sentinel_batch.service")


class QueueFullError(errors.SentinelError):
    """Too many jobs, or events, wait."""


class OverdueError(errors.SentinelError):
    """A recording took longer than its answer may."""


class WorkerLostError(errors.SentinelError):
    """The process that worked on a recording is gone."""


class EngineMissingError(errors.SentinelError):
    """No process can work on recordings."""


class JobNotFoundError(errors.UsageError):
    """No job has that id."""


class ReportNotFoundError(errors.UsageError):
    """No report has that file."""


_STATUS: tuple[tuple[type[ReportedError], int], ...] = (
    (errors.AlertNotFoundError, 404),
    (errors.CaseNotFoundError, 404),
    (errors.BoxNotFoundError, 404),
    (errors.RuleNotFoundError, 404),
    (JobNotFoundError, 404),
    (ReportNotFoundError, 404),
    (QueueFullError, 503),
    (EngineMissingError, 503),
    (WorkerLostError, 500),
    (OverdueError, 504),
    (errors.LakeLockedError, 503),
    (errors.DeadlineError, 503),
    (errors.LakeNotFoundError, 503),
    (errors.DiskFullError, 507),
    (errors.LakeDamagedError, 500),
    (errors.DefectError, 500),
    (errors.RuleError, 500),
)
RETRY_SECONDS = 5


def describe(error: ReportedError, loc: tuple[str, ...] = ("body",), scrub: Any = str) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of an error that a user may see.

    Parameters
    ----------
    error
        What is wrong.
    loc
        Where the wrong value stands, as FastAPI's bodies name places.
    scrub
        Takes paths of this machine out of the message.
    """
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 422)
    message, hint = scrub(error.message), scrub(error.hint)
    if status == 422:
        ctx = {"hint": hint} if hint else {}
        return status, {"detail": [{"type": error.code, "loc": list(loc), "msg": message, "ctx": ctx}]}
    return status, {"detail": message, "code": error.code, "hint": hint}


def answer_invalid(errors: Sequence[Any]) -> JSONResponse:
    """Return what is wrong with values, without the values: they may be long, or hold what JSON cannot (NaN)."""
    kept = [{k: v for k, v in item.items() if k in ("type", "loc", "msg", "ctx")} for item in errors]
    return JSONResponse({"detail": to_plain(kept)}, 422)


def answer_failure(scope: Scope, error: Exception, scrub: Any) -> JSONResponse:
    """Return an error that a route raises as a response; one that nobody foresaw is in the log.

    Parameters
    ----------
    scope
        Of the request.
    error
        The error.
    scrub
        Takes paths of this machine out of the message.
    """
    if isinstance(error, ReportedError):
        status, body = describe(error, ("query",) if scope["method"] == "GET" else ("body",), scrub)
        return JSONResponse(body, status, {"Retry-After": str(RETRY_SECONDS)} if status == 503 else None)
    if isinstance(error, sqlite3.OperationalError):
        return _answer_unwritable(scope, error)
    log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
    return JSONResponse({"detail": "The service has failed; its log says where.", "code": "unexpected"}, 500)


def _answer_unwritable(scope: Scope, error: sqlite3.OperationalError) -> JSONResponse:
    """Return what is said when the service's own files cannot be used: their disk is full, away, or too busy."""
    log.warning("%s %s: %s", scope["method"], scope["path"], error)
    if "full" in str(error):
        detail = "The disk of the lake is full; nothing was taken."
        return JSONResponse({"detail": detail, "code": "disk_full"}, 507)
    detail = "The service cannot use its files now; see /readyz."
    return JSONResponse({"detail": detail, "code": "unwritable"}, 503, {"Retry-After": str(RETRY_SECONDS)})


def install(app: FastAPI) -> None:
    """Let an application answer every failure in the same way."""

    async def say(request: Request, error: Exception) -> JSONResponse:
        return answer_failure(request.scope, error, request.app.state.service.settings.scrub)

    # Each by itself: what is registered for Exception alone is raised again once it is answered.
    for kind in (ReportedError, sqlite3.OperationalError, Exception):
        app.add_exception_handler(kind, say)

    @app.exception_handler(RequestValidationError)
    async def say_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return answer_invalid(error.errors())

    @app.exception_handler(WebSocketRequestValidationError)
    async def deny_invalid(socket: WebSocket, error: WebSocketRequestValidationError) -> None:
        await socket.send_denial_response(answer_invalid(error.errors()))
