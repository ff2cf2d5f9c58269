"""Groups whose commands are imported when they are looked up: a call pays for the one command that it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
import typer.main
from typer.core import TyperGroup

from sentinel_batch.cli.moved import add_old_name

WIDEST_HELP = 160
"""Columns that help uses at most, of a terminal that has them."""


def create_app(**settings: Any) -> typer.Typer:
    """Return an application or a group; all of them are set up alike."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": WIDEST_HELP},
        **settings,
    )


class LazyGroup(TyperGroup):
    """A group that knows its commands by name only; subclasses say where they are."""

    places: ClassVar[Mapping[str, str]] = {}
    """Name of a command to ``module:function`` below ``sentinel_batch.cli``; ``module:create`` returns a group."""
    old_names: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Former name of a command to its place, and its full name now; see :mod:`sentinel_batch.cli.moved`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _Commands(self.places, self.old_names)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names that the help lists, without loading a command: old names are not among them."""
        return list(self.places)


class _Commands(Mapping[str, Any]):
    def __init__(self, places: Mapping[str, str], old_names: Mapping[str, tuple[str, str]]) -> None:
        self._places = places
        self._old_names = old_names
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            command = typer.main.get_command(self._register(name))
            command.name = name
            self._loaded[name] = command
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._places, *self._old_names))

    def __len__(self) -> int:
        return len(self._places) + len(self._old_names)

    def _register(self, name: str) -> typer.Typer:
        if name in self._old_names:
            place, new = self._old_names[name]
            app = create_app()
            add_old_name(app, name, _find(place), new)
            return app
        found = _find(self._places[name])
        if self._places[name].endswith(":create"):
            group: typer.Typer = found(create_app)
            return group
        app = create_app()
        app.command(name)(found)
        return app


def _find(place: str) -> Any:
    module, _, function = place.partition(":")
    return getattr(import_module(f"sentinel_batch.cli.{module}"), function)
