"""One rule at work on Spark: the parts of its queries become views, those that are read more than once are kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl
import pyarrow as pa

from batch_base.shell import type_last
from sentinel_batch.errors import EngineError, RuleError
from sentinel_batch.rules.backends.spark.server import Server, first_line, tells_of_rule
from sentinel_batch.rules.backends.spark.translation import VIEW, Part, TranslationError, count_readers, translate
from sentinel_batch.rules.blank import connect_empty
from sentinel_batch.rules.querying import WHICH, check_values, run_query
from sentinel_batch.rules.reach import check_reach
from sentinel_batch.rules.rule import Rule

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_T = TypeVar("_T")


@dataclass
class SparkRun:
    """A rule at work on a server that has the views it reads.

    Parameters
    ----------
    server
        Has them.
    rule
        The rule.
    bound
        Values by name; each part takes those that it names.
    lists
        Its lists.
    """

    server: Server
    rule: Rule
    bound: Mapping[str, Any]
    lists: Mapping[str, pl.DataFrame]
    _made: dict[str, str] = field(default_factory=dict)
    _kept: dict[str, DataFrame] = field(default_factory=dict)

    def run(self, query: str) -> pl.DataFrame:
        """Return the rows of a query.

        Raises
        ------
        RuleError
            If it reads what a rule may not, the engine refuses it, or fails on it.
        """
        check_reach(self.rule, query)
        check_values(self.rule, query, self.bound)
        *parts, last = self._translate(query)
        for part in parts:
            if self._made.get(part.name) != part.sql:
                self._attempt(query, part, self._make)
        rows = self._attempt(query, last, self._fetch)
        return rows if rows.is_empty() else rows.cast(self._kinds(query))

    def finish(self) -> None:
        """Drop what was kept."""
        with suppress(EngineError), self.server.failures_reported():  # A server that is gone keeps nothing.
            for name in self._kept:  # The others take no room, and the next rule makes them anew.
                self.server.session.catalog.dropTempView(VIEW + name)
        self._made.clear()
        self._kept.clear()  # The server forgets a frame when the client does.

    @cached_property
    def _readers(self) -> Counter[str]:
        """How often each part is read by the queries of the rule; a part of one is the same part of the other."""
        return count_readers(self._translate(query) for query in self.rule.queries)

    def _translate(self, query: str) -> tuple[Part, ...]:
        try:
            return translate(self.rule.queries[query])
        except TranslationError as error:
            raise RuleError(
                f"{self.rule.file}: rule {self.rule.id}{WHICH.get(query, '')} cannot run on Spark: {error}.",
                hint=f"sentinel-batch rules lint {type_last(self.rule.name_for_commands)} names what is not portable.",
            ) from error

    def _kinds(self, query: str) -> pl.Schema:
        """Return the types that DuckDB gives the rows: its sums of whole numbers are wider, and print as others."""
        return run_query(connect_empty(self.lists), self.rule, query, self.bound).schema

    def _ask(self, part: Part) -> DataFrame:
        return self.server.session.sql(part.sql, args={name: self.bound[name] for name in part.values})

    def _make(self, part: Part) -> None:
        frame = self._ask(part)
        if self._readers[part.name] > 1:
            # Written once: an engine that puts the text in where it is read does the work of it each time.
            frame = frame.localCheckpoint()
            self._kept[part.name] = frame
        frame.createOrReplaceTempView(VIEW + part.name)
        self._made[part.name] = part.sql

    def _fetch(self, part: Part) -> pl.DataFrame:
        table = self._ask(part).toArrow()
        for column in table.schema:
            if pa.types.is_duration(column.type) or pa.types.is_interval(column.type):
                raise RuleError(
                    f"{self.rule.file}: rule {self.rule.id} returns a length of time as {column.name}.",
                    hint="Return a number of seconds.",
                )
        return pl.DataFrame(pl.from_arrow(table))

    def _attempt(self, query: str, part: Part, act: Callable[[Part], _T]) -> _T:
        import grpc
        from pyspark.errors import PySparkException

        try:
            return act(part)
        except (PySparkException, grpc.RpcError) as error:
            if tells_of_rule(error):
                raise self._blame(query, part, error) from error
            raise self.server.explain(error) from error

    def _blame(self, query: str, part: Part, error: Exception) -> RuleError:
        """Return an error that names the part, and where it begins in the rule's file."""
        expansion = self.rule.expansions[query]
        begins = re.compile(rf"^\s*(?:WITH )?\s*{re.escape(part.name)} AS (?:\w+ )?\($", re.IGNORECASE)
        lines = [number for number, line in enumerate(expansion.lines, 1) if part.name and begins.match(line.text)]
        place = expansion.locate(lines[0] if lines else len(expansion.lines))
        step = f", step {part.name}" if part.name else ""
        return RuleError(
            f"{place}: rule {self.rule.id}{WHICH.get(query, '')}{step}, on Spark: {first_line(error)}",
            hint=f"Correct the rule; sentinel-batch rules lint {type_last(self.rule.name_for_commands)} says more.",
            sql=part.sql,
        )
