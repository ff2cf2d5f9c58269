"""Public functions as methods of a desk: those that take ``lake``, without it and ``config``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, update_wrapper
from importlib import import_module
from typing import Any

from sentinel_batch.errors import UsageError

PLACE = ("lake", "config")
"""Arguments of the free functions that say which desk; a method has them already."""


@cache
def list_verbs() -> tuple[str, ...]:
    """Return the names of the public functions that are methods of a desk."""
    package = import_module("sentinel_batch")
    return tuple(name for name in package.__all__ if _takes_desk(getattr(package, name)) and name != "open")


def bind_verb(name: str, desk: Any) -> Callable[..., Any]:
    """Return a public function as a method of a desk.

    Raises
    ------
    AttributeError
        If there is no such function, or it takes no ``lake``.
    """
    package = import_module("sentinel_batch")
    if name.startswith("_") or name not in package.__all__:
        raise AttributeError(f"{type(desk).__name__!r} object has no attribute {name!r}")
    function = getattr(package, name)
    if not _takes_desk(function):
        raise AttributeError(f"{name} is not a method: it needs no lake. Call sentinel_batch.{name}.")
    return _bind(function, desk)


def sign_verb(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a function as a method, without ``self``."""
    signature = inspect.signature(function)
    return signature.replace(parameters=[p for name, p in signature.parameters.items() if name not in PLACE])


def _bind(function: Callable[..., Any], desk: Any) -> Callable[..., Any]:
    positional = inspect.signature(function).parameters["lake"].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD

    def method(*values: Any, **named: Any) -> Any:
        taken = [name for name in PLACE if name in named]
        if taken:
            raise UsageError(
                f"{taken[0]} is an argument of sentinel_batch.{function.__name__}, not of a desk's method.",
                hint="Open another desk: sentinel_batch.open(lake, config).",
            )
        return function(desk, *values, **named) if positional else function(*values, **named, lake=desk)

    update_wrapper(method, function)
    method.__signature__ = sign_verb(function)  # type: ignore[attr-defined]
    return method


def _takes_desk(function: Any) -> bool:
    return inspect.isfunction(function) and "lake" in inspect.signature(function).parameters
