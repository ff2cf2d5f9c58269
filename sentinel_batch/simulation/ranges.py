"""The check of whole numbers that both designs of simulations are asked for."""

from __future__ import annotations

from batch_base.plain import unwrap
from sentinel_batch.errors import UsageError


def check_range(name: str, value: object, fewest: int, most: int) -> None:
    """Raise a UsageError unless the value is a whole number from ``fewest`` to ``most``."""
    value = unwrap(value)
    if isinstance(value, bool) or not isinstance(value, int) or not fewest <= value <= most:
        raise UsageError(
            f"{name} is {value!r}, not a whole number from {fewest:,} to {most:,}", hint=f"Give {name} in that range."
        )
