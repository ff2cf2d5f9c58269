"""The group ``audio scorer``: the model that tells synthetic voices from human ones."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sentinel_batch.cli.audio.scorer import calibrate, evaluate, train
from sentinel_batch.cli.session import Session, with_session


@with_session
def start(session: Session) -> None:
    """Train, measure and calibrate the model that scores voices."""


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``audio scorer``."""
    app = create_app()
    app.callback()(start)
    app.command("train")(train.train)
    app.command("evaluate")(evaluate.evaluate)
    app.command("calibrate")(calibrate.calibrate)
    return app
