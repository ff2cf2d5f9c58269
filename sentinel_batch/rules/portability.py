"""What a rule's SQL may say, so that the same text runs on DuckDB and on Spark and gives the same rows.

The allowed functions are those that both engines define alike; see decision 3 of the architecture page for those that
silently differ (``date_diff``, ``dayofweek``, ``hash``, ``arg_max``, percentiles, ``string_agg`` and more).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.duckdb import DuckDB

from sentinel_batch.rules.functions import FUNCTIONS, find_unnamed, name_function
from sentinel_batch.rules.reach import explain_reach, find_foreign_sources

Complaints = Iterator[tuple[exp.Expression | exp.Func, str, str]]

_ORDER_NEEDED = ("lag", "lead", "row_number", "rank", "dense_rank")


def check_portability(tree: exp.Select, values: Collection[str], tables: Collection[str]) -> Complaints:
    """Yield every part of a query that is outside the portable subset, with a message and a hint.

    Parameters
    ----------
    tree
        One SELECT, with its WITH.
    values
        Names that may be bound, ``$name``.
    tables
        Tables that may be read, besides the query's own steps.
    """
    yield from _check_values(tree, values)
    yield from _check_tables(tree, tables)
    yield from _check_functions(tree)
    yield from _check_windows(tree)
    for node in find_unnamed(tree):
        yield node, f"{node.sql('duckdb')} has no name beside QUALIFY.", f"Write {node.sql('duckdb')} AS name."


def leaves_nulls_to_the_engine(sql: str) -> bool:
    """Tell whether an ORDER BY does not say where NULLs go: two engines of opposite habits then disagree."""
    habits = [
        [bool(node.args.get("nulls_first")) for node in sqlglot.parse_one(sql, dialect=dialect).find_all(exp.Ordered)]
        for dialect in _dialects()
    ]
    return habits[0] != habits[1]


def _check_values(tree: exp.Select, values: Collection[str]) -> Complaints:
    for node in tree.find_all(exp.Placeholder, exp.Parameter):
        name = node.name or ""
        if name not in values:
            yield node, f"${name} is not declared.", f"Known: {', '.join(sorted(values))}."
    for node in tree.find_all(exp.Struct, exp.Bracket, exp.Lambda, exp.IntDiv):
        yield node, f"{node.sql('duckdb')} is not portable.", "Write plain columns, and floor(a / b) for a division."


def _check_tables(tree: exp.Select, tables: Collection[str]) -> Complaints:
    for node in find_foreign_sources(tree, tables):
        yield node, f"The rule reads {node.sql('duckdb')}.", explain_reach(tables)


def _check_functions(tree: exp.Select) -> Complaints:
    for node in tree.find_all(exp.Func):
        name = name_function(node)
        if name not in FUNCTIONS:
            message = f"Function {name} is outside the portable subset: {node.sql('duckdb')}."
            yield node, message, f"Allowed: {', '.join(sorted(FUNCTIONS))}."


def _check_windows(tree: exp.Select) -> Complaints:
    ordered = {
        window.name: window.args.get("order") is not None
        for select in tree.find_all(exp.Select)
        for window in select.args.get("windows") or []
    }
    for node in tree.find_all(exp.Window):
        function = node.this
        if not isinstance(function, exp.Func) or function.sql_name().lower() not in _ORDER_NEEDED:
            continue
        if node.args.get("order") is None and not ordered.get(node.alias, False):
            yield node, f"{function.sql('duckdb')} has no ORDER BY.", "Order it totally, or its result is arbitrary."


def _dialects() -> tuple[type[Dialect], type[Dialect]]:
    small = type("_NullsSmall", (DuckDB,), {"NULL_ORDERING": "nulls_are_small"})
    large = type("_NullsLarge", (DuckDB,), {"NULL_ORDERING": "nulls_are_large"})
    return small, large
