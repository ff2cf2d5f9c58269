"""Signing in and out, the files of the pages, and what tells an open page that something has changed."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from sentinel_batch.service.access import ANY, READ, Principal
from sentinel_batch.service.pages import assets
from sentinel_batch.service.pages.rendering import PageRoute, check_token, read_form, show, visitor
from sentinel_batch.service.sessions import COOKIE, SESSION_SECONDS, SessionStore
from sentinel_batch.service.state import Service

router = APIRouter(route_class=PageRoute, include_in_schema=False)

TOPICS = {
    "alerts": ("fraud_alerts", "alert_events", "suppressions"),
    "groups": ("boxes", "cases", "case_events"),
    "calls": ("call_records", "runs"),
}
"""What a page can follow, and the tables behind it; ``jobs`` are in no table."""

_LONGEST_KEY = 200
_FOR_EVER = "public, max-age=31536000, immutable"
_LOOK_SECONDS = 0.5
_JOBS_WATCHED = 50


@router.get("/static/{digest}/{name}")
async def send_asset(digest: str, name: str) -> Response:
    """Send a file of the pages; its address changes with its content."""
    try:
        found = assets.address(name) == f"/static/{digest}/{name}"
    except KeyError:
        found = False
    if not found:
        raise HTTPException(404, "There is no such file.")
    return Response(assets.read(name), media_type=assets.media_type(name), headers={"Cache-Control": _FOR_EVER})


@router.get("/login")
def ask_for_key(request: Request, next: str = "/") -> Response:
    """Show the form to sign in."""
    if request.scope["state"]["principal"] is not None:
        return RedirectResponse(_own_address(next), 303)
    return show(request, "login.html.j2", next=_own_address(next), wrong=False)


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Sign the holder of a key in: the key is looked at once, and a cookie stands for it from then on."""
    async with request.form(max_files=0, max_fields=5) as form:
        given, target = str(form.get("key", "")).strip(), _own_address(str(form.get("next", "/")))
    service: Service = request.app.state.service
    key = await run_in_threadpool(service.keys.find, given) if len(given) <= _LONGEST_KEY else None
    if key is None:
        return show(request, "login.html.j2", 401, next=target, wrong=True)
    sessions: SessionStore = request.app.state.sessions
    text = await run_in_threadpool(sessions.open, key)
    response = RedirectResponse(target, 303)
    response.set_cookie(
        COOKIE, text, max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=_is_behind_tls(request)
    )
    return response


@router.post("/logout")
async def sign_out(request: Request, principal: Principal = visitor(ANY)) -> Response:  # noqa: B008
    """Sign a browser out, here and on the server."""
    await read_form(request)
    sessions: SessionStore = request.app.state.sessions
    await run_in_threadpool(sessions.close, request.headers)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_is_behind_tls(request))
    return response


@router.post("/ticket")
async def issue_ticket(request: Request, principal: Principal = visitor(READ)) -> JSONResponse:  # noqa: B008
    """Give a page the ticket with which it opens the stream of alerts."""
    check_token(request)
    service: Service = request.app.state.service
    return JSONResponse({"ticket": service.doorkeeper.issue_ticket(principal)[0]}, 201)


@router.get("/pulse")
def tell_versions(request: Request, principal: Principal = visitor(ANY)) -> JSONResponse:  # noqa: B008
    """Tell which topics have changed: an open page asks every few seconds, and reads again only what has."""
    pulse: Pulse = request.app.state.pulse
    return JSONResponse(pulse.look())


class Pulse:
    """The versions of what pages show, looked up twice a second at most however many pages are open.

    Parameters
    ----------
    service
        Whose lake and jobs.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._looking = threading.Lock()
        self._known: dict[str, str] = {}
        self._due = 0.0

    def look(self) -> dict[str, str]:
        """Return a version of each topic."""
        with self._looking:
            if time.monotonic() >= self._due:
                self._known = self._read()
                self._due = time.monotonic() + _LOOK_SECONDS
            return self._known

    def _read(self) -> dict[str, str]:
        versions = self._service.desk.tables.versions
        found = {topic: ".".join(str(versions.get(table)) for table in tables) for topic, tables in TOPICS.items()}
        jobs: list[Any] = [(job.id, job.state, job.done) for job in self._service.jobs.list(_JOBS_WATCHED)]
        return {**found, "jobs": hashlib.sha256(repr(jobs).encode()).hexdigest()[:16]}


def _own_address(text: str) -> str:
    """Return where to go after signing in: a page of ours, never one of somebody else."""
    own = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if own else "/"


def _is_behind_tls(request: Request) -> bool:
    """Tell whether the browser speaks TLS, to this service or to the server before it."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
