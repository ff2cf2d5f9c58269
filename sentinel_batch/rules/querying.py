"""Running one query of a rule; an error names the place in the rule's file, and the step."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import duckdb

from sentinel_batch.errors import RuleError

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.rules.rule import Rule


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
        If the engine refuses it, or fails on it.
    duckdb.Error
        If a file that it reads is damaged.
    """
    sql = rule.queries[query]
    named = set(re.findall(r"\$(\w+)", sql))
    parameters = {name: bound[name] for name in named & set(bound)}
    try:
        rows: pl.DataFrame = connection.sql(sql, params=parameters).pl()
    except duckdb.Error as error:
        if is_damage(error):
            raise
        place, step = _locate(connection, rule, query, parameters)
        raise RuleError(
            f"{place}: rule {rule.id}, query {query}, step {step}: {first_line(error)}",
            hint=f"Correct the rule; sentinel-batch rules lint {rule.id} says more, rules show --expanded what runs.",
            sql=sql,
        ) from error
    return rows


def first_line(error: Exception) -> str:
    """Return what an engine says, without the details."""
    return str(error).strip().splitlines()[0]


def is_damage(error: duckdb.Error) -> bool:
    """Tell whether an error is about a file, and not about the query; a broken header has no error type of its own."""
    kinds = (duckdb.IOException, duckdb.SerializationException)
    return isinstance(error, kinds) or type(error) is duckdb.Error or ".parquet" in str(error)


def _locate(
    connection: duckdb.DuckDBPyConnection, rule: Rule, query: str, parameters: dict[str, Any]
) -> tuple[str, str]:
    """Return ``file:line`` and the name of the step that a failing query fails in, as far as the engine says it."""
    expansion = rule.expansions[query]
    try:
        message = ""
        connection.execute("EXPLAIN " + expansion.sql, parameters)
    except duckdb.Error as error:
        message = str(error)
    found = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    if found is None:
        return expansion.locate(1), "unknown"
    line = int(found[1])
    return expansion.locate(line), expansion.name_step(line) or query
