"""The group ``sim``: simulated calls, whose fraudsters are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class SimGroup(LazyGroup):
    """The commands of ``sim``, in the order in which the help lists them."""

    places: ClassVar = {
        "calls": "sim.calls:calls",
        "population": "sim.population:population",
        "agents": "sim.agents:agents",
        "bench": "sim.bench:bench",
    }


@with_session
def start(session: Session) -> None:
    """Simulate calls with known fraudsters; measure who is found."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``sim``."""
    app = create_app(cls=SimGroup)
    app.callback()(start)
    return app
