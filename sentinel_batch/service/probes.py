"""What watches the service: health, readiness, metrics."""

from __future__ import annotations

import shutil
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from batch_base.errors import ReportedError
from sentinel_batch import __version__
from sentinel_batch.service.access import ANY, needs
from sentinel_batch.service.events import MAX_WAITING
from sentinel_batch.service.figures import held_seconds
from sentinel_batch.service.settings import MIB
from sentinel_batch.service.state import Service

router = APIRouter(tags=["operations"])

Check = dict[str, Any]

LEAST_DISK = 256 * MIB
LONGEST_LOCK = 3600.0
MOST_EVENTS = MAX_WAITING * 9 // 10

_VITAL = ("lake", "disk", "events", "stopping")
"""Without these no request can be served; a lock that is held for long only delays those that write."""


@router.get("/healthz")
async def tell_alive() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Not ready: the checks say why."}})
def tell_ready(request: Request) -> JSONResponse:
    """Tell whether requests can be served: ``ready``, ``degraded`` (writes may have to wait) or ``not ready``."""
    checks = check_service(request.app.state.service)
    ready = is_ready(checks)
    status = "not ready" if not ready else "ready" if all(check["ok"] for check in checks.values()) else "degraded"
    return JSONResponse({"status": status, "checks": checks}, 200 if ready else 503)


@router.get("/metrics", dependencies=[needs(ANY)], response_class=Response)
def show_metrics(request: Request) -> Response:
    """Return all counters, as Prometheus reads them."""
    service: Service = request.app.state.service
    return service.metrics.render()


def describe_health(service: Service) -> dict[str, Any]:
    """Return the published answer about health."""
    healthy = is_ready(check_service(service))
    return {"status": "healthy" if healthy else "unhealthy", "service": "sentinel-batch", "version": __version__}


def is_ready(checks: dict[str, Check]) -> bool:
    """Tell whether requests can be served."""
    return all(checks[name]["ok"] for name in _VITAL)


def check_service(service: Service) -> dict[str, Check]:
    """Return what was looked at, and whether it is as it should be; nothing that a stranger may not know."""
    return {
        "lake": _check_lake(service),
        "disk": _check_disk(service),
        "lock": _check_lock(service),
        "events": {"ok": service.events.waiting < MOST_EVENTS, "waiting": service.events.waiting, "limit": MAX_WAITING},
        "stopping": {"ok": not service.stopping},
    }


def _check_lake(service: Service) -> Check:
    try:
        service.reader.snapshot().bounds()
    except (ReportedError, OSError):
        return {"ok": False, "why": "The lake cannot be read; sentinel-batch doctor says why."}
    return {"ok": True}


def _check_disk(service: Service) -> Check:
    try:
        free = shutil.disk_usage(service.settings.folder).free
    except OSError:
        return {"ok": False, "why": "The lake's folder is gone; is its disk mounted?"}
    room = {"ok": free >= LEAST_DISK, "free_mb": free // MIB}
    return room if room["ok"] else {**room, "why": f"Less than {LEAST_DISK // MIB} MB are free on the lake's disk."}


def _check_lock(service: Service) -> Check:
    try:
        held = round(held_seconds(service.desk.lake), 1)
    except ReportedError:
        return {"ok": True, "held_seconds": 0.0}
    if held <= LONGEST_LOCK:
        return {"ok": True, "held_seconds": held}
    why = f"A writer has held the lake's lock for more than {LONGEST_LOCK / 60:.0f} minutes; events and files wait."
    return {"ok": False, "held_seconds": held, "why": why}
