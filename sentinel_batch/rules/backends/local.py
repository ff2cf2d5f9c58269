"""DuckDB in this process: the engine unless another is configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.desk import Desk
from sentinel_batch.rules.querying import RuleRun
from sentinel_batch.rules.reach import shut_off
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.sources import Filters, Sources
from sentinel_batch.schema import CALL_RECORDS, PROFILES

if TYPE_CHECKING:
    import polars as pl


class LocalBackend:
    """Rules on one connection.

    Parameters
    ----------
    sources
        Makes their inputs.
    lake
        The lake's folder.
    """

    def __init__(self, sources: Sources, lake: Path) -> None:
        self._sources, self._lake = sources, lake

    def prepare(self, rules: Sequence[Rule], starts: Sequence[datetime]) -> None:
        """Read what several of the rules need, and shut the connection off from all but the lake's files."""
        self._sources.prepare(rules, starts)
        folders = [self._lake / name for name in (CALL_RECORDS.name, PROFILES.name)]
        shut_off(self._sources.connection, [*folders, *self._sources.computed_folders])

    def count_calls(self, since: datetime) -> int:
        """Return the number of calls after an instant that count."""
        return self._sources.count_calls(since)

    def relate(self, rule: Rule, lists: Mapping[str, pl.DataFrame], since: datetime) -> None:
        """Make the views anew: the rule before may have had a longer window."""
        self._sources.make(rule, since)
        for name, rows in lists.items():
            self._sources.connection.register(name, rows.to_arrow())

    def begin(self, rule: Rule, bound: Mapping[str, Any]) -> RuleRun:
        """Return the rule at work on its inputs, with values by name."""
        return RuleRun(self._sources.connection, rule, bound)


@contextmanager
def open_local(desk: Desk, filters: Filters, since: datetime, until: datetime) -> Iterator[LocalBackend]:
    """Open DuckDB on the files of a snapshot; parameters are those of :func:`.opening.open_backend`."""
    with desk.tables.connect(CALL_RECORDS.name, since=since, until=until) as connection:
        yield LocalBackend(Sources(connection, desk, until, filters), desk.tables.path)
