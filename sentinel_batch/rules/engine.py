"""Running a rule over the lake: which calls, which values, which findings. Never writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.errors import LakeDamagedError, RuleError, UsageError
from sentinel_batch.lake import Lake, full_disk_reported, open_lake
from sentinel_batch.rules.catalogue import get_rule
from sentinel_batch.rules.findings import RETURNED_COLUMNS, shape_findings
from sentinel_batch.rules.header import Rule, show_value
from sentinel_batch.rules.linter import EXAMINED_CALLS
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.window import Period, resolve_period, spell_duration

if TYPE_CHECKING:
    import duckdb
    import polars as pl

DIRECTIONS = ("inbound", "outbound", "internal")
"""Values of ``call_direction`` that calls can be filtered by."""


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


def detect(
    *,
    lake: Lake | str | Path | None = None,
    rule: str = "SDHF_001",
    window: str | timedelta | None = None,
    min_unique_destinations: int | None = None,
    max_avg_duration: float | None = None,
    since: str | datetime | timedelta | None = None,
    until: str | datetime | timedelta | None = None,
    trailing: bool = False,
    direction: str | None = None,
    answered_only: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Return a rule's findings; nothing is written.

    Parameters are those of :func:`examine`, which also returns in what it looked.
    """
    return examine(
        lake=lake,
        rule=rule,
        window=window,
        min_unique_destinations=min_unique_destinations,
        max_avg_duration=max_avg_duration,
        since=since,
        until=until,
        trailing=trailing,
        direction=direction,
        answered_only=answered_only,
        overrides=overrides,
    ).findings


def examine(
    *,
    lake: Lake | str | Path | None = None,
    rule: str = "SDHF_001",
    window: str | timedelta | None = None,
    min_unique_destinations: int | None = None,
    max_avg_duration: float | None = None,
    since: str | datetime | timedelta | None = None,
    until: str | datetime | timedelta | None = None,
    trailing: bool = False,
    direction: str | None = None,
    answered_only: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> Detection:
    """Run a rule over the lake; nothing is written.

    Parameters
    ----------
    lake
        The lake, or its path; None is the configured one.
    rule
        Id of the rule.
    window
        Length W of the rule's window, such as ``24h``.
    min_unique_destinations
        A suspect calls strictly more different numbers within W.
    max_avg_duration
        A suspect's calls within W last strictly less on average, in seconds.
    since, until
        The examined period ``(since, until]``: instants, or durations counted back from ``until`` (for ``since``) or
        from the newest call (for ``until``). By default it ends at the newest call and is W long.
    trailing
        Examine only the one window ``[until - W, until]``, as the rule's source does.
    direction
        Count only calls of this direction, one of :data:`DIRECTIONS`.
    answered_only
        Count only calls known to be answered.
    overrides
        The rule's configured parameters; None reads table ``[rules.ID]`` of the configuration.

    Raises
    ------
    LakeNotFoundError
        If there is no lake.
    RuleNotFoundError
        If there is no such rule.
    UsageError
        If a value is not allowed, or the period is empty.
    RuleError
        If the rule's query fails.
    LakeDamagedError
        If a file of the call records is missing or broken.
    """
    opened = open_lake(lake)
    chosen = get_rule(rule)
    if overrides is None:
        overrides = _configured(chosen)
    given = {
        "window": window,
        "min_unique_destinations": min_unique_destinations,
        "max_avg_duration": max_avg_duration,
    }
    official = chosen.resolve_parameters(configured=overrides)
    values = chosen.resolve_parameters(given, overrides)
    direction = _check_direction(direction)
    if trailing:
        _check_trailing(chosen, since)
    length: timedelta = values["window"]
    with _damage_reported(opened):
        period = resolve_period(since, until, _newest_call(opened), length)
        read_since = period.since if trailing else _before(period.since, length)
        with opened.connect(since=read_since, until=period.until) as connection:
            _create_input(connection, read_since, period.until, trailing, direction, answered_only)
            calls_examined = connection.execute(f"SELECT count(*) FROM {EXAMINED_CALLS}").fetchall()[0][0]
            query = "trailing" if trailing else "sliding"
            rows = _run_query(connection, chosen, query, _bindings(chosen, values, period))
    shown = {name: show_value(value) if isinstance(value, timedelta) else value for name, value in values.items()}
    conditions = {"direction": direction, "answered_only": answered_only, "trailing": trailing}
    configured = values == official and not any(conditions.values())
    facts = {**shown, **conditions, **({} if configured else {"configured": False})}
    return Detection(
        findings=shape_findings(rows, chosen, length, json.dumps(facts, sort_keys=True)),
        rule=chosen,
        parameters=shown,
        window=length,
        configured=configured,
        since=period.since,
        until=period.until,
        read_since=read_since,
        trailing=trailing,
        direction=direction,
        answered_only=answered_only,
        calls_examined=calls_examined,
    )


def _configured(rule: Rule) -> Mapping[str, Any]:
    from sentinel_batch.config import load_config

    tables: Mapping[str, Mapping[str, Any]] = load_config().rules
    return tables.get(rule.id, {})


def _check_direction(direction: str | None) -> str | None:
    if direction is None or direction.strip().lower() in DIRECTIONS:
        return direction.strip().lower() if direction else None
    raise UsageError(
        f"direction = {direction!r} is not allowed.",
        hint=f"Give one of: {', '.join(DIRECTIONS)}.",
        name="direction",
        value=direction,
    )


def _check_trailing(rule: Rule, since: object) -> None:
    if since is not None:
        raise UsageError(
            f"since = {since} and trailing exclude each other: trailing examines the one window that ends at until.",
            hint="Leave out since; the length of the window is --window.",
        )
    if "trailing" not in rule.queries:
        raise UsageError(f"Rule {rule.id} has no trailing query.", hint="Leave out trailing.", rule=rule.id)


def _newest_call(lake: Lake) -> datetime | None:
    import polars as pl

    bounds = lake.bounds()
    if bounds is None:
        return None
    newest: datetime | None = (
        lake.scan(CALL_RECORDS.name, since=bounds[1]).select(pl.col("call_timestamp").max()).collect().item()
    )
    return newest


def _before(moment: datetime, length: timedelta) -> datetime:
    try:
        return moment - length
    except OverflowError:
        raise UsageError(
            f"since = {moment.isoformat()} leaves no room for a window of {spell_duration(length)} before it.",
            hint="Give a later since.",
        ) from None


def _create_input(
    connection: duckdb.DuckDBPyConnection,
    read_since: datetime,
    until: datetime,
    trailing: bool,
    direction: str | None,
    answered_only: bool,
) -> None:
    from duckdb import ColumnExpression as Column
    from duckdb import ConstantExpression as Constant
    from duckdb import FunctionExpression as Function

    time = Column("call_timestamp")
    begun = time >= Constant(read_since) if trailing else time > Constant(read_since)
    calls = connection.table(CALL_RECORDS.name).filter(begun & (time <= Constant(until)))
    if direction is not None:
        calls = calls.filter(Function("lower", Column("call_direction")) == Constant(direction))
    if answered_only:
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
    missing = [column for column in RETURNED_COLUMNS if column not in rows.columns]
    if missing:
        raise RuleError(
            f"{rule.file}: query {query} returns no column {', '.join(missing)}.",
            hint=f"A rule returns: {', '.join(RETURNED_COLUMNS)}.",
        )
    return rows


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _locate(
    connection: duckdb.DuckDBPyConnection, rule: Rule, query: str, parameters: dict[str, Any]
) -> tuple[str, str]:
    """Return ``file:line`` and the name of the step that a failing query fails in, as far as the engine says it."""
    import duckdb

    try:
        message = ""
        connection.execute("EXPLAIN " + rule.queries[query], parameters)
    except duckdb.Error as error:
        message = str(error)
    found = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    if found is None:
        return f"{rule.file}:{rule.first_lines[query]}", "unknown"
    before = "\n".join(rule.queries[query].splitlines()[: int(found[1])])
    steps: list[str] = re.findall(r"^(\w+) AS \($", before, re.MULTILINE)
    return f"{rule.file}:{rule.first_lines[query] + int(found[1]) - 1}", steps[-1] if steps else query


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
