"""Old names of commands: they work for one more release, are listed nowhere, and say what the new name is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer

from sentinel_batch.cli.session import Session


def add_old_name(app: typer.Typer, old: str, command: Callable[..., Any], new: str) -> None:
    """Let a command go by an old name as well.

    Parameters
    ----------
    app
        The application or group that had the command.
    old
        Its name there.
    command
        The command.
    new
        Its full name now.
    """

    @functools.wraps(command)
    def renamed(context: typer.Context, **values: Any) -> Any:
        session = context.ensure_object(Session)
        session.output.note(
            f"{context.command_path} is now: sentinel-batch {new}. The old name goes with the next release."
        )
        return command(context, **values)

    app.command(old, hidden=True)(renamed)
