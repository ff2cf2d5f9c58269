"""The portable SQL of rules, said as Spark says it: one query as the parts of its WITH, in order, and what it returns.

What no engine on this side of the subset disagrees about is left as it stands; the rest is here, with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sentinel_batch.rules.functions import FUNCTIONS, find_unnamed, name_function

VIEW = "part_"
"""The name of the view of a part of a WITH begins so."""


@dataclass(frozen=True)
class Part:
    """One name of a WITH, or, without a name, what the query returns.

    Parameters
    ----------
    name
        The name, in lower case.
    sql
        Its SELECT in Spark's SQL, which reads the parts before it as views and names its values ``:name``.
    values
        The values that it names.
    reads
        How often it names each part before it.
    """

    name: str
    sql: str
    values: frozenset[str]
    reads: Counter[str]


class TranslationError(Exception):
    """A text that cannot be said in Spark's SQL; the message says why."""


@lru_cache(maxsize=512)
def translate(sql: str) -> tuple[Part, ...]:
    """Return the parts of a query; the last one is what it returns.

    Parameters
    ----------
    sql
        The query as DuckDB would run it.

    Raises
    ------
    TranslationError
        If it is no SELECT, or calls a function that the engines do not define alike.
    """
    tree = _parse(sql)
    for node in tree.find_all(exp.Func):
        if name_function(node) not in FUNCTIONS:
            raise TranslationError(f"function {name_function(node)} is not one that every engine defines alike")
    for unnamed in find_unnamed(tree):
        raise TranslationError(f"{unnamed.sql('duckdb')} has no name beside QUALIFY")
    _say_alike(tree)
    if not _is_list_of_parts(tree):
        return (_write("", tree, frozenset()),)
    parts, known = [], set[str]()
    for step in tree.ctes:
        parts.append(_write(step.alias.lower(), step.this, frozenset(known)))
        known.add(step.alias.lower())
    tree.set("with_", None)
    return (*parts, _write("", tree, frozenset(known)))


def _parse(sql: str) -> exp.Query:
    try:
        [tree] = sqlglot.parse(sql, dialect="duckdb")
    except (SqlglotError, ValueError) as error:
        raise TranslationError(f"it cannot be read: {error}") from error
    if not isinstance(tree, exp.Query):
        raise TranslationError("it is no SELECT")
    return tree


def _is_list_of_parts(tree: exp.Query) -> bool:
    """Tell whether every name of the WITH can be a view of its own: none reads itself, or hides behind another WITH."""
    around = tree.args.get("with_")
    plain = all(not step.args["alias"].columns for step in tree.ctes)
    names = [step.alias.lower() for step in tree.ctes]
    recursive = around is not None and bool(around.args.get("recursive"))
    return plain and not recursive and len(set(names)) == len(names) and len(list(tree.find_all(exp.With))) <= 1


def _write(name: str, tree: exp.Query, known: frozenset[str]) -> Part:
    reads: Counter[str] = Counter()
    for table in list(tree.find_all(exp.Table)):
        source = table.name.lower()
        if source in known and not table.db:
            reads[source] += 1
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
            table.set("this", exp.to_identifier(VIEW + source))
    values = frozenset(str(node.this) for node in tree.find_all(exp.Placeholder))
    return Part(name, tree.sql("spark", comments=False), values, reads)


def _say_alike(tree: exp.Query) -> None:
    """Say plainly what engines that speak Spark's SQL would understand otherwise."""
    for select in list(tree.find_all(exp.Select)):
        _move_conditions(select)
        _qualify_having(select)
    for division in list(tree.find_all(exp.Div)):
        _divide_doubles(division)
    for seconds in list(tree.find_all(exp.TimeToUnix)):
        _count_micros(seconds)


def _move_conditions(select: exp.Select) -> None:
    """Say ``CROSS JOIN a INNER JOIN b ON c`` as ``CROSS JOIN a CROSS JOIN b WHERE c``: Sail loses the condition.

    Planners find the condition there as well. Outer joins before it would change what it means; after it, they do not.
    """
    crossed = False
    for join in select.args.get("joins") or []:
        if join.side:
            return
        crossed = crossed or join.kind.upper() == "CROSS"
        condition = join.args.get("on")
        if crossed and condition is not None:
            select.where(condition.copy(), copy=False)
            join.set("on", None)
            join.set("kind", "CROSS")


def _qualify_having(select: exp.Select) -> None:
    """Say ``HAVING sum(a)`` as ``HAVING sum(calls.a)`` where the query returns an ``a``: Sail would take that."""
    having, source = select.args.get("having"), select.args.get("from_")
    if having is None or source is None or select.args.get("joins") or not source.this.alias_or_name:
        return
    returned = {column.alias.lower() for column in select.expressions if isinstance(column, exp.Alias)}
    for aggregate in having.find_all(exp.AggFunc):
        for column in aggregate.find_all(exp.Column):
            if not column.table and column.name.lower() in returned:
                column.set("table", exp.to_identifier(source.this.alias_or_name))


def _divide_doubles(division: exp.Div) -> None:
    """DuckDB divides decimals as doubles; Spark cuts the result to the digits of a decimal."""
    left = division.this
    if not (isinstance(left, exp.Cast) and left.is_type("double")):
        division.set("this", exp.Cast(this=left, to=exp.DataType.build("double")))  # no copy: it may hold another


def _count_micros(node: exp.TimeToUnix) -> None:
    """``epoch`` has fractions of a second, and what Spark calls so has none; added up as by DuckDB, to the last bit."""
    millis = exp.Anonymous(this="unix_millis", expressions=[node.this.copy()])
    micros = exp.Anonymous(this="unix_micros", expressions=[node.this.copy()])
    rest = exp.Paren(this=exp.Mod(this=micros, expression=exp.Literal.number(1000)))
    seconds = exp.Div(this=millis, expression=exp.Literal.number("1e3"))
    added = exp.Add(this=seconds, expression=exp.Div(this=rest, expression=exp.Literal.number("1e6")))
    node.replace(exp.Paren(this=added))


def count_readers(queries: Iterator[tuple[Part, ...]]) -> Counter[str]:
    """Return how often each part is read by queries that share their parts."""
    seen: set[tuple[str, str]] = set()
    readers: Counter[str] = Counter()
    for part in (part for parts in queries for part in parts):
        if (part.name, part.sql) not in seen:
            seen.add((part.name, part.sql))
            readers += part.reads
    return readers
