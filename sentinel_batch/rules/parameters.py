"""Parameters of a rule: what its user may set, and within which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from batch_base.plain import unwrap
from sentinel_batch.errors import UsageError
from sentinel_batch.window import DURATIONS_ALLOWED, format_duration, parse_duration

TYPES = ("duration", "integer", "real")
"""Types of a parameter: a length of time, a whole number, a number with up to six decimals."""

_NOUNS = {"integer": "a whole number", "real": "a number"}

KEYS = ("type", "default", "min", "max", "unit", "description")
"""Keys of a parameter's table."""


@dataclass(frozen=True)
class Parameter:
    """A value that the user of a rule may set.

    Parameters
    ----------
    name, unit, description
        As in the header.
    kind
        Its ``type`` in the header, one of :data:`TYPES`.
    default
        ``timedelta``, ``int`` or ``float``, by kind.
    minimum, maximum
        Bounds, both allowed.
    """

    name: str
    kind: str
    default: Any
    minimum: Any
    maximum: Any
    unit: str
    description: str

    @property
    def allowed(self) -> str:
        """What the parameter accepts, in words."""
        bounds = f"from {show_value(self.minimum)} to {show_value(self.maximum)}"
        if self.kind == "duration":
            return f"{DURATIONS_ALLOWED}, {bounds}"
        return f"{_NOUNS[self.kind]} {bounds}" + (f" ({self.unit})" if self.unit else "")

    def check(self, value: Any, place: str, error: type[UsageError] = UsageError, before: str = "") -> Any:
        """Return the value in the parameter's type.

        Parameters
        ----------
        value
            What was given.
        place
            Where it was given, for the message.
        error
            Type of the error to raise.
        before
            What the message begins with, such as ``file:line: ``.

        Raises
        ------
        UsageError
            If it has another type, or lies out of bounds.
        """
        converted = convert_value(self.kind, value)
        if converted is None or not self.minimum <= converted <= self.maximum:
            raise error(
                f"{before}{self.name} = {_quote(value)} in {place} is {self._judge(value)}.",
                hint=f"Give {self.allowed}{', without quotes' * self._is_quoted(value)}.",
                name=self.name,
                value=show_value(value),
            )
        return converted

    def _judge(self, value: Any) -> str:
        if self._is_quoted(value):
            return f"a text, not {_NOUNS[self.kind]}"
        return "not allowed"

    def _is_quoted(self, value: Any) -> bool:
        return isinstance(value, str) and self.kind != "duration"


def read_parameter(name: str, table: Mapping[str, Any]) -> Parameter:
    """Read one ``[parameters.NAME]`` of a rule's header.

    Raises
    ------
    ValueError
        If it is not as described; its arguments are the key that is wrong, a message and a hint.
    """
    for key in table:
        if key not in KEYS:
            raise ValueError(key, f"an unknown entry {key!r}", f"Known: {', '.join(KEYS)}.")
    kind = table.get("type")
    if kind not in TYPES:
        raise ValueError("type", f"type = {kind!r}", f"Known types: {', '.join(TYPES)}.")
    values = {key: convert_value(kind, table.get(key)) for key in ("default", "min", "max")}
    for key, value in values.items():
        if value is None:
            raise ValueError(key, f"{key} = {table.get(key)!r}", f"Give a value of type {kind}.")
    if not values["min"] <= values["default"] <= values["max"]:
        raise ValueError("default", "a default outside min and max", "Correct the bounds.")
    if not str(table.get("description", "")).strip():
        raise ValueError("description", "no description", "Say what the parameter does.")
    return Parameter(
        name, kind, values["default"], values["min"], values["max"], table.get("unit", ""), table["description"]
    )


def convert_value(kind: str, value: Any) -> Any:
    """Return a value in the type of a kind of parameter, None if it has another one."""
    value = unwrap(value)
    if kind == "duration":
        return _convert_duration(value)
    if isinstance(value, bool):
        return None
    if kind == "integer":
        return value if isinstance(value, int) else None
    if not isinstance(value, int | float | Decimal):
        return None
    number = float(value)
    return number if number - number == 0 else None


def show_value(value: Any) -> str:
    """Write a parameter's value as a person would type it."""
    return format_duration(value) if isinstance(value, timedelta) else str(value)


def _quote(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else show_value(value)


def _convert_duration(value: Any) -> timedelta | None:
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except UsageError:
            return None
    return value if isinstance(value, timedelta) and not value % timedelta(seconds=1) else None
