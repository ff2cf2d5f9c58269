"""The group ``remote``: a scorer on another machine, asked from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class RemoteGroup(LazyGroup):
    """The commands of ``remote``, in the order in which the help lists them."""

    places: ClassVar = {
        "score": "remote.score:score",
        "verify": "remote.verify:verify",
        "sar": "remote.sar:sar",
        "golden-path": "remote.golden_path:golden_path",
        "stream": "remote.stream:stream",
        "analyze": "remote.analyze:analyze",
        "health": "remote.health:health",
    }


@with_session
def start(session: Session) -> None:
    """A voice fraud API on another machine: score, verify, report, watch.

    The key is read from SONOTHEIA_API_KEY, the address from --api-url or SONOTHEIA_API_URL. docs/sonotheia.md describes
    it all.
    """


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``remote``."""
    app = create_app(cls=RemoteGroup)
    app.callback()(start)
    return app
