"""What watches the service: health, readiness, metrics."""

from __future__ import annotations

import shutil
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from batch_base.errors import ReportedError
from sentinel_batch import __version__
from sentinel_batch.service.access import ANY, needs
from sentinel_batch.service.settings import MIB
from sentinel_batch.service.state import Service

router = APIRouter(tags=["operations"])

_LEAST_DISK = 256 * MIB


@router.get("/healthz")
async def tell_alive() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Not ready: the checks say why."}})
def tell_ready(request: Request) -> JSONResponse:
    """Tell whether requests can be served: the lake can be read, and its disk has room."""
    checks = check_service(request.app.state.service)
    ready = all(check["ok"] for check in checks.values())
    return JSONResponse({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)


@router.get("/metrics", dependencies=[needs(ANY)], response_class=Response)
def show_metrics(request: Request) -> Response:
    """Return all counters, as Prometheus reads them."""
    service: Service = request.app.state.service
    return service.metrics.render()


def describe_health(service: Service) -> dict[str, Any]:
    """Return the published answer about health."""
    healthy = all(check["ok"] for check in check_service(service).values())
    return {"status": "healthy" if healthy else "unhealthy", "service": "sentinel-batch", "version": __version__}


def check_service(service: Service) -> dict[str, dict[str, Any]]:
    """Return what was looked at, and whether it is as it should be; nothing that a stranger may not know."""
    try:
        service.desk.tables.bounds()
        lake = {"ok": True}
    except (ReportedError, OSError):
        lake = {"ok": False}
    free = shutil.disk_usage(service.settings.folder).free
    return {"lake": lake, "disk": {"ok": free >= _LEAST_DISK}, "stopping": {"ok": not service.stopping}}
