"""One number: its risk, its alerts, its box, its days."""

from __future__ import annotations

import math
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from batch_base.plain import to_plain
from sentinel_batch.alerts import explain, list_alerts
from sentinel_batch.boxes import list_boxes, list_standing_members
from sentinel_batch.desk import Desk
from sentinel_batch.profiles import scan_profiles
from sentinel_batch.recordings import list_recordings
from sentinel_batch.scores import assess_risk
from sentinel_batch.service.access import READ, needs
from sentinel_batch.service.reading import answer_from_lake
from sentinel_batch.service.shapes import alert_row
from sentinel_batch.service.v2.common import PREFIX, Answer, Moment, listed, service_of

router = APIRouter(prefix=PREFIX, tags=["v2"])

Number = Annotated[str, Path(max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["+2348012345678"])]

_DAYS = 90


@router.get("/numbers/{number}", response_model=Answer, dependencies=[needs(READ)])
async def show_number(request: Request, number: Number, at: Moment = None) -> Response:
    """Show a number, in any notation: its risk over the last 24 hours, alerts, box and recordings."""

    def read(desk: Desk) -> dict[str, Any]:
        risk = assess_risk(number, at=at, lake=desk)
        alerts = list_alerts(lake=desk, suspect=risk.number, status="all")
        return {
            "status": "success",
            "number": risk.number,
            "risk_score": risk.score,
            "risk": {**vars(risk), "weights": dict(risk.weights)},
            "alerts": [alert_row(row) for row in alerts.to_dicts()],
            "boxes": _boxes_of(desk, risk.number),
            "recordings": list_recordings(desk, number=risk.number, limit=50).to_dicts(),
        }

    return await answer_from_lake(request, read, keep=_how_long(request))


@router.get("/numbers/{number}/explain", response_model=Answer, dependencies=[needs(READ)])
async def explain_number(request: Request, number: Number) -> Response:
    """Explain what a number did, down to single calls."""
    return await answer_from_lake(request, lambda desk: {"status": "success", **explain(number, lake=desk).to_dict()})


@router.get("/numbers/{number}/profiles", response_model=Answer, dependencies=[needs(READ)])
async def show_profiles(request: Request, number: Number) -> Response:
    """Show what a number did on each of its last days, the newest first."""

    def read(desk: Desk) -> dict[str, Any]:
        normal = assess_risk(number, lake=desk).number
        rows = scan_profiles(desk).filter(pl.col("number") == normal).sort("local_date", descending=True).head(_DAYS)
        return {**listed("profiles", rows.collect().to_dicts()), "number": normal}

    return await answer_from_lake(request, read, keep=_how_long(request))


def _how_long(request: Request) -> float:
    """Return for how many seconds a risk is true: in a lake without calls, the 24 hours that are looked at end now."""
    return 0 if service_of(request).reader.snapshot().bounds() is None else math.inf


def _boxes_of(desk: Desk, number: str) -> list[object]:
    members = list_standing_members(desk.tables)
    ids = members.filter(pl.col("number") == number)["box_id"].to_list()
    if not ids:
        return []
    return list(to_plain(list_boxes(lake=desk).filter(pl.col("box_id").is_in(ids)).to_dicts()))
