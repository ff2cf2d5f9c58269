"""The group ``audio``: the voice engine on the command line."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sentinel_batch.cli.audio import demo, features, policies, route, run, sar, score, scorer, validate, voice
from sentinel_batch.cli.moved import add_old_name
from sentinel_batch.cli.session import Session, with_session


@with_session
def start(session: Session) -> None:
    """Call recordings: validate, score, verify, route, report. Scores: 0 = human, 1 = synthetic."""


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``audio``."""
    app = create_app()
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
    _add_old_names(app)
    return app


def _add_old_names(app: typer.Typer) -> None:
    add_old_name(app, "enroll", voice.enroll.enroll, "audio voice enroll")
    add_old_name(app, "verify", voice.verify.verify, "audio voice verify")
    add_old_name(app, "forget", voice.forget.forget, "audio voice forget")
    add_old_name(app, "enrollments", voice.list.list_voices, "audio voice list")
    add_old_name(app, "duplicates", voice.duplicates.list_duplicates, "audio voice duplicates")
    add_old_name(app, "key", voice.key.make_key, "audio voice key")
    add_old_name(app, "train", scorer.train.train, "audio scorer train")
    add_old_name(app, "evaluate", scorer.evaluate.evaluate, "audio scorer evaluate")
    add_old_name(app, "calibrate", scorer.calibrate.calibrate, "audio scorer calibrate")
