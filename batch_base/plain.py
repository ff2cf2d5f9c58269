"""Values as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

_PLAIN = frozenset((str, int, bool, type(None)))


def unwrap(value: Any) -> Any:
    """Return a single value of NumPy (``np.int64``, an array without dimensions) as Python's own; others as they are.

    Parameters
    ----------
    value
        Anything.
    """
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 else value


def to_plain(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Parameters
    ----------
    value
        Anything; containers and dataclasses are walked.

    Returns
    -------
    Any
        Instants in RFC 3339 with ``Z`` (one without a zone is taken for UTC), days in ISO 8601, durations in seconds,
        enumerations as their values, sets as sorted lists, mappings with keys as text, NaN and infinities as None, and
        what JSON has no form for as its text.
    """
    kind = type(value)  # A report has hundreds of thousands of values, nearly all of them of these kinds.
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {
            key if type(key) is str else str(key): item if type(item) in _PLAIN else to_plain(item)
            for key, item in value.items()
        }
    if kind is list:
        return [item if type(item) in _PLAIN else to_plain(item) for item in value]
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is datetime:
        return _write_moment(value)
    value = unwrap(value)
    if isinstance(value, Enum):
        return to_plain(value.value)
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return _write_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, set | frozenset):
        return sorted((to_plain(item) for item in value), key=str)
    if isinstance(value, Iterable) and not isinstance(value, Path | bytes):
        return [to_plain(item) for item in value]
    return str(value)


def _write_moment(value: datetime) -> str:
    moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.isoformat().replace("+00:00", "Z")
