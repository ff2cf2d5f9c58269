"""What the SQL of rules reads, and the values that are bound to it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.schema import PROFILES as PROFILES_TABLE
from sentinel_batch.window import Period

if TYPE_CHECKING:
    from sentinel_batch.rules.rule import Rule

EXAMINED_CALLS = "examined_calls"
"""The calls of the read period that pass the filters."""

PROFILES = "profiles"
"""One row for each caller and local day that overlaps the read period."""

PROVIDED = ("since", "until", "window_seconds")
"""Values that the engine binds besides the rule's parameters and constants."""


def list_tables(rule: Rule) -> dict[str, list[str]]:
    """Return what the SQL of a rule may read, with its columns."""
    calls, profiles = list(CALL_RECORDS.columns), list(PROFILES_TABLE.columns)
    return {EXAMINED_CALLS: calls, PROFILES: profiles} | {n: list(entry.columns) for n, entry in rule.lists.items()}


def bind_values(rule: Rule, values: Mapping[str, Any], period: Period) -> dict[str, Any]:
    """Return every value that the rule's SQL may name; fractions are decimals, so that comparisons are exact.

    Parameters
    ----------
    rule
        The rule.
    values
        Its parameters, by name.
    period
        The examined period.
    """
    seconds = int(values["window"].total_seconds())
    bound = {**rule.constants, **values, "since": period.since, "until": period.until, "window_seconds": seconds}
    return {name: round(Decimal(str(value)), 6) if isinstance(value, float) else value for name, value in bound.items()}
