"""Version 2: what Sentinel Batch knows beyond the published endpoints."""

from __future__ import annotations

from fastapi import APIRouter

from sentinel_batch.service.v2 import alerts, cases, events, jobs, lists, numbers, reports, suspects


def list_routers() -> list[APIRouter]:
    """Return all routes of version 2, in the order in which they are described."""
    return [part.router for part in (alerts, suspects, cases, numbers, lists, events, jobs, reports)]
