"""What a rule's SQL may say, so that the same text runs on DuckDB and on Spark and gives the same rows.

The allowed functions are those that both engines define alike; see decision 3 of the architecture page for those that
silently differ (``date_diff``, ``dayofweek``, ``hash``, ``arg_max``, percentiles, ``string_agg`` and more).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sentinel_batch.errors import RuleError
from sentinel_batch.rules.rule import Rule

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect

    Complaints = Iterator[tuple["exp.Expression | exp.Func", str, str]]

EXAMINED_CALLS = "examined_calls"
"""The calls of the read period that pass the filters."""

PROFILES = "profiles"
"""One row for each caller and local day that overlaps the read period."""

PROVIDED = ("since", "until", "window_seconds")
"""Values that the engine binds besides the rule's parameters and constants."""

FUNCTIONS = frozenset(
    {
        "abs", "acos", "and", "asin", "atan2", "avg", "case", "cast", "ceil", "coalesce", "concat", "cos", "count",
        "date_trunc", "dense_rank", "exists", "exp", "floor", "greatest", "if", "lag", "lead", "least", "length", "ln",
        "lower", "max", "min", "nullif", "or", "pi", "power", "radians", "rank", "round", "row_number", "sign", "sin",
        "sqrt", "starts_with", "stddev_samp", "substring", "sum", "time_to_unix", "timestamp_trunc", "try_cast",
        "upper",
    }
)  # fmt: skip
"""What DuckDB and Spark define alike, by the name that sqlglot gives it: ``epoch`` is ``time_to_unix``."""

_ORDER_NEEDED = ("lag", "lead", "row_number", "rank", "dense_rank")


@dataclass(frozen=True)
class Violation:
    """One thing in a rule's SQL that is not allowed, with its place (``file:line``) and what to write instead."""

    place: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message} {self.hint}"


def lint_rule(rule: Rule) -> list[Violation]:
    """Return everything that a rule's queries say outside the portable subset; an empty list is a good rule."""
    found = [violation for query in rule.queries for violation in _lint_query(rule, query)]
    used = {name for sql in rule.queries.values() for name in re.findall(r"\$(\w+)", sql)}
    for name in (*rule.parameters, *rule.constants):
        if name not in used:
            found.append(Violation(f"{rule.file}:1", f"{name} is declared but never used.", f"Use ${name} or drop it."))
    for name in rule.lists:
        if not rule.reads(name):
            found.append(Violation(f"{rule.file}:1", f"List {name} is declared but never read.", "Read it or drop it."))
    return found


def check_rule(rule: Rule) -> None:
    """Raise for a rule that :func:`lint_rule` complains about.

    Raises
    ------
    RuleError
        With the first complaint, and all of them in its details.
    """
    found = lint_rule(rule)
    if found:
        raise RuleError(
            f"{found[0].place}: {found[0].message}" + (f" ({len(found) - 1} more)" if len(found) > 1 else ""),
            hint=found[0].hint,
            violations=[str(violation) for violation in found],
        )


def _lint_query(rule: Rule, query: str) -> Iterator[Violation]:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    sql, first_line = rule.queries[query], rule.first_lines[query]
    try:
        trees = sqlglot.parse(sql, dialect="duckdb")
    except SqlglotError as error:
        place = re.search(r"Line (\d+)", str(error))
        where = rule.place(query, int(place[1])) if place else f"{rule.file}:{first_line}"
        yield Violation(where, "This is not SQL.", str(error).splitlines()[0])
        return
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        yield Violation(f"{rule.file}:{first_line}", f"Query {query} is not one SELECT.", "Write a single SELECT.")
        return
    checks = (_lint_values, _lint_tables, _lint_functions, _lint_windows)
    for check in checks:
        for node, message, hint in check(trees[0], rule):
            yield Violation(rule.place(query, _line(node, sql)), message, hint)
    if _implicit_null_order(sql):
        yield Violation(
            f"{rule.file}:{first_line}",
            f"Query {query} has an ORDER BY without NULLS FIRST or NULLS LAST.",
            "Engines disagree on the default: write one of them.",
        )


def _lint_values(tree: exp.Select, rule: Rule) -> Complaints:
    from sqlglot import exp

    known = {*rule.parameters, *rule.constants, *PROVIDED}
    for node in tree.find_all(exp.Placeholder, exp.Parameter):
        name = node.name or ""
        if name not in known:
            yield node, f"${name} is not declared.", f"Known: {', '.join(sorted(known))}."
    for node in tree.find_all(exp.Struct, exp.Bracket, exp.Lambda, exp.IntDiv):
        yield node, f"{node.sql('duckdb')} is not portable.", "Write plain columns, and floor(a / b) for a division."


def _lint_tables(tree: exp.Select, rule: Rule) -> Complaints:
    from sqlglot import exp

    named = {cte.alias for cte in tree.find_all(exp.CTE)} | {EXAMINED_CALLS, PROFILES, *rule.lists}
    for node in tree.find_all(exp.Table):
        if node.name not in named or node.db or not isinstance(node.this, exp.Identifier):
            hint = f"A rule reads {EXAMINED_CALLS}, {PROFILES}, its lists and its own steps."
            yield node, f"The rule reads {node.sql('duckdb')}.", hint


def _lint_functions(tree: exp.Select, rule: Rule) -> Complaints:
    from sqlglot import exp

    for node in tree.find_all(exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
        if name not in FUNCTIONS:
            message = f"Function {name} is outside the portable subset: {node.sql('duckdb')}."
            yield node, message, f"Allowed: {', '.join(sorted(FUNCTIONS))}."


def _lint_windows(tree: exp.Select, rule: Rule) -> Complaints:
    from sqlglot import exp

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


def _implicit_null_order(sql: str) -> bool:
    """Tell whether the text leaves the place of NULLs to the engine: two engines of opposite habits then disagree."""
    import sqlglot
    from sqlglot import exp

    habits = [
        [bool(node.args.get("nulls_first")) for node in sqlglot.parse_one(sql, dialect=dialect).find_all(exp.Ordered)]
        for dialect in _dialects()
    ]
    return habits[0] != habits[1]


def _dialects() -> tuple[type[Dialect], type[Dialect]]:
    from sqlglot.dialects.duckdb import DuckDB

    small = type("_NullsSmall", (DuckDB,), {"NULL_ORDERING": "nulls_are_small"})
    large = type("_NullsLarge", (DuckDB,), {"NULL_ORDERING": "nulls_are_large"})
    return small, large


def _line(node: exp.Expression | exp.Func, sql: str) -> int:
    from sqlglot import exp

    starts = [inner.meta["start"] for inner in node.find_all(exp.Identifier, exp.Star) if "start" in inner.meta]
    return sql.count("\n", 0, min([*starts, node.meta.get("start", len(sql))]) if starts or node.meta else 0) + 1
