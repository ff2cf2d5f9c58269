"""Arguments of steps: what each kind of them may be, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[a-z]\w*", re.ASCII | re.IGNORECASE)
_COLUMN = re.compile(r"((?:\w+\.)?\w+)(?:\s+AS\s+(\w+))?", re.ASCII | re.IGNORECASE)
_FIGURE = re.compile(r"([\w.$()*+/, -]+) AS (\w+)", re.ASCII)
_VALUE = re.compile(r"[\w.$()+*/ -]+", re.ASCII)
_ORDER = re.compile(r"[\w.$()*+/ -]+ (?:ASC|DESC)", re.ASCII)
_KEYS = ("kind", "default", "description")


@dataclass(frozen=True)
class Column:
    """A column that is read under one name and called by another, ``duration_seconds AS seconds``."""

    column: str
    name: str

    def __str__(self) -> str:
        return self.column if self.column == self.name else f"{self.column} AS {self.name}"


@dataclass(frozen=True)
class Argument:
    """An argument of a step: what it may be (one of :data:`KINDS`), what it means, and its default."""

    name: str
    kind: str
    description: str
    default: Any
    is_needed: bool

    @property
    def usage(self) -> str:
        """The argument as it is given, with its default."""
        default = "none" if self.default is None else repr(self.default).replace("'", '"')
        return self.name if self.is_needed else f"{self.name}={default}"


def read_argument(name: str, table: Mapping[str, Any]) -> Argument:
    """Read one ``[arguments.NAME]`` of a step's header.

    Raises
    ------
    KeyError
        If it is not as described.
    """
    if any(key not in _KEYS for key in table):
        raise KeyError(f"arguments.{name}")
    default = table.get("default")
    needed = "default" not in table
    made = Argument(name, table["kind"], table["description"].strip(), None if default == "none" else default, needed)
    if made.kind not in KINDS:
        raise KeyError(f"arguments.{name}.kind")
    return made


def _read_name(value: Any) -> str | None:
    return _matched(_NAME, value)[0] if value is not None else None


def _read_column(value: Any) -> Column | None:
    if value is None or isinstance(value, Column):
        return value
    found = _matched(_COLUMN, value)
    return Column(found[1], found[2] or found[1].rpartition(".")[2])


def _read_figure(value: Any) -> Column | None:
    if isinstance(value, Column) or _COLUMN.fullmatch(value):
        return _read_column(value)
    return Column(*_matched(_FIGURE, value).groups())


def _read_value(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _matched(_VALUE, value)[0] if value is not None else None


def _read_list(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def convert(values: Any) -> list[Any]:
        if not isinstance(values, list) or any(value is None for value in values):
            raise TypeError(values)
        return [read(value) for value in values]

    return convert


def _read_order(value: Any) -> str:
    """Return a direction of order that says where NULLs go, because engines disagree on it."""
    return f"{_matched(_ORDER, value.removesuffix(' NULLS LAST'))[0]} NULLS LAST"


def _matched(pattern: re.Pattern[str], value: Any) -> re.Match[str]:
    found = pattern.fullmatch(value)
    if found is None:
        raise ValueError(value)
    return found


KINDS: dict[str, Callable[[Any], Any]] = {
    "name": _read_name,
    "column": _read_column,
    "columns": _read_list(_read_column),
    "figures": _read_list(_read_figure),
    "order": _read_list(_read_order),
    "value": _read_value,
}
"""Kinds of arguments, and how each is read."""

ALLOWED = {
    "name": "the name of a table, a step's result or a column",
    "column": 'a column, "column", or "column AS name"',
    "columns": 'a list of columns, ["column", "column AS name"]',
    "figures": 'a list of columns or of figures with their names, ["column", "2 * column AS name"]',
    "order": 'a list of columns with their direction, ["severity DESC", "window_end ASC"]',
    "value": "a number, a column or a value of the rule, such as $window",
}
"""What each kind of argument may be, in words."""
