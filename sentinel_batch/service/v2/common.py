"""What the routes of version 2 share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request

from sentinel_batch.desk import Desk
from sentinel_batch.service.shapes import Document, Plain
from sentinel_batch.service.state import Service
from sentinel_batch.window import parse_instant

PREFIX = "/api/v2"

Limit = Annotated[int, Query(ge=1, le=1000)]
Moment = Annotated[Plain | None, Query(description="RFC 3339, such as 2026-01-23T00:00:00Z.")]
AlertStatus = Literal["open", "reviewed", "suppressed", "merged", "all"]


class Answer(Document):
    """``status`` is ``success``; the other keys are those of the command's JSON document."""

    status: str


def desk_of(request: Request) -> Desk:
    """Return the lake as it is now."""
    return service_of(request).newest_desk()


def service_of(request: Request) -> Service:
    """Return what the requests share."""
    service: Service = request.app.state.service
    return service


def read_moment(text: str | None, name: str) -> datetime | None:
    """Return an instant of a query."""
    return None if text is None else parse_instant(text, name=name)


def listed(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rows as a list's document."""
    return {"status": "success", "count": len(rows), name: rows}
