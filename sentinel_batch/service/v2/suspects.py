"""Suspects, the queue, and boxes."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from sentinel_batch.boxes import get_box, list_boxes
from sentinel_batch.scores import describe_suspects, list_suspects, rank_queue
from sentinel_batch.service.access import READ, needs
from sentinel_batch.service.answers import answer
from sentinel_batch.service.shapes import Int64, Plain, Severity
from sentinel_batch.service.v2.common import PREFIX, Answer, Limit, Moment, desk_of, listed, read_moment

router = APIRouter(prefix=PREFIX, tags=["v2"])


@router.get("/suspects", response_model=Answer, dependencies=[needs(READ)])
def list_all_suspects(
    request: Request,
    severity: Severity | None = None,
    suspect: Plain | None = None,
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 50,
) -> JSONResponse:
    """List who is suspected, the worst first: one row per number or box, with its alerts."""
    desk = desk_of(request)
    rows = list_suspects(
        desk,
        severity=severity,
        suspect=suspect,
        since=read_moment(since, "since"),
        until=read_moment(until, "until"),
        limit=limit,
    )
    return answer(request, listed("suspects", describe_suspects(rows, lake=desk)))


@router.get("/queue", response_model=Answer, dependencies=[needs(READ)])
def show_queue(request: Request, since: Moment = None, until: Moment = None, limit: Limit = 50) -> JSONResponse:
    """Rank the suspects whose alerts are open: whom to look at first, and why."""
    found = rank_queue(
        lake=desk_of(request), since=read_moment(since, "since"), until=read_moment(until, "until"), limit=limit
    )
    check = None if found.check is None else found.check.to_dict()
    facts = {"model_check": check, "notices": list(found.notices)}
    return answer(request, {**listed("suspects", found.suspects.to_dicts()), **facts})


@router.get("/boxes", response_model=Answer, dependencies=[needs(READ)])
def list_all_boxes(request: Request, limit: Limit = 50) -> JSONResponse:
    """List the SIM boxes that stand, in the order of importance."""
    return answer(request, listed("boxes", list_boxes(lake=desk_of(request), limit=limit).to_dicts()))


@router.get("/boxes/{box_id}", response_model=Answer, dependencies=[needs(READ)])
def show_box(request: Request, box_id: Int64) -> JSONResponse:
    """Show a box with its SIMs, what ties them, and whom they call; ``explanation`` says it in sentences."""
    found = get_box(box_id, lake=desk_of(request))
    return answer(request, {"status": "success", **found.to_dict(), "explanation": found.explain()})
