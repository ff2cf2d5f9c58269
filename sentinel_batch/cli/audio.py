"""The group ``audio``: the voice engine on the command line."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sentinel_batch.cli import audio_decisions, audio_files, audio_models, audio_runs, audio_voices
from sentinel_batch.cli.session import Session, with_session


@with_session
def start(session: Session) -> None:
    """Call recordings: validate, score, verify, route, report. Scores: 0 = human, 1 = synthetic."""


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``audio``."""
    app = create_app()
    app.callback()(start)
    app.command("demo")(audio_runs.demo)
    app.command("run")(audio_runs.run)
    app.command("validate")(audio_files.validate)
    app.command("score")(audio_files.score)
    app.command("features")(audio_files.features)
    app.command("enroll")(audio_voices.enroll)
    app.command("verify")(audio_voices.verify)
    app.command("forget")(audio_voices.forget)
    app.command("enrollments")(audio_voices.list_voices)
    app.command("duplicates")(audio_voices.list_duplicates)
    app.command("key")(audio_voices.make_key)
    app.command("route")(audio_decisions.route)
    app.command("policies")(audio_decisions.list_policies)
    app.command("sar")(audio_decisions.sar)
    app.command("train")(audio_models.train)
    app.command("evaluate")(audio_models.evaluate)
    app.command("calibrate")(audio_models.calibrate)
    return app
