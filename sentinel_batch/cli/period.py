"""The options ``--since`` and ``--until`` of commands that read what was found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.window import resolve_period

if TYPE_CHECKING:
    from sentinel_batch.desk import Desk

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="After it: 24h, 7d (back from the newest call) or RFC 3339."),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to it [default the newest call].")]


def resolve_bounds(desk: Desk, since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Return what ``--since`` and ``--until`` stand for; None where they were not given."""
    if since is None and until is None:
        return None, None
    bounds = desk.tables.bounds()
    period = resolve_period(since, until, bounds[1] if bounds else None, timedelta(days=1))
    return period.since if since is not None else None, period.until if until is not None else None
