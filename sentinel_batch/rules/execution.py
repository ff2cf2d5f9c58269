"""How rules run: what they read, the values that are bound, what is said when a query fails. Never writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sentinel_batch.errors import LakeDamagedError, RuleError, UsageError
from sentinel_batch.lake import Lake, full_disk_reported
from sentinel_batch.rules.findings import RETURNED_COLUMNS, shape_findings
from sentinel_batch.rules.parameters import show_value
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.linter import EXAMINED_CALLS, PROFILES
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.window import Period, resolve_period, spell_duration

if TYPE_CHECKING:
    import duckdb
    import polars as pl


_ALL_PROFILES = "all_profiles"


@dataclass(frozen=True)
class Detection:
    """What a rule found, and in what it looked.

    Parameters
    ----------
    findings
        Columns of ``schema.FINDING_COLUMNS``; one row per suspect and episode, worst first.
    rule
        The rule that ran.
    parameters
        Every parameter of the rule as resolved, durations as text (``24h``).
    window
        The rule's window W.
    configured
        True if the parameters are the configured ones, nothing was filtered and every instant was examined.
    since, until
        The examined period, ``(since, until]``.
    read_since
        Calls after this instant were read: ``since`` minus the window.
    trailing, direction, answered_only
        As asked for. A trailing run reads ``[since, until]``, both ends included, and ``since`` is ``until`` minus W.
    calls_examined
        Number of calls of the read period that passed the filters.
    """

    findings: pl.DataFrame
    rule: Rule
    parameters: dict[str, Any]
    window: timedelta
    configured: bool
    since: datetime
    until: datetime
    read_since: datetime
    trailing: bool
    direction: str | None
    answered_only: bool
    calls_examined: int


@dataclass(frozen=True)
class Filters:
    """Which calls of the period count, beside all of them."""

    trailing: bool = False
    direction: str | None = None
    answered_only: bool = False


@dataclass(frozen=True)
class Task:
    """A rule, with the values and lists that it is to run with; ``official`` if they are the configured ones."""

    rule: Rule
    values: Mapping[str, Any]
    lists: Mapping[str, pl.DataFrame]
    official: bool

    @classmethod
    def of(cls, rule: Rule, given: Mapping[str, Any], configured: Mapping[str, Any]) -> Task:
        values = rule.resolve_parameters(given, configured)
        official = values == rule.resolve_parameters(configured=configured)
        return cls(rule, values, rule.resolve_lists(configured), official)

    @property
    def window(self) -> timedelta:
        window: timedelta = self.values["window"]
        return window

    def shown(self) -> dict[str, Any]:
        return {n: show_value(v) if isinstance(v, timedelta) else v for n, v in self.values.items()}


def examine_tasks(
    lake: Lake,
    tasks: Sequence[Task],
    since: str | datetime | timedelta | None,
    until: str | datetime | timedelta | None,
    length: timedelta,
    filters: Filters,
) -> list[Detection]:
    """Run rules over one period, on one connection.

    Parameters
    ----------
    lake
        Where the calls lie.
    tasks
        The rules.
    since, until
        The examined period, as the user named it.
    length
        Length of the period if ``since`` is not given.
    filters
        Which calls count.
    """
    with _damage_reported(lake):
        period = resolve_period(since, until, lake.newest_call(), length)
        starts = [period.since if filters.trailing else _before(period.since, task.window) for task in tasks]
        if not tasks:
            return []
        with lake.connect(since=min(starts), until=period.until) as connection:
            _create_profiles(connection, lake, tasks, min(starts), period.until)
            calls = {start: _count_calls(connection, start, period.until, filters) for start in set(starts)}
            return [
                _run_task(connection, task, period, start, filters, calls[start])
                for task, start in zip(tasks, starts, strict=True)
            ]


def _count_calls(connection: duckdb.DuckDBPyConnection, read_since: datetime, until: datetime, filters: Filters) -> int:
    _create_input(connection, read_since, until, filters)
    [(calls,)] = connection.execute(f"SELECT count(*) FROM {EXAMINED_CALLS}").fetchall()
    return int(calls)


def _run_task(
    connection: duckdb.DuckDBPyConnection,
    task: Task,
    period: Period,
    read_since: datetime,
    filters: Filters,
    calls_examined: int,
) -> Detection:
    _create_input(connection, read_since, period.until, filters)
    if task.rule.reads(PROFILES):
        _create_days(connection, read_since, period.until)
    for name, rows in task.lists.items():
        connection.register(name, rows.to_arrow())
    rule, bindings = task.rule, _bindings(task.rule, task.values, period)
    query = "trailing" if filters.trailing else "sliding"
    rows = _run_query(connection, rule, query, bindings)
    _check_columns(rule, query, rows)
    wanted = "details" in rule.queries and not rows.is_empty()
    details = _run_query(connection, rule, "details", bindings) if wanted else None
    shown, conditions = task.shown(), asdict(filters)
    configured = task.official and not any(conditions.values())
    facts = {**shown, **conditions, **({} if configured else {"configured": False})}
    return Detection(
        findings=shape_findings(rows, rule, task.window, json.dumps(facts, sort_keys=True), details),
        rule=rule,
        parameters=shown,
        window=task.window,
        configured=configured,
        since=period.since,
        until=period.until,
        read_since=read_since,
        **conditions,
        calls_examined=calls_examined,
    )


def _create_profiles(
    connection: duckdb.DuckDBPyConnection, lake: Lake, tasks: Sequence[Task], since: datetime, until: datetime
) -> None:
    if any(task.rule.reads(PROFILES) for task in tasks):
        from sentinel_batch.profiles import relate_profiles

        relate_profiles(connection, lake, since, until).create_view(_ALL_PROFILES)


def _create_days(connection: duckdb.DuckDBPyConnection, read_since: datetime, until: datetime) -> None:
    from duckdb import ColumnExpression as Column
    from duckdb import ConstantExpression as Constant

    overlapping = (Column("day_end") > Constant(read_since)) & (Column("day_start") < Constant(until))
    connection.table(_ALL_PROFILES).filter(overlapping).create_view(PROFILES)


def _before(moment: datetime, length: timedelta) -> datetime:
    try:
        return moment - length
    except OverflowError:
        raise UsageError(
            f"since = {moment.isoformat()} leaves no room for a window of {spell_duration(length)} before it.",
            hint="Give a later since.",
        ) from None


def _create_input(
    connection: duckdb.DuckDBPyConnection, read_since: datetime, until: datetime, filters: Filters
) -> None:
    from duckdb import ColumnExpression as Column
    from duckdb import ConstantExpression as Constant
    from duckdb import FunctionExpression as Function

    time = Column("call_timestamp")
    begun = time >= Constant(read_since) if filters.trailing else time > Constant(read_since)
    calls = connection.table(CALL_RECORDS.name).filter(begun & (time <= Constant(until)))
    if filters.direction is not None:
        calls = calls.filter(Function("lower", Column("call_direction")) == Constant(filters.direction))
    if filters.answered_only:
        calls = calls.filter(Column("answered"))
    calls.create_view(EXAMINED_CALLS)


def _bindings(rule: Rule, values: Mapping[str, Any], period: Period) -> dict[str, Any]:
    """Return every value that the rule's SQL may name; fractions are decimals, so that comparisons are exact."""
    seconds = int(values["window"].total_seconds())
    bound = {**rule.constants, **values, "since": period.since, "until": period.until, "window_seconds": seconds}
    return {name: round(Decimal(str(value)), 6) if isinstance(value, float) else value for name, value in bound.items()}


def _run_query(
    connection: duckdb.DuckDBPyConnection, rule: Rule, query: str, bindings: Mapping[str, Any]
) -> pl.DataFrame:
    import duckdb

    sql = rule.queries[query]
    named = set(re.findall(r"\$(\w+)", sql))
    parameters = {name: bindings[name] for name in named & set(bindings)}
    try:
        rows: pl.DataFrame = connection.sql(sql, params=parameters).pl()
    except duckdb.Error as error:
        if _is_damage(error):
            raise
        place, step = _locate(connection, rule, query, parameters)
        raise RuleError(
            f"{place}: rule {rule.id}, query {query}, step {step}: {_first_line(error)}",
            hint="Mend the rule's SQL; sentinel-batch rules lists the rules, and its header the parameters.",
            sql=sql,
        ) from error
    return rows


def _check_columns(rule: Rule, query: str, rows: pl.DataFrame) -> None:
    missing = [column for column in RETURNED_COLUMNS if column not in rows.columns]
    if missing:
        raise RuleError(
            f"{rule.file}: query {query} returns no column {', '.join(missing)}.",
            hint=f"A rule returns: {', '.join(RETURNED_COLUMNS)}.",
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _locate(
    connection: duckdb.DuckDBPyConnection, rule: Rule, query: str, parameters: dict[str, Any]
) -> tuple[str, str]:
    """Return ``file:line`` and the name of the step that a failing query fails in, as far as the engine says it."""
    import duckdb

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


@contextmanager
def _damage_reported(lake: Lake) -> Iterator[None]:
    import duckdb
    from polars.exceptions import PolarsError

    try:
        with full_disk_reported(lake.path):
            yield
    except (duckdb.Error, PolarsError, OSError) as error:
        raise LakeDamagedError(
            f"The call records in {lake.path} cannot be read: {_first_line(error)}",
            hint="Run sentinel-batch doctor, which names the files that are missing or broken.",
        ) from error


def _is_damage(error: duckdb.Error) -> bool:
    """Tell whether an error is about a file, and not about the query; a broken header has no error type of its own."""
    import duckdb

    kinds = (duckdb.IOException, duckdb.SerializationException)
    return isinstance(error, kinds) or type(error) is duckdb.Error or ".parquet" in str(error)
