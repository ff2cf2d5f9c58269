"""Jobs under way and done, and tickets for WebSockets."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from sentinel_batch.service.access import ANY, READ, Principal, needs
from sentinel_batch.service.answers import answer
from sentinel_batch.service.failures import JobNotFoundError
from sentinel_batch.service.jobs import OPEN, Job
from sentinel_batch.service.state import Service
from sentinel_batch.service.v2.common import PREFIX, Answer, Limit, listed, service_of

router = APIRouter(prefix=PREFIX, tags=["v2"])

JobId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
State = Literal["queued", "running", "done", "failed", "cancelled"]


@router.get("/jobs", response_model=Answer)
def list_jobs(
    request: Request,
    state: State | None = None,
    limit: Limit = 50,
    principal: Principal = needs(ANY),  # noqa: B008
) -> JSONResponse:
    """List jobs, the newest first; an ingest key sees its own."""
    by = principal.name if principal.role == "ingest" else None
    jobs = service_of(request).jobs.list(limit, state, by)
    return answer(request, listed("jobs", [job.to_dict() for job in jobs]))


@router.get("/jobs/{job_id}", response_model=Answer)
def show_job(request: Request, job_id: JobId, principal: Principal = needs(ANY)) -> JSONResponse:  # noqa: B008
    """Show how far a job is, and its answer once it is done."""
    job = find_job(service_of(request), job_id, principal)
    return answer(request, {"status": "success", "job": job.to_dict()})


@router.post("/jobs/{job_id}/cancel", response_model=Answer)
async def cancel_job(request: Request, job_id: JobId, principal: Principal = needs(ANY)) -> JSONResponse:  # noqa: B008
    """End a job; nothing that it has not committed is ever seen."""
    service = service_of(request)
    job = await run_in_threadpool(find_job, service, job_id, principal)
    if principal.role != "admin" and job.created_by != principal.name:
        raise HTTPException(403, f"The job is of {job.created_by!r}; only its owner or an admin may cancel it.")
    if job.state not in OPEN:
        raise HTTPException(409, f"The job is {job.state} already.")
    job = await run_in_threadpool(service.runner.cancel, job_id, principal.name)
    return answer(request, {"status": "success", "job": job.to_dict()})


@router.post("/tickets", response_model=Answer, status_code=201)
async def issue_ticket(request: Request, principal: Principal = needs(READ)) -> JSONResponse:  # noqa: B008
    """Give a ticket that opens one WebSocket within half a minute: ``/api/v1/sentinel/ws/alerts?ticket=…``."""
    text, seconds = service_of(request).doorkeeper.issue_ticket(principal)
    return answer(request, {"status": "success", "ticket": text, "expires_in_seconds": seconds}, 201)


def find_job(service: Service, job_id: str, principal: Principal) -> Job:
    """Return a job that somebody may see: an ingest key only its own."""
    job = service.jobs.get(job_id)
    if principal.role == "ingest" and job.created_by != principal.name:
        raise JobNotFoundError(f"There is no job {job_id!r}.", hint="GET /api/v2/jobs lists yours.")
    return job
