"""The application: routes behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from sentinel_batch import __version__
from sentinel_batch.service import failures, live, pages, probes, v1
from sentinel_batch.service.guard import OPEN_PATHS, Guard
from sentinel_batch.service.metrics import MeasuredRequests
from sentinel_batch.service.pages.entry import Pulse
from sentinel_batch.service.quick import EventRoutes
from sentinel_batch.service.sessions import SessionStore
from sentinel_batch.service.settings import ServiceSettings
from sentinel_batch.service.shapes import Detail
from sentinel_batch.service.state import Service
from sentinel_batch.service.v2 import list_routers
from sentinel_batch.service.voice.engine import VoiceEngine
from sentinel_batch.service.voice.refusals import WordedRefusals
from sentinel_batch.service.voice.routes import router as voice_router

_DESCRIPTION = (
    "The Sentinel API. Version 1 is frozen, as published; version 2 has what Sentinel Batch knows beyond it. Send a key"
    " as `Authorization: Bearer KEY` or `X-API-Key: KEY`. Times are RFC 3339 in UTC."
)
_REFUSALS = {
    400: "The body cannot be read.",
    401: "No valid key.",
    403: "The key's role does not allow it, or the page is of another origin.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    422: "A value is not allowed.",
    429: "Too many requests; Retry-After says when to come again.",
    500: "The service has failed; its log says where.",
    503: "The lake is being written, too much waits, or there was no answer in time; see Retry-After.",
}


def create_app(settings: ServiceSettings) -> FastAPI:
    """Return the ASGI application of one service; its lake is made if there is none.

    Parameters
    ----------
    settings
        Which lake, and what is let in.
    """
    service = Service(settings)
    voice = VoiceEngine(settings, service.metrics)

    @asynccontextmanager
    async def live_span(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        await voice.start()
        yield
        await voice.stop()
        await service.stop()

    app = FastAPI(
        title="Sentinel Batch",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=live_span,
        # Their pages load scripts from elsewhere; the document itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_name_operation,
        responses={status: {"model": Detail, "description": text} for status, text in _REFUSALS.items()},
    )
    app.state.service = service
    app.state.pulse = Pulse(service)
    app.state.sessions = sessions = SessionStore(settings.folder, service.keys)
    app.state.voice = voice
    for router in (v1.router, *list_routers(), voice_router, probes.router, live.router, *pages.list_routers()):
        app.include_router(router)
    failures.install(app)
    app.openapi = _with_security(app)  # type: ignore[method-assign]
    app.add_middleware(EventRoutes, service=service)
    app.add_middleware(Guard, settings=settings, doorkeeper=service.doorkeeper, sessions=sessions)
    app.add_middleware(WordedRefusals)
    app.add_middleware(MeasuredRequests, metrics=service.metrics)
    return app


def _with_security(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return the description of the API, with the two ways of sending a key; the guard, not FastAPI, looks at them."""
    plain = app.openapi

    def describe() -> dict[str, Any]:
        document = plain()
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path in OPEN_PATHS else [{"bearer": []}, {"header": []}]
        return document

    return describe


def _name_operation(route: APIRoute) -> str:
    return route.name
