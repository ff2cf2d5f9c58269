"""What an engine has to do for rules, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.rules.rule import Rule


class Run(Protocol):
    """A rule at work: its queries, with values bound."""

    def run(self, query: str) -> pl.DataFrame:
        """Return the rows of a query, one of :data:`sentinel_batch.rules.queries.QUERIES`.

        Raises
        ------
        RuleError
            If it reads what a rule may not, the engine refuses it, or fails on it.
        """
        ...

    def finish(self) -> None:
        """Drop what was kept."""
        ...


class Backend(Protocol):
    """An engine that has one snapshot's files as views, for rules that run one after the other."""

    def prepare(self, rules: Sequence[Rule], starts: Sequence[datetime]) -> None:
        """Relate what the rules read, from the earliest of their starts on; after it, nothing else can be read."""
        ...

    def count_calls(self, since: datetime) -> int:
        """Return the number of calls after an instant that count."""
        ...

    def relate(self, rule: Rule, lists: Mapping[str, pl.DataFrame], since: datetime) -> None:
        """Make the inputs of a rule: its lists, the calls after an instant, and the profiles of their days."""
        ...

    def begin(self, rule: Rule, bound: Mapping[str, Any]) -> Run:
        """Return the rule at work on its inputs, with values by name."""
        ...
