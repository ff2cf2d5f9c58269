"""The group ``events``: recordings that are named by events of other systems."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class EventsGroup(LazyGroup):
    """The commands of ``events``, in the order in which the help lists them."""

    places: ClassVar = {
        "consume": "events.consume:consume",
        "listen": "events.listen:listen",
        "process": "events.process:process",
    }


@with_session
def start(session: Session) -> None:
    """Events that carry recordings: from queues, over HTTP, or one by one. docs/events.md describes them."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``events``."""
    app = create_app(cls=EventsGroup)
    app.callback()(start)
    return app
