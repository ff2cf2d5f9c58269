"""Running the queries of a rule on tables without rows: what the engine itself refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sentinel_batch.errors import ConfigurationError, RuleError
from sentinel_batch.rules.blank import connect_empty
from sentinel_batch.rules.execution import Task
from sentinel_batch.rules.inputs import bind_values
from sentinel_batch.rules.querying import run_query
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.settings import Origin
from sentinel_batch.window import Period

_PERIOD = Period(datetime(2026, 1, 21, tzinfo=UTC), datetime(2026, 1, 22, tzinfo=UTC))


def try_queries(rule: Rule) -> Iterator[tuple[str, str, str]]:
    """Yield place, message and hint of each query of a rule that the engine refuses, on tables without rows."""
    try:
        task = Task.of(rule, {}, {}, Origin(f"rules.{rule.id}"))
    except ConfigurationError as error:
        yield f"{rule.header_file}:1", error.message, error.hint
        return
    connection = connect_empty(task.lists)
    for query in rule.queries:
        try:
            run_query(connection, rule, query, bind_values(rule, task.values, _PERIOD))
        except RuleError as error:
            place, _, message = error.message.partition(": ")
            yield place, message, error.hint


def try_task(task: Task) -> None:
    """Run the queries of a rule, with the values and lists that it is to run with, on tables without rows.

    Raises
    ------
    RuleError
        If the engine refuses one.
    """
    bound = bind_values(task.rule, task.values, _PERIOD)
    connection = connect_empty(task.lists)
    for query in task.rule.queries:
        run_query(connection, task.rule, query, bound)
