"""The live page: what the report shows, as it is now, and what an analyst does about it."""

from __future__ import annotations

from fastapi import APIRouter

from sentinel_batch.service.pages import alerts, entry, groups, numbers, overview, work


def list_routers() -> list[APIRouter]:
    """Return the routes of all pages."""
    return [part.router for part in (entry, overview, alerts, groups, numbers, work)]
