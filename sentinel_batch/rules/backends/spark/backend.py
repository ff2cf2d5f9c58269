"""Spark as the engine of rules: the calls, profiles and lists as views of one session."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sentinel_batch.desk import Desk
from sentinel_batch.rules.backends.spark.running import SparkRun
from sentinel_batch.rules.backends.spark.server import Server, open_server
from sentinel_batch.rules.backends.spark.tables import locate_lake, read_calls, read_profiles, send
from sentinel_batch.rules.inputs import EXAMINED_CALLS, PROFILES
from sentinel_batch.rules.reach import list_columns_read
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.sources import Filters
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.schema import PROFILES as PROFILES_TABLE

if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import DataFrame

_ALL_CALLS, _ALL_PROFILES = "call_records", "all_profiles"
_TIME = "call_timestamp"


class SparkBackend:
    """Rules on one server.

    Parameters
    ----------
    server
        The server.
    desk
        A snapshot.
    filters
        Which calls count.
    since, until
        Calls outside are not read.
    """

    def __init__(self, server: Server, desk: Desk, filters: Filters, since: datetime, until: datetime) -> None:
        self._server, self._session, self._desk, self._filters = server, server.session, desk, filters
        self._since, self._until = since, until
        self._lists: Mapping[str, pl.DataFrame] = {}

    def prepare(self, rules: Sequence[Rule], starts: Sequence[datetime]) -> None:
        """Relate the files of the calls, and of the profiles if a rule reads them."""
        read_calls(self._session, self._desk, self._since, self._until).createOrReplaceTempView(_ALL_CALLS)
        if any(rule.reads(PROFILES) for rule in rules):
            profiles = read_profiles(self._session, self._desk, min(starts), self._until)
            profiles.createOrReplaceTempView(_ALL_PROFILES)

    def count_calls(self, since: datetime) -> int:
        """Return the number of calls after an instant that count."""
        return int(self._select_calls((_TIME,), since).count())

    def relate(self, rule: Rule, lists: Mapping[str, pl.DataFrame], since: datetime) -> None:
        """Make the views of a rule: its lists, the calls after an instant, and the profiles of their days."""
        self._lists = lists
        with self._server.failures_reported():
            for name, rows in lists.items():
                send(self._session, rows, rule.lists[name].columns).createOrReplaceTempView(name)
            calls = self._select_calls(list_columns_read(rule, CALL_RECORDS.columns), since)
            calls.createOrReplaceTempView(EXAMINED_CALLS)
            if rule.reads(PROFILES):
                columns = ", ".join(list_columns_read(rule, PROFILES_TABLE.columns))
                overlapping = "day_end > :since AND day_start <= :until"
                text = f"SELECT {columns} FROM {_ALL_PROFILES} WHERE {overlapping}"
                profiles = self._session.sql(text, args={"since": since, "until": self._until})
                profiles.createOrReplaceTempView(PROFILES)

    def begin(self, rule: Rule, bound: Mapping[str, Any]) -> SparkRun:
        """Return the rule at work on its inputs, with values by name."""
        return SparkRun(self._server, rule, bound, self._lists)

    def _select_calls(self, columns: Collection[str], since: datetime) -> DataFrame:
        # As in DuckDB: a trailing run looks at one window, both ends included; the sliding is half-open.
        conditions = [f"{_TIME} {'>=' if self._filters.trailing else '>'} :since", f"{_TIME} <= :until"]
        values: dict[str, Any] = {"since": since, "until": self._until}
        if self._filters.direction is not None:
            conditions.append("lower(call_direction) = :direction")
            values["direction"] = self._filters.direction
        if self._filters.answered_only:
            conditions.append("answered")
        text = f"SELECT {', '.join(columns)} FROM {_ALL_CALLS} WHERE {' AND '.join(conditions)}"
        return self._session.sql(text, args=values)


@contextmanager
def open_spark(desk: Desk, filters: Filters, since: datetime, until: datetime) -> Iterator[SparkBackend]:
    """Open the configured Spark on the files of a snapshot; parameters are those of :func:`..opening.open_backend`."""
    lake = locate_lake(desk.config, desk.tables.path)
    with open_server(desk.config.spark_remote, lake, desk.config.spark_settings) as server:
        yield SparkBackend(server, desk, filters, since, until)
