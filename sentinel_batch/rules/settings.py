"""Settings that every rule has, besides its own parameters and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinel_batch.errors import ConfigurationError

ENABLED = "enabled"
"""Setting of every rule: whether it runs every night."""

SEGMENTS = "segments"
"""Setting of every rule: tables with parameters of their own for segments of callers."""


def is_enabled(configured: Mapping[str, Any]) -> bool:
    """Tell whether a rule runs every night.

    Raises
    ------
    ConfigurationError
        If its setting ``enabled`` is neither true nor false.
    """
    value = configured.get(ENABLED, True)
    if not isinstance(value, bool):
        raise ConfigurationError(f"{ENABLED} = {value!r} is not allowed.", hint="Write enabled = true or false.")
    return value
