"""The commands on profiles and risk, without the rest of the command line."""

from __future__ import annotations

from conftest import Outcome
from typer.testing import CliRunner

from sentinel_batch.cli import profiles, risk
from sentinel_batch.cli.application import ReportedGroup, create_app, start


def call(*arguments: object) -> Outcome:
    """Run ``profiles`` or ``risk`` on the command line."""
    app = create_app(cls=ReportedGroup)
    app.callback()(start)
    app.add_typer(profiles.create(create_app), name="profiles")
    app.command("risk")(risk.risk)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Outcome(result.exit_code, result.stdout, result.stderr)
