"""What takes longer: files that are loaded, detections, and the reports of the nights."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from sentinel_batch.service.access import ANY, JUDGE, READ, SEND, Principal
from sentinel_batch.service.jobs import OPEN, Job
from sentinel_batch.service.pages.rendering import PageRoute, check_token, read_form, show, visitor
from sentinel_batch.service.shapes import DetectRequest
from sentinel_batch.service.v1 import queue_file
from sentinel_batch.service.v2.common import service_of
from sentinel_batch.service.v2.jobs import JobId, cancel_job, find_job
from sentinel_batch.service.v2.reports import find_files, send_report

router = APIRouter(route_class=PageRoute, include_in_schema=False)

JOBS_SHOWN = 50
_REPORTS_SHOWN = 200
_PATIENCE = 1.0
"""Seconds that a page waits for a job before it shows how far it is."""


@router.get("/jobs")
def list_all_jobs(request: Request, principal: Principal = visitor(ANY)) -> Response:  # noqa: B008
    """Show the jobs, the newest first; an ingest key sees its own."""
    by = principal.name if principal.role == "ingest" else None
    jobs = service_of(request).jobs.list(JOBS_SHOWN, by=by)
    return show(request, "jobs.html.j2", jobs=[_describe(job, principal) for job in jobs])


@router.get("/jobs/{job_id}")
def show_job(request: Request, job_id: JobId, principal: Principal = visitor(ANY)) -> Response:  # noqa: B008
    """Show how far a job is, and what became of it."""
    job = find_job(service_of(request), job_id, principal)
    return show(request, "job.html.j2", job=_describe(job, principal))


@router.post("/jobs/{job_id}/cancel")
async def cancel(request: Request, job_id: JobId, principal: Principal = visitor(ANY)) -> Response:  # noqa: B008
    """End a job."""
    await read_form(request)
    await cancel_job(request, job_id, principal)
    return RedirectResponse(f"/jobs/{job_id}", 303)


@router.get("/upload")
def show_upload(request: Request, principal: Principal = visitor(SEND)) -> Response:  # noqa: B008
    """Show where files are dropped."""
    return show(request, "upload.html.j2")


@router.post("/upload")
async def take_upload(request: Request, principal: Principal = visitor(SEND)) -> Response:  # noqa: B008
    """Take a file, and show what became of it, or how far it is."""
    # Before anything of the body is read.
    check_token(request)
    job = await queue_file(request, principal.name)
    job = await service_of(request).runner.wait(job.id, _PATIENCE)
    return show(request, "job_part.html.j2", job=_describe(job, principal))


@router.get("/detect")
def show_detect(request: Request, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Show the form of a detection."""
    return show(request, "detect.html.j2")


@router.post("/detect")
async def start_detection(request: Request, principal: Principal = visitor(JUDGE)) -> Response:  # noqa: B008
    """Start a detection, and show what it found, or how far it is."""
    form = await read_form(request)
    try:
        asked = DetectRequest.model_validate({name: value for name, value in form.items() if value})
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from error
    job = await service_of(request).run_job("detect", asked.to_parameters(), principal.name, wait=_PATIENCE)
    return RedirectResponse(f"/jobs/{job.id}", 303)


@router.get("/reports")
def list_reports(request: Request, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Show the reports, the newest first."""
    files = sorted(find_files(service_of(request).desk.config.reports), key=lambda row: row["path"])
    files.sort(key=lambda row: row["modified_at"], reverse=True)
    return show(request, "reports.html.j2", files=files[:_REPORTS_SHOWN], total=len(files))


@router.get("/reports/{path:path}")
async def open_report(request: Request, path: str, principal: Principal = visitor(READ)) -> Response:  # noqa: B008
    """Open one of the reports: in a sandbox, without anything of the page that links to it."""
    return await run_in_threadpool(send_report, request, path, principal)


def _describe(job: Job, principal: Principal) -> dict[str, Any]:
    """Return a job for people: its figures by name, what is wrong with it in words."""
    result = job.result or {}
    detail = result.get("detail")
    wrong = [item.get("msg", "") for item in detail] if isinstance(detail, list) else [detail] if detail else []
    hints = [(item.get("ctx") or {}).get("hint") for item in detail] if isinstance(detail, list) else []
    counts = detail[0].get("ctx") or {} if isinstance(detail, list) and detail else result
    return {
        **job.to_dict(),
        "result": result,
        "name": _name(job),
        "open": job.state in OPEN,
        "share": min(1.0, job.done / job.total) if job.total else None,
        "wrong": wrong,
        "hints": [hint for hint in hints if hint],
        "counts": {name: counts[name] for name in counts if name.startswith(("records_", "duplicates", "legs"))},
        "cancellable": job.state in OPEN and (principal.role == "admin" or job.created_by == principal.name),
    }


def _name(job: Job) -> str:
    file = str(job.parameters.get("file", ""))
    return file.rpartition("/")[2] if job.kind == "ingest" else "SDHF_001"
