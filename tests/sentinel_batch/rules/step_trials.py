"""Running one step alone: a few rows in, rows out, on DuckDB."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import polars as pl
import sqlglot
from sqlglot.errors import ErrorLevel

from sentinel_batch.rules.expansion import Expansion, Query
from sentinel_batch.rules.ladder import Ladder, Rung
from sentinel_batch.rules.steps import load_step

NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "since": NOON,
    "until": NOON + timedelta(hours=1),
    "window": timedelta(minutes=10),
    "window_seconds": 600,
}
LADDER = Ladder((Rung("HIGH", "calls >= 3", "", 1), Rung("LOW", None, "", 2)), "TEST_001.toml")

Row = dict[str, Any]


def at(minutes: float) -> datetime:
    """Return the instant so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def call(caller: str, callee: str, minutes: float, seconds: int = 60, **more: Any) -> Row:
    return {
        "caller_number": caller,
        "callee_number": callee,
        "call_timestamp": at(minutes),
        "duration_seconds": seconds,
        **more,
    }


def expand(text: str, *, is_trailing: bool = False) -> str:
    """Return SQL with its steps put in."""
    return Query(tuple(Expansion(LADDER, is_trailing=is_trailing).expand(text, "TEST_001.sql"))).sql


def run_sql(
    text: str,
    tables: Mapping[str, Sequence[Row]],
    values: Mapping[str, Any] | None = None,
    *,
    is_trailing: bool = False,
) -> list[Row]:
    """Return the rows of a query with steps in it, after a look whether Spark could run it too."""
    sql = expand(text, is_trailing=is_trailing)
    sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, rows in tables.items():
        connection.register(name, pl.DataFrame(rows, infer_schema_length=None).to_arrow())
    known = {**VALUES, **(values or {})}
    named = {name: known[name] for name in re.findall(r"\$(\w+)", sql)}
    found: list[Row] = connection.sql(sql, params=named).pl().to_dicts()
    return found


def run_step(
    text: str,
    tables: Mapping[str, Sequence[Row]],
    values: Mapping[str, Any] | None = None,
    *,
    result: str | None = None,
    is_trailing: bool = False,
) -> list[Row]:
    """Return the rows of what one call of a step adds last; it has the columns that the step promises.

    Parameters
    ----------
    text
        The call, without braces, such as ``tiles("calls")``.
    tables
        What it reads.
    values
        What is bound, besides the period and the window of 10 minutes.
    result
        The part to look at; None is the last one that the step adds.
    is_trailing
        Whether to run the form for one trailing window.
    """
    step = load_step(text.partition("(")[0])
    name = result or step.adds[-1]
    query = f"WITH\n{{{{ {text} }}}}\nSELECT * FROM {name}"
    rows = run_sql(query, tables, values, is_trailing=is_trailing)
    promised = {column for column in step.columns if column not in ("seconds", "average", "destinations")}
    assert not rows or promised <= set(rows[0])
    return rows


def pick(rows: Sequence[Row], *names: str) -> list[tuple[Any, ...]]:
    """Return some columns of rows, in order, NULL first."""
    chosen = (tuple(row[name] for name in names) for row in rows)
    return sorted(chosen, key=lambda values: [(value is not None, value) for value in values])
