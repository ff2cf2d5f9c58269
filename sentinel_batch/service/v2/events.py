"""Many call events in one request, described; :mod:`sentinel_batch.service.quick` answers it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sentinel_batch.service.access import SEND, needs
from sentinel_batch.service.shapes import CallEvent, EventsAnswer
from sentinel_batch.service.v2.common import PREFIX

router = APIRouter(prefix=PREFIX, tags=["v2"])

_EXAMPLE = CallEvent.model_config["json_schema_extra"]["example"]  # type: ignore[index]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/CallEvent"},
                    "minItems": 1,
                    "maxItems": 1000,
                    "example": [_EXAMPLE],
                }
            },
            "application/x-ndjson": {"schema": {"type": "string", "description": "One event in a line."}},
        },
    }
}


@router.post("/events", response_model=EventsAnswer, dependencies=[needs(SEND)], openapi_extra=_BODY)
async def receive_events() -> None:
    """Keep up to 1,000 calls, each by itself: a wrong one is refused with the reason, and the others are kept."""
    raise NotImplementedError
