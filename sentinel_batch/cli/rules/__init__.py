"""The group ``rules``: list rules, show what they look for, run and test them, write your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class RulesGroup(LazyGroup):
    """The commands of ``rules``, in the order in which the help lists them."""

    places: ClassVar = {
        "list": "rules.list:list_rules",
        "show": "rules.show:show",
        "run": "rules.run:run",
        "new": "rules.new:new",
        "lint": "rules.lint:lint",
        "test": "rules.test:test",
        "lock": "rules.lock:lock",
        "scorecard": "rules.scorecard:scorecard",
        "calibrate": "rules.calibrate:calibrate",
    }


@with_session
def start(session: Session) -> None:
    """List, show, run and test rules; write your own."""


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``rules``."""
    app = create_app(cls=RulesGroup)
    app.callback()(start)
    return app
