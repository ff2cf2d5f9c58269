"""The group ``audio``: the voice engine on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class AudioGroup(LazyGroup):
    """The commands of ``audio``, in the order in which the help lists them."""

    places: ClassVar = {
        "demo": "audio.demo:demo",
        "run": "audio.run:run",
        "validate": "audio.validate:validate",
        "score": "audio.score:score",
        "features": "audio.features:features",
        "voice": "audio.voice:create",
        "route": "audio.route:route",
        "policies": "audio.policies:list_policies",
        "sar": "audio.sar:sar",
        "scorer": "audio.scorer:create",
        "models": "audio.models:create",
    }
    old_names: ClassVar = {
        "enroll": ("audio.voice.enroll:enroll", "audio voice enroll"),
        "verify": ("audio.voice.verify:verify", "audio voice verify"),
        "forget": ("audio.voice.forget:forget", "audio voice forget"),
        "enrollments": ("audio.voice.list:list_voices", "audio voice list"),
        "duplicates": ("audio.voice.duplicates:list_duplicates", "audio voice duplicates"),
        "key": ("audio.voice.key:make_key", "audio voice key"),
        "train": ("audio.scorer.train:train", "audio scorer train"),
        "evaluate": ("audio.scorer.evaluate:evaluate", "audio scorer evaluate"),
        "calibrate": ("audio.scorer.calibrate:calibrate", "audio scorer calibrate"),
    }


@with_session
def start(session: Session) -> None:
    """Call recordings: validate, score, verify, route, report. Scores: 0 = human, 1 = synthetic."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``audio``."""
    app = create_app(cls=AudioGroup)
    app.callback()(start)
    return app
