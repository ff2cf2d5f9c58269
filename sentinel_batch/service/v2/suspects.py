"""Suspects, the queue, and boxes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from sentinel_batch.boxes import get_box, list_boxes
from sentinel_batch.desk import Desk
from sentinel_batch.scores import describe_suspects, list_suspects, rank_queue
from sentinel_batch.service.access import READ, needs
from sentinel_batch.service.answers import check_search
from sentinel_batch.service.reading import WHILE, answer_from_lake
from sentinel_batch.service.shapes import Int64, Plain, Severity
from sentinel_batch.service.v2.common import PREFIX, Answer, Limit, Moment, listed, read_moment

router = APIRouter(prefix=PREFIX, tags=["v2"])


@router.get("/suspects", response_model=Answer, dependencies=[needs(READ)])
async def list_all_suspects(
    request: Request,
    severity: Severity | None = None,
    suspect: Plain | None = None,
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 50,
) -> Response:
    """List who is suspected, the worst first: one row per number or box, with its alerts."""

    check_search(request, suspect)

    def read(desk: Desk) -> dict[str, Any]:
        period: dict[str, Any] = {"since": read_moment(since, "since"), "until": read_moment(until, "until")}
        rows = list_suspects(desk, severity=severity, suspect=suspect, **period, limit=limit)
        return listed("suspects", describe_suspects(rows, lake=desk))

    return await answer_from_lake(request, read, keep=WHILE)


@router.get("/queue", response_model=Answer, dependencies=[needs(READ)])
async def show_queue(request: Request, since: Moment = None, until: Moment = None, limit: Limit = 50) -> Response:
    """Rank the suspects whose alerts are open: whom to look at first, and why."""

    def read(desk: Desk) -> dict[str, Any]:
        period: dict[str, Any] = {"since": read_moment(since, "since"), "until": read_moment(until, "until")}
        found = rank_queue(lake=desk, **period, limit=limit)
        check = None if found.check is None else found.check.to_dict()
        facts = {"model_check": check, "notices": list(found.notices)}
        return {**listed("suspects", found.suspects.to_dicts()), **facts}

    # Its model, and what is suppressed today, may change without a commit.
    return await answer_from_lake(request, read, keep=WHILE)


@router.get("/boxes", response_model=Answer, dependencies=[needs(READ)])
async def list_all_boxes(request: Request, limit: Limit = 50) -> Response:
    """List the SIM boxes that stand, in the order of importance."""
    return await answer_from_lake(
        request, lambda desk: listed("boxes", list_boxes(lake=desk, limit=limit).to_dicts()), quick=True
    )


@router.get("/boxes/{box_id}", response_model=Answer, dependencies=[needs(READ)])
async def show_box(request: Request, box_id: Int64) -> Response:
    """Show a box with its SIMs, what ties them, and whom they call; ``explanation`` says it in sentences."""

    def read(desk: Desk) -> dict[str, Any]:
        found = get_box(box_id, lake=desk)
        return {"status": "success", **found.to_dict(), "explanation": found.explain()}

    return await answer_from_lake(request, read)
