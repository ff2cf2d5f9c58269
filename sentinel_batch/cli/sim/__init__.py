"""The group ``sim``: simulated calls, whose fraudsters are known."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.sim import bench, calls, population


@with_session
def start(session: Session) -> None:
    """Simulate calls with known fraudsters; measure who is found."""


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``sim``."""
    app = create_app()
    app.callback()(start)
    app.command("calls")(calls.calls)
    app.command("population")(population.population)
    app.command("bench")(bench.bench)
    return app
