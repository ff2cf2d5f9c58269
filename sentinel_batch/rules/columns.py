"""Which columns a query reads, and which it names that there are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope, walk_in_scope

Outputs = Mapping[str, Sequence[str] | None]
Tables = Mapping[str, Sequence[str]]
"""Table to its columns."""


def find_unknown_columns(tree: exp.Select, tables: Tables) -> Iterator[tuple[exp.Column, list[str]]]:
    """Yield every column that is in none of the tables and steps that its SELECT reads, with those that are.

    Parameters
    ----------
    tree
        One SELECT, with its WITH.
    tables
        What it may read besides its own steps; a table that is not among them is not looked into.
    """
    outputs: dict[int, Sequence[str] | None] = {}
    for scope in traverse_scope(tree):
        sources = _list_sources(scope, tables, outputs)
        around = _list_sources(scope.parent, tables, outputs) if scope.parent and scope.is_subquery else {}
        yield from _find_unknown(scope, {**around, **sources})
        outputs[id(scope)] = _list_outputs(scope.expression, sources)


def list_outputs(tree: exp.Select, tables: Tables) -> list[str] | None:
    """Return the columns that a query returns, None where a star stands for a table that is not known."""
    outputs: dict[int, Sequence[str] | None] = {}
    last: Sequence[str] | None = None
    for scope in traverse_scope(tree):
        last = outputs[id(scope)] = _list_outputs(scope.expression, _list_sources(scope, tables, outputs))
    return None if last is None else list(last)


def read_columns(tree: exp.Select, tables: Tables) -> set[tuple[str, str]]:
    """Return table and column of all that the result depends on; the tree is changed on the way.

    Parameters
    ----------
    tree
        One SELECT that names no unknown column.
    tables
        What it may read besides its own steps.
    """
    schema: dict[str, object] = {table: dict.fromkeys(columns, "text") for table, columns in tables.items()}
    qualified = qualify(tree, schema=schema, dialect="duckdb", validate_qualify_columns=False, quote_identifiers=False)
    return {
        (source.name, column.name)
        for scope in traverse_scope(pushdown_projections(qualified))
        for name, source in scope.sources.items()
        if isinstance(source, exp.Table)
        for column in scope.columns
        if column.table == name
    }


def _find_unknown(scope: Scope, sources: Outputs) -> Iterator[tuple[exp.Column, list[str]]]:
    aliases = [name.lower() for name in getattr(scope.expression, "named_selects", ())]
    for column in walk_in_scope(scope.expression):
        if not isinstance(column, exp.Column) or isinstance(column.this, exp.Star):
            continue
        read = [columns for name, columns in sources.items() if column.table in ("", name)]
        known = [name for columns in read if columns is not None for name in columns]
        is_alias = not column.table and column.name.lower() in aliases and column.find_ancestor(*_after_select())
        if None not in read and column.name.lower() not in known and not is_alias:
            yield column, known


def _after_select() -> tuple[type[exp.Expression], ...]:
    """Return the clauses that may name what the SELECT returns."""
    return (exp.Group, exp.Having, exp.Order, exp.Qualify)


def _list_sources(scope: Scope, tables: Tables, outputs: Mapping[int, Sequence[str] | None]) -> Outputs:
    return {
        name: tables.get(source.name) if isinstance(source, exp.Table) else outputs.get(id(source))
        for name, (_, source) in scope.selected_sources.items()
    }


def _list_outputs(select: Any, sources: Outputs) -> Sequence[str] | None:
    """Return the columns that a SELECT returns, None if one of its stars stands for a table that is not known."""
    if isinstance(select, exp.SetOperation):
        return _list_outputs(select.this, sources)
    names: list[str] = []
    for item in getattr(select, "selects", ()):
        starred = list(sources) if isinstance(item, exp.Star) else [item.table] if item.is_star else None
        if starred is None:
            names.append(item.alias_or_name.lower())
            continue
        for name in starred:
            columns = sources.get(name)
            if columns is None:
                return None
            names += columns
    return names
