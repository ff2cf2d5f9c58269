"""Command ``config show``."""

from __future__ import annotations

from collections.abc import Callable

import typer

from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.config import SETTINGS


@with_session
def start(session: Session) -> None:
    """Settings, and where they come from."""


@with_session
def show(session: Session) -> None:
    """Print every setting, its value and where it comes from."""
    config = session.configure()
    names = [*SETTINGS, "rule_books", "rules"]
    settings = {name: {"value": getattr(config, name), "origin": config.origin(name)} for name in names}
    out = session.output
    if out.as_json:
        out.document({"status": "success", "file": config.file, "settings": settings})
        return
    columns = (Column("Setting"), Column("Value", fold=True), Column("From", fold=True))
    out.table(columns, [(name, _spell(s["value"]), s["origin"]) for name, s in settings.items()])


def _spell(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "-" if value is None or value == {} else str(value)


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``config``."""
    app = create_app()
    app.callback()(start)
    app.command("show")(show)
    return app
