"""The group ``dialects``: which there are, how a file is read, and a dialect for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class DialectsGroup(LazyGroup):
    """The commands of ``dialects``, in the order in which the help lists them."""

    places: ClassVar = {
        "list": "dialects.list:list_dialects",
        "show": "dialects.show:show",
        "propose": "dialects.propose:propose",
    }


@with_session
def start(session: Session) -> None:
    """List dialects, show how a file is read, propose a dialect for it."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``dialects``."""
    app = create_app(cls=DialectsGroup)
    app.callback()(start)
    return app
