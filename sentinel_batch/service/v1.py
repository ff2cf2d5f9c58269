"""The published endpoints, version 1, frozen: docs/service.md says where, and why, they differ from the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import polars as pl
from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from sentinel_batch.alerts import annotate_alerts, get_alert, list_alerts, review_alerts, undo_review
from sentinel_batch.desk import Desk
from sentinel_batch.service.access import JUDGE, READ, SEND, Principal, needs
from sentinel_batch.service.answers import answer
from sentinel_batch.service.failures import JobNotFoundError
from sentinel_batch.service.jobs import DONE, OPEN, Job, new_job_id
from sentinel_batch.service.probes import describe_health
from sentinel_batch.service.published import publish_alerts, sort_published
from sentinel_batch.service.reading import answer_from_lake
from sentinel_batch.service.shapes import (
    Accepted,
    AlertAnswer,
    AlertList,
    AlertUpdate,
    CallEvent,
    DetectAnswer,
    DetectRequest,
    EventAnswer,
    Health,
    IngestAnswer,
    Int64,
    Severity,
    alert_row,
)
from sentinel_batch.service.state import Service
from sentinel_batch.service.uploads import FIELD, OPTIONS, receive_upload, remove_folder

router = APIRouter(prefix="/api/v1/sentinel", tags=["sentinel"])

_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Accepted,
        "description": "It takes longer; Location names the job.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {
                        FIELD: {"type": "string", "format": "binary", "description": "CSV, .gz, .zst or Parquet."},
                        **{name: {"type": "string", "maxLength": 200} for name in OPTIONS},
                    },
                }
            }
        },
    }
}


@router.post("/ingest", response_model=IngestAnswer, responses=_ACCEPTED, openapi_extra=_FORM)
async def ingest_file(request: Request, principal: Principal = needs(SEND)) -> JSONResponse:  # noqa: B008
    """Load a file of call detail records; every row is accounted for, and loading it again inserts nothing."""
    service: Service = request.app.state.service
    job = await queue_file(request, principal.name)
    return _answer_job(request, await service.runner.wait(job.id, service.settings.wait_seconds))


@router.post("/detect/sdhf", response_model=DetectAnswer, responses=_ACCEPTED)
async def detect_sdhf(
    request: Request,
    wanted: DetectRequest | None = None,
    principal: Principal = needs(JUDGE),  # noqa: B008
) -> JSONResponse:
    """Find numbers that call very many others very shortly, and record them as alerts; known ones are not doubled."""
    service: Service = request.app.state.service
    asked = wanted or DetectRequest.model_validate({})
    return _answer_job(request, await service.run_job("detect", asked.to_parameters(), principal.name))


@router.get("/alerts", response_model=AlertList, dependencies=[needs(READ)])
async def show_alerts(
    request: Request,
    severity: Severity | None = None,
    reviewed: bool | None = None,
    limit: int = Query(50, ge=1, le=1000),
    sort: Literal["newest", "severity", "last_seen"] = "newest",
) -> Response:
    """List alerts, the newest first; their severity is that of their rule's ladder."""

    def read(desk: Desk) -> dict[str, Any]:
        rows = publish_alerts(list_alerts(lake=desk, reviewed=reviewed))
        if severity is not None:
            rows = rows.filter(pl.col("alert_severity") == severity)
        alerts = [alert_row(row) for row in _sorted(rows, sort).head(limit).to_dicts()]
        return {"status": "success", "count": len(alerts), "alerts": alerts, "total": rows.height}

    return await answer_from_lake(request, read, quick=True)


@router.patch("/alerts/{alert_id}", response_model=AlertAnswer)
async def update_alert(
    request: Request,
    alert_id: Int64,
    update: AlertUpdate,
    principal: Principal = needs(JUDGE),  # noqa: B008
) -> JSONResponse:
    """Review an alert, take the review back, or change the notes; the history keeps what was before."""
    service: Service = request.app.state.service
    given = update.model_fields_set & {"reviewed", "reviewer_notes", "disposition"}
    if not given:
        raise RequestValidationError(
            [{"type": "missing", "loc": ("body",), "msg": "Nothing to change: give reviewed or reviewer_notes."}]
        )
    if update.disposition is not None and update.reviewed is False:
        raise RequestValidationError(
            [{"type": "value_error", "loc": ("body", "disposition"), "msg": "A verdict needs reviewed = true."}]
        )
    row = await service.write(lambda desk: _apply(desk, service.newest_desk, alert_id, update, principal.name))
    return answer(request, {"status": "success", "alert": alert_row(row)})


@router.get("/health", response_model=Health)
def show_health(request: Request) -> JSONResponse:
    """Tell how the service is."""
    return answer(request, describe_health(request.app.state.service))


@router.post("/events/call", response_model=EventAnswer, dependencies=[needs(SEND)])
async def receive_event(event: CallEvent) -> None:
    """Keep a call that has just taken place, and score its caller; the answer says that it is on the disk."""
    # Described here, and answered by sentinel_batch.service.quick before the router is asked.
    raise NotImplementedError


async def queue_file(request: Request, by: str) -> Job:
    """Take the file of a form, and queue the job that loads it; returns the job without waiting for it."""
    service: Service = request.app.state.service
    job_id = new_job_id()
    folder = service.uploads / job_id
    folder.mkdir(mode=0o700, parents=True)
    try:
        upload = await receive_upload(request, folder, service.settings.max_upload)
        parameters = {"file": str(upload.path), "options": upload.options}
        return await service.run_job("ingest", parameters, by, job_id, wait=0.0)
    except BaseException:
        # Once it is queued, the file belongs to the job.
        if not await run_in_threadpool(_is_queued, service, job_id):
            remove_folder(folder)
        raise


def _is_queued(service: Service, job_id: str) -> bool:
    try:
        service.jobs.get(job_id)
    except JobNotFoundError:
        return False
    return True


def _answer_job(request: Request, job: Job) -> JSONResponse:
    """Return what a job said, or where it can be asked later."""
    if job.state in OPEN:
        location = f"/api/v2/jobs/{job.id}"
        body = {"status": "accepted", "job_id": job.id, "location": location}
        return answer(request, body, 202, {"Location": location, "Retry-After": "2"})
    content = job.result or {}
    extra = {"job_id": job.id} if job.state == DONE else {}
    return answer(request, {**content, **extra}, job.status_code or 500)


def _sorted(rows: pl.DataFrame, sort: str) -> pl.DataFrame:
    if sort == "severity":
        return sort_published(rows)
    column = "created_at" if sort == "newest" else "last_seen"
    return rows.sort(column, "id", descending=True)


def _apply(desk: Desk, newest: Callable[[], Desk], alert_id: int, update: AlertUpdate, by: str) -> dict[str, Any]:
    before = get_alert(alert_id, lake=newest())
    notes_given = "reviewer_notes" in update.model_fields_set
    notes = update.reviewer_notes if notes_given else before["reviewer_notes"]
    if update.reviewed is False:
        while get_alert(alert_id, lake=newest())["reviewed"]:
            undo_review(alert_id, by=by, lake=desk)
    elif update.reviewed or update.disposition is not None:
        review_alerts(
            alert_id, disposition=update.disposition, notes=notes or "", replace=update.replace, by=by, lake=desk
        )
    if get_alert(alert_id, lake=newest())["reviewer_notes"] != (notes or None):
        annotate_alerts(alert_id, notes=notes or "", by=by, lake=desk)
    row = get_alert(alert_id, lake=newest())
    row.pop("events")
    return publish_alerts(pl.from_dicts([row])).row(0, named=True)
