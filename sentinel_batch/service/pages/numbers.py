"""A number: how risky it looks, what it was alerted for, what it did on each day."""

from __future__ import annotations

from typing import Any

import polars as pl
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from sentinel_batch.alerts import explain, list_alerts
from sentinel_batch.boxes import list_standing_members as list_box_members
from sentinel_batch.desk import Desk
from sentinel_batch.errors import AlertNotFoundError
from sentinel_batch.profiles import scan_profiles
from sentinel_batch.scores import assess_risk, list_standing_members
from sentinel_batch.scores.risk import NO_CALLS
from sentinel_batch.service.access import READ, Principal
from sentinel_batch.service.answers import is_masked
from sentinel_batch.service.pages.rendering import PageRoute, show, visitor
from sentinel_batch.service.shapes import Plain
from sentinel_batch.service.v2.common import desk_of, service_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_DAYS = 62
_PROFILE = (
    "local_date", "segment", "call_count", "unique_callees", "total_minutes", "mean_duration", "answer_ratio",
    "incoming_calls", "international_calls", "distinct_cells", "first_cell", "top_imei",
)  # fmt: skip


@router.get("/numbers")
def find_number(request: Request, q: Plain = "", principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show the number that somebody has typed, in whatever notation; with a star, the alerts of all that begin so."""
    typed = q.strip()
    if not typed:
        return show(request, "number.html.j2", found=None, typed="")
    if typed.endswith("*"):
        return RedirectResponse(request.url_for("list_page").include_query_params(suspect=typed, status="all"), 303)
    desk = desk_of(request)
    risk = assess_risk(typed, lake=desk)
    alerts = list_alerts(lake=desk, suspect=risk.number, status="all")
    of_number = pl.col("number") == risk.number
    masked = is_masked(principal, service_of(request).settings)
    days = scan_profiles(desk).filter(of_number).sort("local_date", descending=True).head(_DAYS).select(_PROFILE)
    return show(
        request,
        "number.html.j2",
        typed=typed,
        found={
            "number": risk.number,
            "risk": {**vars(risk), "weights": dict(risk.weights)},
            "known": risk.level != NO_CALLS or risk.last_call_at is not None or not alerts.is_empty(),
            "days": days.collect().to_dicts(),
            "boxes": list_box_members(desk.tables).filter(of_number)["box_id"].to_list(),
            "explanation": _explain(desk, risk.number) if masked else None,
            "cases": list_standing_members(desk.tables).filter(of_number)["case_id"].to_list(),
        },
        alerts=alerts.to_dicts(),
    )


@router.get("/numbers/explain")
def explain_number(request: Request, q: Plain, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show the last calls of a number, and how they compare with those of others."""
    return show(request, "explanation.html.j2", found=explain(q, lake=desk_of(request)).to_dict())


def _explain(desk: Desk, number: str) -> dict[str, Any] | None:
    try:
        return explain(number, lake=desk).to_dict()
    except AlertNotFoundError:
        return None
