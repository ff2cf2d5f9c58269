"""The group ``audio voice``: voiceprints of people, made, compared, listed, deleted."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sentinel_batch.cli.audio.voice import duplicates, enroll, forget, key, list, verify
from sentinel_batch.cli.session import Session, with_session


@with_session
def start(session: Session) -> None:
    """Enrol voices, verify callers, find duplicates, forget voices."""


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``audio voice``."""
    app = create_app()
    app.callback()(start)
    app.command("enroll")(enroll.enroll)
    app.command("verify")(verify.verify)
    app.command("forget")(forget.forget)
    app.command("list")(list.list_voices)
    app.command("duplicates")(duplicates.list_duplicates)
    app.command("key")(key.make_key)
    return app
