"""Who belongs together, and whom to look at first: boxes, cases, the queue."""

from __future__ import annotations

from typing import Any

import polars as pl
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from sentinel_batch.alerts import DISPOSITIONS, list_alerts
from sentinel_batch.boxes import get_box, list_boxes
from sentinel_batch.cases import assign_case, close_case, get_case, list_cases, mark_case
from sentinel_batch.cases.handling import MARKS
from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.detection import locate_cells
from sentinel_batch.errors import UsageError
from sentinel_batch.reporting.box_picture import chart_box
from sentinel_batch.reporting.boxes import describe_box
from sentinel_batch.reporting.cell_map import draw_map
from sentinel_batch.reporting.investigation import describe_case
from sentinel_batch.scores import describe_suspects, list_suspects, rank_queue
from sentinel_batch.service.access import JUDGE, READ, Principal
from sentinel_batch.service.pages.rendering import PageRoute, read_form, show, visitor
from sentinel_batch.service.shapes import Int64
from sentinel_batch.service.v2.common import desk_of, service_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

SHOWN = 100
"""Boxes, cases or suspects of a list."""

_NO_PLACES = {
    "name": pl.String, "latitude": pl.Float64, "longitude": pl.Float64, "alerts": pl.Int64, "suspects": pl.Int64,
    "severity": pl.String,
}  # fmt: skip
_STATUSES = ["unseen", "open", "watch", "confirmed", "closed"]


@router.get("/queue")
def show_queue(request: Request, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show whom to look at first, and why."""
    desk = desk_of(request)
    ranked = rank_queue(lake=desk)
    suspects = list_suspects(desk, status="open", ranking=ranked.suspects)
    rows = describe_suspects(suspects.head(SHOWN), lake=desk)
    return show(request, "queue.html.j2", suspects=rows, total=suspects.height, notices=list(ranked.notices))


@router.get("/boxes")
def list_all_boxes(request: Request, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show the SIM boxes that stand, in the order of importance."""
    desk = desk_of(request)
    boxes = list_boxes(lake=desk)
    return _show_list(request, "boxes", boxes, where=map_boxes(boxes.head(SHOWN), desk.config))


@router.get("/boxes/{box_id}")
def show_box(request: Request, box_id: Int64, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show a box: its SIMs, what ties them, and whom they call."""
    desk = desk_of(request)
    found = get_box(box_id, lake=desk)
    return show(
        request,
        "box_page.html.j2",
        b=describe_box(found),
        picture=vars(chart_box(found)),
        alerts=_alerts_of(desk, found.members["number"]),
        ties=found.explain()[:SHOWN],
    )


@router.get("/cases")
def list_all_cases(request: Request, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show the cases, closed ones too, in the order of importance."""
    return _show_list(request, "cases", list_cases(lake=desk_of(request), status=_STATUSES))


@router.get("/cases/{case_id}")
def show_case(request: Request, case_id: Int64, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show a case with its members, what ties them, and its history."""
    desk = desk_of(request)
    found = get_case(case_id, lake=desk)
    return show(
        request,
        "case_page.html.j2",
        c=describe_case(found, drawn=True),
        alerts=_alerts_of(desk, found.members["number"]),
        events=found.events.sort("at", maintain_order=True).to_dicts(),
        marks=MARKS,
        dispositions=DISPOSITIONS,
    )


@router.post("/cases/{case_id}")
async def change_case(request: Request, case_id: Int64, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Assign, mark or close a case."""
    form = await read_form(request)
    await service_of(request).write(lambda desk: _apply(desk, case_id, form, principal.name))
    return RedirectResponse(f"/cases/{case_id}", 303)


def map_boxes(boxes: pl.DataFrame, config: Config) -> dict[str, Any] | None:
    """Draw boxes on a map, each at the cell that it used most; None if the settings name no place of these cells."""
    found = boxes.join(locate_cells(boxes["top_cell"], config), left_on="top_cell", right_on="cell")
    sites = found.select("box_id", "latitude", "longitude", members="member_count")
    return draw_map(pl.DataFrame(schema=_NO_PLACES), sites)


def _show_list(request: Request, name: str, rows: pl.DataFrame, **more: Any) -> Response:
    listed: dict[str, Any] = {name: rows.head(SHOWN).to_dicts(), "total": rows.height, **more}
    return show(request, f"{name}_list.html.j2", **listed)


def _apply(desk: Desk, case_id: int, form: dict[str, str], by: str) -> None:
    notes = form.get("notes", "")[:4000]
    done = form.get("do")
    if done == "assign":
        assign_case(case_id, form.get("assignee", "")[:64], by=by, lake=desk)
    elif done == "mark":
        mark_case(case_id, form.get("status", ""), notes=notes, by=by, lake=desk)
    elif done == "close":
        close_case(case_id, verdict=form.get("verdict", ""), notes=notes, review="review" in form, by=by, lake=desk)
    else:
        raise UsageError("The form does not say what to do.", hint="Allowed: assign, mark, close.", value=str(done))


def _alerts_of(desk: Desk, numbers: pl.Series) -> list[dict[str, object]]:
    rows = list_alerts(lake=desk).filter(pl.col("suspect_number").is_in(numbers.implode()))
    return rows.head(SHOWN).to_dicts()
