"""The group ``audio voice``: voiceprints of people, made, compared, listed, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class VoiceGroup(LazyGroup):
    """The commands of ``audio voice``, in the order in which the help lists them."""

    places: ClassVar = {
        "enroll": "audio.voice.enroll:enroll",
        "verify": "audio.voice.verify:verify",
        "forget": "audio.voice.forget:forget",
        "list": "audio.voice.list:list_voices",
        "duplicates": "audio.voice.duplicates:list_duplicates",
        "key": "audio.voice.key:make_key",
    }


@with_session
def start(session: Session) -> None:
    """Enrol voices, verify callers, find duplicates, forget voices."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``audio voice``."""
    app = create_app(cls=VoiceGroup)
    app.callback()(start)
    return app
