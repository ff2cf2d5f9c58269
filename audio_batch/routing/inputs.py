"""The context of a call, read as a policy declares it. Cells come from outside and may hold anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audio_batch.routing.policy import InputField, InputKind, Policy
from batch_base.plain import unwrap

_TRUE = {"true", "yes", "y", "1", "t"}
_FALSE = {"false", "no", "n", "0", "f"}
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class Reading:
    """A context field as read: its value, or None and what is wrong with it."""

    value: float | bool | str | None
    problem: str | None = None


def read_inputs(policy: Policy, context: Mapping[str, Any] | None) -> dict[str, Reading]:
    """Read the inputs that a policy uses; a field that is absent, empty or unreadable has the value None."""
    given = context or {}
    return {name: _read(policy.inputs[name], unwrap(given.get(name))) for name in policy.used_inputs}


def is_missing(value: Any) -> bool:
    """Tell whether a cell is empty: None, NaN, or nothing but spaces."""
    value = unwrap(value)
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def normalise_code(kind: InputKind, text: str) -> str:
    """Return a code as it is compared: countries in capitals, others in small letters, without outer spaces."""
    return text.strip().upper() if kind == "country" else text.strip().casefold()


def is_country(text: str) -> bool:
    """Tell whether a text has the form of an ISO 3166-1 alpha-2 code."""
    return len(text) == 2 and text.isascii() and text.isalpha()


def _read(field: InputField, cell: Any) -> Reading:
    if is_missing(cell):
        return Reading(None, "is missing")
    if field.kind == "number":
        return _read_number(field, cell)
    if field.kind == "flag":
        return _read_flag(cell)
    return _read_code(field, cell)


def _read_number(field: InputField, cell: Any) -> Reading:
    try:
        value = math.nan if isinstance(cell, bool) or "_" in str(cell) else float(cell)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        return Reading(None, f"is {_show(cell)}, not a number")
    if not field.minimum <= value <= field.maximum:
        return Reading(None, f"is {_show(cell)}, not from {field.minimum:g} to {field.maximum:g}")
    return Reading(value)


def _read_flag(cell: Any) -> Reading:
    word = str(cell).strip().casefold()
    if word in _TRUE or word in _FALSE:
        return Reading(word in _TRUE)
    return Reading(None, f"is {_show(cell)}, neither true nor false")


def _read_code(field: InputField, cell: Any) -> Reading:
    word = normalise_code(field.kind, str(cell))
    if field.kind == "country" and not is_country(word):
        return Reading(None, f"is {_show(cell)}, not a two-letter country code (ISO 3166-1)")
    if field.kind == "code" and word not in field.allowed:
        return Reading(None, f"is {_show(cell)}, not one of {', '.join(field.allowed)}")
    return Reading(word)


def _show(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
