"""Running one query of a rule; an error names the place in the rule's file, and the step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import duckdb

from batch_base.suggestions import suggest
from sentinel_batch.errors import RuleError
from sentinel_batch.rules.inputs import EXAMINED_CALLS, PROFILES
from sentinel_batch.rules.queries import DETAILS, TRAILING
from sentinel_batch.rules.reach import check_reach

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.rules.rule import Rule

_QUIET = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
"""Comments and texts: a value that is named there is not read."""

_WHICH = {DETAILS: " (its query details)", TRAILING: " (its query of one trailing window)"}


def run_query(connection: duckdb.DuckDBPyConnection, rule: Rule, query: str, bound: Mapping[str, Any]) -> pl.DataFrame:
    """Return the rows of a query.

    Parameters
    ----------
    connection
        Has the tables that the rule reads.
    rule, query
        Which one.
    bound
        Values by name; the query takes those that it names.

    Raises
    ------
    RuleError
        If it reads what a rule may not, the engine refuses it, or fails on it.
    duckdb.Error
        If a file of the lake is damaged.
    """
    check_reach(rule, query)
    sql = rule.queries[query]
    named = set(re.findall(r"\$(\w+)", sql))
    parameters = {name: bound[name] for name in named & set(bound)}
    _check_values(rule, query, named - set(bound), bound)
    try:
        relation = connection.sql(sql, params=parameters)
        _check_types(rule, relation)
        rows: pl.DataFrame = relation.pl()
    except duckdb.Error as error:
        if _may_be_damage(error):
            _read_inputs(connection, rule)
        raise _blame(connection, rule, query, parameters, error) from error
    return rows


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


def _check_values(rule: Rule, query: str, unknown: set[str], bound: Mapping[str, Any]) -> None:
    for name in sorted(unknown):
        sql = _QUIET.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), rule.queries[query])
        found = re.search(rf"\${name}\b", sql)
        if found is not None:
            place = rule.expansions[query].locate(sql.count("\n", 0, found.start()) + 1)
            hint = suggest(name, bound, f"Known: {', '.join(sorted(bound))}.")
            raise RuleError(f"{place}: ${name} is not declared.", hint=hint)


def _blame(
    connection: duckdb.DuckDBPyConnection, rule: Rule, query: str, parameters: dict[str, Any], error: duckdb.Error
) -> RuleError:
    """Return an error that names the place in the rule's file, as far as the engine says it."""
    expansion = rule.expansions[query]
    line = _find_line(error) or _find_line(_explain(connection, expansion.sql, parameters))
    place = expansion.locate(line) if line else f"somewhere in {rule.file}"
    step = expansion.name_step(line) if line else ""
    where = f", step {step}" if step else ""
    return RuleError(
        f"{place}: rule {rule.id}{_WHICH.get(query, '')}{where}: {first_line(error)}",
        hint=f"Correct the rule; sentinel-batch rules lint {rule.name_for_commands} says more, "
        f"rules show {rule.name_for_commands} --expanded prints what runs.",
        sql=expansion.sql,
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
