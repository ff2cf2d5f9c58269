"""Alerts with all that is known of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from sentinel_batch.alerts import explain, get_alert, list_alerts, undo_review
from sentinel_batch.desk import Desk
from sentinel_batch.detection import read_guidance
from sentinel_batch.service.access import JUDGE, READ, Principal, needs
from sentinel_batch.service.answers import answer, check_search
from sentinel_batch.service.reading import WHILE, answer_from_lake
from sentinel_batch.service.shapes import Int64, Note, Plain, Severity, alert_row
from sentinel_batch.service.v2.common import (
    PREFIX,
    AlertStatus,
    Answer,
    Limit,
    Moment,
    listed,
    read_moment,
    service_of,
)

router = APIRouter(prefix=PREFIX, tags=["v2"])


class Undo(BaseModel):
    """Why a review is taken back."""

    notes: Note = Field("", examples=["Clicked on the wrong row"])


@router.get("/alerts", response_model=Answer, dependencies=[needs(READ)])
async def list_all_alerts(
    request: Request,
    severity: Severity | None = None,
    reviewed: bool | None = None,
    suspect: Plain | None = None,
    since: Moment = None,
    status: AlertStatus | None = None,
    limit: Limit = 50,
) -> Response:
    """List alerts, the worst first; suspect is a number in any notation, or a prefix with ``*``."""
    filters: dict[str, Any] = {"severity": severity, "reviewed": reviewed, "suspect": suspect, "status": status}

    check_search(request, suspect)

    def read(desk: Desk) -> dict[str, Any]:
        rows = list_alerts(lake=desk, **filters, since=read_moment(since, "since"), limit=limit)
        return listed("alerts", [alert_row(row) for row in rows.to_dicts()])

    return await answer_from_lake(request, read, quick=True)


@router.get("/alerts/{alert_id}", response_model=Answer, dependencies=[needs(READ)])
async def show_alert(request: Request, alert_id: Int64) -> Response:
    """Show one alert with its history, and what its rule says to do."""

    def read(desk: Desk) -> dict[str, Any]:
        row = get_alert(alert_id, lake=desk)
        guidance = read_guidance([row["detection_rule"]], desk.config)
        advice = guidance[0]["remediation"] if guidance else None
        return {"status": "success", "alert": alert_row(row), "remediation": advice}

    # Files of rules may change without a commit.
    return await answer_from_lake(request, read, keep=WHILE, quick=True)


@router.get("/alerts/{alert_id}/explain", response_model=Answer, dependencies=[needs(READ)])
async def explain_alert(request: Request, alert_id: Int64) -> Response:
    """Explain an alert, down to single calls."""
    return await answer_from_lake(request, lambda desk: {"status": "success", **explain(alert_id, lake=desk).to_dict()})


@router.post("/alerts/{alert_id}/undo", response_model=Answer)
async def undo_alert_review(
    request: Request,
    alert_id: Int64,
    undo: Undo | None = None,
    principal: Principal = needs(JUDGE),  # noqa: B008
) -> JSONResponse:
    """Take back the last review: the alert is as it was before, notes and all."""
    notes = undo.notes if undo is not None else ""
    rows = await service_of(request).write(
        lambda desk: undo_review(alert_id, notes=notes, by=principal.name, lake=desk)
    )
    return answer(request, {"status": "success", "alert": alert_row(rows.to_dicts()[0])})
