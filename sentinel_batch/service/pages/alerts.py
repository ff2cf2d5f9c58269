"""Alerts: the list, one with all that is known of it, and what an analyst says of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from sentinel_batch.alerts import (
    DISPOSITIONS,
    explain,
    get_alert,
    list_alerts,
    list_suppressions,
    review_alerts,
    suppress,
    undo_review,
    unsuppress,
)
from sentinel_batch.detection import read_guidance
from sentinel_batch.reporting.investigation import group_alerts
from sentinel_batch.reporting.nights import read_facts
from sentinel_batch.service.access import JUDGE, READ, Principal
from sentinel_batch.service.answers import check_search
from sentinel_batch.service.pages.rendering import PageRoute, read_form, show, visitor
from sentinel_batch.service.shapes import Int64, Plain
from sentinel_batch.service.v2.common import AlertStatus, desk_of, service_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

SHOWN = 100
"""Alerts of a list at once."""

CALLS_SHOWN = 5_000
"""Calls behind an alert that a page lists; nobody reads more there."""

_CALL = ("call_timestamp", "caller_number", "callee_number", "duration_seconds", "termination_cause", "location_code")
_SORTS = {"severity": [], "newest": ["id"], "last_seen": ["last_seen", "id"]}
Sort = Literal["severity", "newest", "last_seen"]
Wanted = Literal["", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
Status = AlertStatus | Literal[""]


@router.get("/alerts")
def list_page(
    request: Request,
    severity: Wanted = "",
    status: Status = "open",
    suspect: Plain = "",
    sort: Sort = "severity",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    principal: Principal = visitor(READ),  # noqa: B008
) -> Response:
    """Show alerts, those that wait for a verdict unless others are asked for."""
    check_search(request, suspect)
    desk = desk_of(request)
    rows = list_alerts(lake=desk, severity=severity or None, status=status or None, suspect=suspect or None)
    if _SORTS[sort]:
        rows = rows.sort(_SORTS[sort], descending=True)
    asked = {"severity": severity, "status": status, "suspect": suspect, "sort": sort}
    shown = rows.slice((page - 1) * SHOWN, SHOWN)
    pages = {"page": page, "first": (page - 1) * SHOWN + 1, "more": rows.height > page * SHOWN}
    return show(request, "alerts.html.j2", alerts=shown.to_dicts(), total=rows.height, asked=asked, **pages)


@router.get("/alerts/{alert_id}")
def show_one(request: Request, alert_id: Int64, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show an alert, its history, and the forms to judge it; its calls are read after that, as they take longer."""
    desk = desk_of(request)
    row = get_alert(alert_id, lake=desk)
    guidance = read_guidance([row["detection_rule"]], desk.config)
    frame = list_alerts(lake=desk, status="all").filter(pl.col("id") == alert_id)
    return show(
        request,
        "alert.html.j2",
        alert=row,
        group=group_alerts(desk, frame, None)[alert_id],
        figures=read_facts(row["evidence"]),
        parameters=read_facts(row["parameters"]),
        remediation=guidance[0]["remediation"] if guidance else None,
        dispositions=DISPOSITIONS,
    )


@router.get("/alerts/{alert_id}/explain")
def explain_one(request: Request, alert_id: Int64, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show the calls behind an alert, and how they compare with those of others."""
    return show(request, "explanation.html.j2", found=explain(alert_id, lake=desk_of(request)).to_dict())


@router.get("/alerts/{alert_id}/calls")
def list_calls(request: Request, alert_id: Int64, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show every call behind an alert, the oldest first."""
    calls = explain(alert_id, lake=desk_of(request)).calls()
    shown = calls.select(_CALL).head(CALLS_SHOWN).to_dicts()
    return show(request, "calls.html.j2", calls=shown, total=calls.height, alert_id=alert_id)


@router.post("/alerts/{alert_id}/review")
async def review(request: Request, alert_id: Int64, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Give a verdict on an alert, or only say that it was looked at."""
    form = await read_form(request)

    def change(desk: Any) -> None:
        review_alerts(
            alert_id,
            disposition=form.get("disposition") or None,
            notes=form.get("notes", "")[:4000],
            replace="replace" in form,
            by=principal.name,
            lake=desk,
        )

    await service_of(request).write(change)
    return _back(alert_id)


@router.post("/alerts/{alert_id}/undo")
async def undo(request: Request, alert_id: Int64, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Take the last review back."""
    form = await read_form(request)
    notes = form.get("notes", "")[:4000]
    await service_of(request).write(lambda desk: undo_review(alert_id, notes=notes, by=principal.name, lake=desk))
    return _back(alert_id)


@router.post("/alerts/{alert_id}/suppress")
async def silence(request: Request, alert_id: Int64, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Put the number of an alert on the list of those that raise none."""
    form = await read_form(request)
    number = get_alert(alert_id, lake=desk_of(request))["suspect_number"]
    await _suppress(request, number, form, principal.name)
    return _back(alert_id)


@router.get("/suppressions")
def list_silenced(request: Request, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show who raises no alerts, and why."""
    return show(request, "suppressions.html.j2", entries=list_suppressions(lake=desk_of(request)).to_dicts())


@router.post("/suppressions")
async def add_silenced(request: Request, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Put a number, or a prefix, on the list."""
    form = await read_form(request)
    await _suppress(request, form.get("pattern", ""), form, principal.name)
    return RedirectResponse("/suppressions", 303)


@router.post("/suppressions/remove")
async def remove_silenced(request: Request, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Take an entry off the list."""
    pattern = (await read_form(request)).get("pattern", "")
    await service_of(request).write(lambda desk: unsuppress(pattern, by=principal.name, lake=desk))
    return RedirectResponse("/suppressions", 303)


async def _suppress(request: Request, pattern: str, form: dict[str, str], by: str) -> None:
    reason, until = form.get("reason", "")[:500], form.get("until") or None
    await service_of(request).write(lambda desk: suppress(pattern, reason=reason, until=until, by=by, lake=desk))


def _back(alert_id: int) -> Response:
    return RedirectResponse(f"/alerts/{alert_id}", 303)
