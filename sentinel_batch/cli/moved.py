"""Old names of commands: they work for one more release, are listed nowhere, and say what the new name is."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup

from sentinel_batch.cli.session import Session

Command = Callable[..., Any]


def keep_old_names(group: type[TyperGroup], moved: Mapping[str, tuple[Command, str]]) -> type[TyperGroup]:
    """Return a kind of group whose commands go by old names as well.

    A command is made when its old name is typed: made beforehand, each would cost every start of the program.

    Parameters
    ----------
    group
        The kind of group.
    moved
        Old name to the command and its full name now.
    """

    class GroupWithOldNames(group):  # type: ignore[misc,valid-type]
        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            found = super().get_command(ctx, cmd_name)
            return _rename(cmd_name, *moved[cmd_name]) if found is None and cmd_name in moved else found

    return GroupWithOldNames


def _rename(old: str, command: Command, new: str) -> Any:
    @functools.wraps(command)
    def renamed(context: typer.Context, **values: Any) -> Any:
        session = context.ensure_object(Session)
        session.output.note(
            f"{context.command_path} is now: sentinel-batch {new}. The old name goes with the next release."
        )
        return command(context, **values)

    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(old, hidden=True)(renamed)
    return typer.main.get_command(alone)
