"""What a rule's SQL can reach: the calls, the profiles, its own lists and steps; no file, no other table, no network.

Asked twice: of the text, before it is linted or runs, and of the engine, which is shut off from all else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sentinel_batch.errors import RuleError
from sentinel_batch.rules.inputs import list_tables

if TYPE_CHECKING:
    import duckdb
    from sqlglot import exp

    from sentinel_batch.rules.rule import Rule


class Stranger(NamedTuple):
    """Something that a query reads and may not, and its line in the query."""

    text: str
    line: int


def shut_off(connection: duckdb.DuckDBPyConnection, folders: Sequence[Path] = ()) -> None:
    """Let a connection read files below these folders only, and nothing else outside of it, for good."""
    connection.execute("SET allowed_directories = $1", [[f"{folder}/" for folder in folders]])
    connection.execute("SET python_enable_replacements = false")  # Else a query reads variables of this program.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def check_reach(rule: Rule, query: str) -> None:
    """Raise for a query that reads what a rule may not read; that shipped ones do not, the linter's tests say.

    Raises
    ------
    RuleError
        With the place of the first such thing.
    """
    tables = list_tables(rule)
    strangers = () if rule.is_shipped else find_strangers(rule.queries[query], tuple(tables))
    for stranger in strangers:
        place = rule.expansions[query].locate(stranger.line)
        raise RuleError(
            f"{place}: rule {rule.id} reads {stranger.text}, which no rule may.", hint=explain_reach(list(tables))
        )


def list_columns_read(rule: Rule, columns: Collection[str]) -> list[str]:
    """Return those columns of a table that make a difference to a rule, in their order; one at least.

    Parameters
    ----------
    rule
        The rule. The queries of shipped ones are known to return named columns; those of others are looked at.
    columns
        Columns of ``examined_calls`` or ``profiles``.
    """
    texts = rule.queries.values()
    if not rule.is_shipped and not all(returns_named_columns(sql) for sql in texts):
        return list(columns)
    named = {word.lower() for sql in texts for word in re.findall(r"\w+", sql)}
    return [column for column in columns if column in named] or list(columns)[:1]


def explain_reach(tables: Collection[str]) -> str:
    """Say what a rule may read."""
    return f"A rule reads {', '.join(tables)}, and the steps of its own WITH: no file, and no other table."


@lru_cache(maxsize=512)
def find_strangers(sql: str, tables: tuple[str, ...]) -> tuple[Stranger, ...]:
    """Return what a query reads besides these tables; a text that is no SQL reads nothing, and the engine says why.

    Parameters
    ----------
    sql
        The query, with its steps put in.
    tables
        What it may read, besides its own steps.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        trees = sqlglot.parse(sql, dialect="duckdb")
    except SqlglotError:
        return (Stranger("what cannot be told from its SQL", 1),) if _is_sql(sql) else ()
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        return (Stranger("more than one SELECT says", 1),)
    found = ((node, find_line(node, sql)) for node in find_foreign_sources(trees[0], tables))
    return tuple(Stranger(node.sql("duckdb"), line) for node, line in found)


@lru_cache(maxsize=512)
def returns_named_columns(sql: str) -> bool:
    """Tell whether the columns that a query does not name make no difference to what it returns.

    A star passes columns on, and whoever uses one names it; unless the star returns them, or compares whole rows.

    Parameters
    ----------
    sql
        The query, with its steps put in.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except SqlglotError:
        return False
    if not isinstance(tree, exp.Select) or any(tree.find_all(exp.Columns, exp.Pivot)):
        return False
    stars = (star.parent_select for star in tree.find_all(exp.Star) if not isinstance(star.parent, exp.Count))
    rows = {table.alias_or_name.lower() for table in tree.find_all(exp.Table, exp.CTE, exp.Subquery)}
    rows -= {named.alias.lower() for named in tree.find_all(exp.Alias)}
    return (
        all(select is not None and select is not tree and _passes_on(select) for select in stars)
        and not any(join.method.upper() == "NATURAL" for join in tree.find_all(exp.Join))
        and not any(not column.table and column.name.lower() in rows for column in tree.find_all(exp.Column))
    )


def _passes_on(select: exp.Expression) -> bool:
    from sqlglot import exp

    compares = select.args.get("distinct") or select.args.get("group") or isinstance(select.parent, exp.SetOperation)
    return not compares


def find_foreign_sources(tree: exp.Query, tables: Collection[str]) -> Iterator[exp.Expression]:
    """Yield every source of a query that is none of these tables, and no step that is named where it stands."""
    from sqlglot import exp

    known = {table.lower() for table in tables}
    for node in tree.find_all(exp.Table):
        is_plain = isinstance(node.this, exp.Identifier) and not node.db
        if not is_plain or node.name.lower() not in known | set(_visible_steps(node)):
            yield node
    for place in tree.find_all(exp.From, exp.Join):
        if not isinstance(place.this, exp.Table | exp.Subquery | exp.Values):
            yield place.this
    yield from tree.find_all(exp.Lateral)


def find_line(node: exp.Expression | exp.Func, sql: str) -> int:
    """Return the line of the text at which a part of its tree stands, from 1, as far as the parser says it."""
    from sqlglot import exp

    if isinstance(node, exp.Placeholder | exp.Parameter):  # the parser does not say where a value stands
        found = re.search(rf"\${re.escape(node.name)}\b", sql)
        return sql.count("\n", 0, found.start() if found else 0) + 1
    starts = [inner.meta["start"] for inner in node.walk() if "start" in inner.meta]
    if not starts:  # a function of a plain text has no place of its own
        at = sql.lower().find(str(node.sql("duckdb")).partition("(")[0].lower())
        return sql.count("\n", 0, max(at, 0)) + 1
    return sql.count("\n", 0, min(starts)) + 1


def _is_sql(text: str) -> bool:
    import duckdb

    try:
        return bool(duckdb.extract_statements(text))
    except duckdb.Error:
        return False


def _visible_steps(node: exp.Expression) -> Iterator[str]:
    """Yield the names of the WITHs around a node that stand before it: an engine looks a later one up as a table."""
    from sqlglot import exp

    inside: Any = node
    while inside is not None:
        around = inside.parent
        if isinstance(around, exp.With):
            steps = around.expressions
            last = next(number for number, step in enumerate(steps) if step is inside)
            yield from (step.alias.lower() for step in steps[: last + bool(around.args.get("recursive"))])
            around = around.parent  # its other steps stand in the same WITH
        elif isinstance(around, exp.Query):
            yield from (step.alias.lower() for step in around.ctes)
        inside = around
