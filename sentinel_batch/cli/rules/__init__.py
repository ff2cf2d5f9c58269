"""The group ``rules``: list rules, show what they look for, run and test them, write your own."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sentinel_batch.cli.rules import calibrate, lint, list, lock, new, run, scorecard, show, test
from sentinel_batch.cli.session import Session, with_session


@with_session
def start(session: Session) -> None:
    """List, show, run and test rules; write your own."""


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``rules``."""
    app = create_app()
    app.callback()(start)
    app.command("list")(list.list_rules)
    app.command("show")(show.show)
    app.command("run")(run.run)
    app.command("new")(new.new)
    app.command("lint")(lint.lint)
    app.command("test")(test.test)
    app.command("lock")(lock.lock)
    app.command("scorecard")(scorecard.scorecard)
    app.command("calibrate")(calibrate.calibrate)
    return app
