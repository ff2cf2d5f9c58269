"""The group ``audio scorer``: the model that tells synthetic voices from human ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class ScorerGroup(LazyGroup):
    """The commands of ``audio scorer``, in the order in which the help lists them."""

    places: ClassVar = {
        "train": "audio.scorer.train:train",
        "evaluate": "audio.scorer.evaluate:evaluate",
        "calibrate": "audio.scorer.calibrate:calibrate",
    }


@with_session
def start(session: Session) -> None:
    """Train, measure and calibrate the model that scores voices."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``audio scorer``."""
    app = create_app(cls=ScorerGroup)
    app.callback()(start)
    return app
