"""The group ``audio``: the voice engine on the command line."""

from __future__ import annotations

from collections.abc import Callable

import typer
from typer.core import TyperGroup

from sentinel_batch.cli.audio import demo, features, policies, route, run, sar, score, scorer, validate, voice
from sentinel_batch.cli.moved import keep_old_names
from sentinel_batch.cli.session import Session, with_session

_MOVED = {
    "enroll": (voice.enroll.enroll, "audio voice enroll"),
    "verify": (voice.verify.verify, "audio voice verify"),
    "forget": (voice.forget.forget, "audio voice forget"),
    "enrollments": (voice.list.list_voices, "audio voice list"),
    "duplicates": (voice.duplicates.list_duplicates, "audio voice duplicates"),
    "key": (voice.key.make_key, "audio voice key"),
    "train": (scorer.train.train, "audio scorer train"),
    "evaluate": (scorer.evaluate.evaluate, "audio scorer evaluate"),
    "calibrate": (scorer.calibrate.calibrate, "audio scorer calibrate"),
}


@with_session
def start(session: Session) -> None:
    """Call recordings: validate, score, verify, route, report. Scores: 0 = human, 1 = synthetic."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``audio``."""
    app = create_app(cls=keep_old_names(TyperGroup, _MOVED))
    app.callback()(start)
    app.command("demo")(demo.demo)
    app.command("run")(run.run)
    app.command("validate")(validate.validate)
    app.command("score")(score.score)
    app.command("features")(features.features)
    app.add_typer(voice.create(create_app), name="voice")
    app.command("route")(route.route)
    app.command("policies")(policies.list_policies)
    app.command("sar")(sar.sar)
    app.add_typer(scorer.create(create_app), name="scorer")
    return app
