"""Running one query of a rule; an error names the place in the rule's file, and the step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from batch_base.shell import type_last
from batch_base.suggestions import suggest
from sentinel_batch.errors import RuleError
from sentinel_batch.rules.inputs import EXAMINED_CALLS, PROFILES
from sentinel_batch.rules.queries import DETAILS, TRAILING
from sentinel_batch.rules.reach import check_reach
from sentinel_batch.rules.stages import SWEPT_STATES

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.rules.expansion import Query
    from sentinel_batch.rules.rule import Rule
    from sentinel_batch.rules.stages import StagedQuery

_T = TypeVar("_T")

_QUIET = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
"""Comments and texts: a value that is named there is not read."""

WHICH = {DETAILS: " (its query details)", TRAILING: " (its query of one trailing window)"}


@dataclass
class RuleRun:
    """A rule at work on a connection that has the tables it reads.

    Parameters
    ----------
    connection
        Has them.
    rule
        The rule.
    bound
        Values by name; each query takes those that it names.
    in_stages
        Whether the engine may do the sweep itself. The rows are the same either way.
    """

    connection: duckdb.DuckDBPyConnection
    rule: Rule
    bound: Mapping[str, Any]
    in_stages: bool = True
    _has_states: bool = False
    _kept: list[str] = field(default_factory=list)

    def run(self, query: str) -> pl.DataFrame:
        """Return the rows of a query.

        Raises
        ------
        RuleError
            If it reads what a rule may not, the engine refuses it, or fails on it.
        duckdb.Error
            If a file of the lake is damaged.
        """
        check_reach(self.rule, query)
        check_values(self.rule, query, self.bound)
        staged = self.rule.staged_queries.get(query) if self.in_stages else None
        if staged is None or not self._prepare(query, staged):
            return self._attempt(query, self.rule.expansions[query], self._fetch)
        return self._attempt(query, staged.rest, self._fetch)

    def finish(self) -> None:
        """Drop what was kept."""
        if self._has_states:
            self.connection.unregister(SWEPT_STATES)
        for table in self._kept:
            self.connection.execute(f"DROP TABLE {table}")

    def _prepare(self, query: str, staged: StagedQuery) -> bool:
        """Fill the tables that a query in stages reads, but for those that an earlier one did; False if it cannot."""
        self._keep_all(query, staged.before)
        if not self._has_states:
            from sentinel_batch.rules.sweeping import sweep_calls  # Late: rules without a sweep need no arrays.

            self._has_states = sweep_calls(self.connection, staged.sweep, staged.source, self.bound)
            if not self._has_states:
                return False
        self._keep_all(query, staged.after)
        return True

    def _keep_all(self, query: str, tables: Mapping[str, Query]) -> None:
        for table, part in tables.items():
            if table not in self._kept:
                self._attempt(query, part, partial(self._keep, table))

    def _keep(self, table: str, part: Query) -> None:
        self.connection.execute(f"CREATE TEMP TABLE {table} AS {part.sql}", self._choose(part))
        self._kept.append(table)

    def _fetch(self, part: Query) -> pl.DataFrame:
        relation = self.connection.sql(part.sql, params=self._choose(part))
        _check_types(self.rule, relation)
        rows: pl.DataFrame = relation.pl()
        return rows

    def _choose(self, part: Query) -> dict[str, Any]:
        return {name: self.bound[name] for name in _list_values(part.sql) & set(self.bound)}

    def _attempt(self, query: str, part: Query, act: Callable[[Query], _T]) -> _T:
        try:
            return act(part)
        except duckdb.Error as error:
            if _may_be_damage(error):
                _read_inputs(self.connection, self.rule)
            raise _blame(self.connection, self.rule, query, part, self._choose(part), error) from error


def run_query(connection: duckdb.DuckDBPyConnection, rule: Rule, query: str, bound: Mapping[str, Any]) -> pl.DataFrame:
    """Return the rows of one query, run as it is written, with the SQL sweep; errors are those of :class:`RuleRun`."""
    return RuleRun(connection, rule, bound, in_stages=False).run(query)


def _list_values(sql: str) -> set[str]:
    return set(re.findall(r"\$(\w+)", sql))


def first_line(error: Exception) -> str:
    """Return what an engine says, without the details."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _check_types(rule: Rule, relation: duckdb.DuckDBPyRelation) -> None:
    """Raise for intervals, which no frame can hold: Polars does not refuse them, it panics."""
    for name, kind in zip(relation.columns, relation.types, strict=True):
        if "INTERVAL" in str(kind):
            raise RuleError(
                f"{rule.file}: rule {rule.id} returns a length of time as {name}.", hint="Return a number of seconds."
            )


def check_values(rule: Rule, query: str, bound: Mapping[str, Any]) -> None:
    """Raise for a value that a query names and that there is not.

    Raises
    ------
    RuleError
        With its place.
    """
    for name in sorted(_list_values(rule.queries[query]) - set(bound)):
        sql = _QUIET.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), rule.queries[query])
        found = re.search(rf"\${name}\b", sql)
        if found is not None:
            place = rule.expansions[query].locate(sql.count("\n", 0, found.start()) + 1)
            hint = suggest(name, bound, f"Known: {', '.join(sorted(bound))}.")
            raise RuleError(f"{place}: ${name} is not declared.", hint=hint)


def _blame(
    connection: duckdb.DuckDBPyConnection,
    rule: Rule,
    query: str,
    expansion: Query,
    parameters: dict[str, Any],
    error: duckdb.Error,
) -> RuleError:
    """Return an error that names the place in the rule's file, as far as the engine says it."""
    line = _find_line(error) or _find_line(_explain(connection, expansion.sql, parameters))
    place = expansion.locate(line) if line else f"somewhere in {rule.file}"
    step = expansion.name_step(line) if line else ""
    where = f", step {step}" if step else ""
    return RuleError(
        f"{place}: rule {rule.id}{WHICH.get(query, '')}{where}: {first_line(error)}",
        hint=f"Correct the rule; sentinel-batch rules lint {type_last(rule.name_for_commands)} says more, "
        f"rules show --expanded {type_last(rule.name_for_commands)} prints what runs.",
        sql=rule.queries[query],
    )


def _find_line(error: Exception | None) -> int | None:
    """Return the line of the text that an engine names."""
    found = re.search(r"^LINE (\d+):", str(error), re.MULTILINE)
    return int(found[1]) if found else None


def _explain(connection: duckdb.DuckDBPyConnection, sql: str, parameters: dict[str, Any]) -> Exception | None:
    """Return what the engine says of a query that it does not run."""
    try:
        connection.execute("EXPLAIN " + sql, parameters)
    except duckdb.Error as error:
        return error
    return None


def _may_be_damage(error: duckdb.Error) -> bool:
    """Tell whether an error may be about a file; a broken header has no error type of its own."""
    kinds = (duckdb.IOException, duckdb.SerializationException)
    return isinstance(error, kinds) or type(error) is duckdb.Error or ".parquet" in str(error)


def _read_inputs(connection: duckdb.DuckDBPyConnection, rule: Rule) -> None:
    """Read all that the rule reads, without the rule: if that fails, the lake is damaged, and not the rule.

    Raises
    ------
    duckdb.Error
        If a file cannot be read.
    """
    for table in (EXAMINED_CALLS, PROFILES):
        if table == EXAMINED_CALLS or rule.reads(table):
            connection.execute(f"SELECT max(hash(COLUMNS(*))) FROM {table}").fetchall()
