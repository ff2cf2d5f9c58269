"""The desk: a lake with the settings that go with it, and every public verb as a method."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, cached_property, update_wrapper
from importlib import import_module
from pathlib import Path
from typing import Any

from sentinel_batch.config import Config, load_config
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Lake, Snapshot

_PLACE = ("lake", "config")
"""Arguments of the free functions that say which desk; a method has them already."""


class Desk:
    """A lake with the settings that go with it; open one with :func:`open_desk`.

    Every public function that takes ``lake`` is also a method: ``sb.detect(lake=…, config=…, window="6h")`` is
    ``sb.open(…).detect(window="6h")``.

    Parameters
    ----------
    config
        The settings; ``config.lake`` is the folder of the tables.
    tables
        The moment that is read; None is always the newest.
    """

    def __init__(self, config: Config, tables: Snapshot | None = None) -> None:
        self.config = config
        self._tables = tables

    def __repr__(self) -> str:
        return f"Desk({str(self.config.lake)!r}{', a snapshot' if self._tables is not None else ''})"

    @cached_property
    def lake(self) -> Lake:
        """The folder of the tables.

        Raises
        ------
        LakeNotFoundError
            If there is none yet.
        """
        return Lake.open(self.config.lake)

    @property
    def tables(self) -> Snapshot:
        """The tables at the desk's moment; where that is the newest, they are looked up at each call."""
        return self._tables if self._tables is not None else self.lake.snapshot()

    def snapshot(self) -> Desk:
        """Return a desk that reads all tables as they are now, whatever is committed later."""
        return self if self._tables is not None else Desk(self.config, self.lake.snapshot())

    def create_lake(self) -> Lake:
        """Open the lake, making an empty one if there is none."""
        return Lake.create(self.config.lake)

    def configure(self, **settings: Any) -> Desk:
        """Return this desk with other settings; None leaves one as it is.

        Raises
        ------
        ConfigurationError
            If a value is not allowed.
        """
        return Desk(self.config.override(**settings), self._tables)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in import_module("sentinel_batch").__all__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        function = getattr(import_module("sentinel_batch"), name)
        if not _takes_desk(function):
            raise AttributeError(f"{name} is not a method: it needs no lake. Call sentinel_batch.{name}.")
        return _bind(function, self)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_verbs()})


DeskLike = Desk | Lake | str | Path | None
"""What says which lake: a desk, a lake, its folder, or None for the configured one."""

ConfigLike = Config | str | Path | None
"""What says which settings: themselves, their file, or None for those of :func:`sentinel_batch.config.load_config`."""


def open_desk(lake: DeskLike = None, config: ConfigLike = None, **settings: Any) -> Desk:
    """Open a desk: the one place where a library call finds its settings.

    Parameters
    ----------
    lake
        The folder of the tables, which may not exist yet, or a desk; None is the configured one.
    config
        The settings, or the file that holds them; None looks as the command line does: ``SENTINEL_CONFIG``, else
        ``sentinel.toml`` in the current folder. The settings of a desk are kept unless others are given.
    **settings
        Single settings that win over all others, such as ``timezone="Africa/Nairobi"``.

    Raises
    ------
    ConfigurationError
        If a file is missing, or a value is not allowed.
    """
    if isinstance(lake, Desk):
        desk = lake if config is None else Desk(_read(config).override(lake=lake.config.lake), lake._tables)
    else:
        folder = lake.path if isinstance(lake, Lake) else lake
        desk = Desk(_read(config).override(lake=folder))
    return desk.configure(**settings) if settings else desk


def _read(config: ConfigLike) -> Config:
    return config if isinstance(config, Config) else load_config(config)


def _bind(function: Callable[..., Any], desk: Desk) -> Callable[..., Any]:
    signature = inspect.signature(function)
    place = signature.parameters["lake"]
    positional = place.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD

    def method(*values: Any, **named: Any) -> Any:
        taken = [name for name in _PLACE if name in named]
        if taken:
            raise UsageError(
                f"{taken[0]} is an argument of sentinel_batch.{function.__name__}, not of a desk's method.",
                hint="Open another desk: sentinel_batch.open(lake, config).",
            )
        return function(desk, *values, **named) if positional else function(*values, **named, lake=desk)

    update_wrapper(method, function)
    kept = [parameter for name, parameter in signature.parameters.items() if name not in _PLACE]
    method.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return method


def _takes_desk(function: Any) -> bool:
    return inspect.isfunction(function) and "lake" in inspect.signature(function).parameters


@cache
def _verbs() -> tuple[str, ...]:
    package = import_module("sentinel_batch")
    return tuple(name for name in package.__all__ if _takes_desk(getattr(package, name)))


open = open_desk
"""What notebooks write: ``sb.open("data/lake")``."""
