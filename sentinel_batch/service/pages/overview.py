"""The first page: how things stand, and new alerts as they come."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from batch_base.plain import to_plain
from sentinel_batch.alerts import list_alerts
from sentinel_batch.desk import Desk
from sentinel_batch.lake import Snapshot
from sentinel_batch.reporting.nights import read_nights
from sentinel_batch.schema import CALL_RECORDS, SEVERITIES
from sentinel_batch.service.access import ANY, Principal
from sentinel_batch.service.jobs import OPEN
from sentinel_batch.service.pages.rendering import PageRoute, show, visitor
from sentinel_batch.service.v2.common import desk_of, service_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

FEED = 25
"""Alerts that the first page shows, the newest."""

_DAY = timedelta(hours=24)


@router.get("/")
def show_overview(request: Request, principal: Principal = visitor(ANY)) -> Response:  # noqa: B008
    """Show the tiles and the newest alerts; who may only send files goes to where that is done."""
    if principal.role == "ingest":
        return RedirectResponse("/upload", 303)
    desk = desk_of(request)
    alerts = list_alerts(lake=desk)
    newest = alerts.sort("id", descending=True).head(FEED).to_dicts()
    service = service_of(request)
    jobs = service.jobs.count()
    return show(
        request,
        "overview.html.j2",
        tiles=count_open(alerts),
        loss=add_up_loss(alerts),
        currency=desk.config.currency,
        calls=_count_calls(desk.tables),
        night=_last_night(desk),
        waiting={"jobs": sum(jobs[state] for state in OPEN), "events": service.events.waiting},
        alerts=newest,
        total=alerts.height,
        last_id=max((row["id"] for row in newest), default=0),
    )


def count_open(alerts: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return for each severity how many alerts wait for a verdict, and how many there are."""
    counts = alerts.group_by("alert_severity").agg(alerts=pl.len(), open=(pl.col("status") == "open").sum())
    found = {row["alert_severity"]: row for row in counts.to_dicts()}
    return {name: found.get(name, {"alerts": 0, "open": 0}) for name in SEVERITIES}


def add_up_loss(alerts: pl.DataFrame) -> float:
    """Return what the open alerts are expected to cost; of several of one number, the dearest counts."""
    expected = pl.col("evidence").str.json_path_match("$.severity.expected_loss").cast(pl.Float64, strict=False)
    dearest = alerts.filter(pl.col("status") == "open").group_by("suspect_number").agg(loss=expected.max())
    return float(dearest["loss"].sum())


def _count_calls(tables: Snapshot) -> dict[str, Any]:
    """Count the calls of the last 24 hours up to the newest one, once for the files that hold them."""
    newest = tables.newest_call
    if newest is None:
        return {"calls": 0, "until": None}
    files = tuple(tables.files(CALL_RECORDS.name, since=newest - _DAY))
    inside = pl.col("call_timestamp") > newest - _DAY
    count = tables.scan(CALL_RECORDS.name, since=newest - _DAY).filter(inside).select(pl.len())
    return {"calls": tables.engine.remember("calls of a day", files, lambda: count.collect().item()), "until": newest}


def _last_night(desk: Desk) -> dict[str, Any] | None:
    nights = read_nights(desk.tables)
    if not nights:
        return None
    last = nights[-1]
    facts = {"outcome": last.outcome, "started_at": last.started_at, "message": last.message, "figures": last.figures}
    plain: dict[str, Any] = to_plain(facts)
    return {**plain, "new": sum((plain["figures"].get("new") or {}).values())}
