"""The group ``audio models``: models of voices that were made elsewhere, added by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class ModelsGroup(LazyGroup):
    """The commands of ``audio models``, in the order in which the help lists them."""

    places: ClassVar = {
        "add": "audio.models.add:add",
        "list": "audio.models.list:list_added",
        "show": "audio.models.show:show",
        "remove": "audio.models.remove:remove",
    }


@with_session
def start(session: Session) -> None:
    """Models of voices from elsewhere: add a network in ONNX form, list, show, remove."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``audio models``."""
    app = create_app(cls=ModelsGroup)
    app.callback()(start)
    return app
