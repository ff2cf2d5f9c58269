"""How rules run: what they read, the values that are bound, what is said when a query fails. Never writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from batch_base.progress import follow
from sentinel_batch.desk import Desk
from sentinel_batch.errors import RuleError, SentinelError, UsageError
from sentinel_batch.lake import damage_reported
from sentinel_batch.rules.backends.backend import Backend
from sentinel_batch.rules.backends.opening import open_backend
from sentinel_batch.rules.catalogue import FailedRule
from sentinel_batch.rules.findings import check_rows, shape_findings
from sentinel_batch.rules.inputs import bind_values
from sentinel_batch.rules.parameters import show_value
from sentinel_batch.rules.queries import DETAILS, SLIDING, TRAILING
from sentinel_batch.rules.querying import first_line
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.settings import Origin
from sentinel_batch.rules.sources import Filters
from sentinel_batch.window import Period, resolve_period, spell_duration

if TYPE_CHECKING:
    import polars as pl


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
    notices
        What about the rule's lists makes it likely that they match nothing, in words.
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
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """A rule, with the values and lists that it is to run with; ``official`` if they are the configured ones."""

    rule: Rule
    values: Mapping[str, Any]
    lists: Mapping[str, pl.DataFrame]
    official: bool
    given_lists: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, rule: Rule, given: Mapping[str, Any], configured: Mapping[str, Any], origin: Origin | None = None
    ) -> Task:
        values = rule.resolve_parameters(given, configured, origin)
        adhoc = {name: given[name] for name in rule.lists if given.get(name) is not None}
        official = not adhoc and values == rule.resolve_parameters(configured=configured, origin=origin)
        lists = rule.resolve_lists(configured, origin, adhoc)
        doubts = [
            f"{rule.id}: {doubt}"
            for name, rows in lists.items()
            if name in adhoc or name in configured or not rule.is_shipped
            for doubt in rule.lists[name].find_doubts(rows, chosen=name in adhoc or name in configured)
        ]
        return cls(rule, values, lists, official, tuple(adhoc), tuple(doubts))

    @property
    def window(self) -> timedelta:
        window: timedelta = self.values["window"]
        return window

    def shown(self) -> dict[str, Any]:
        rows = {name: [list(row) for row in self.lists[name].rows()] for name in self.given_lists}
        return {n: show_value(v) if isinstance(v, timedelta) else v for n, v in self.values.items()} | rows


def examine_tasks(
    desk: Desk,
    tasks: Sequence[Task],
    since: str | datetime | timedelta | None,
    until: str | datetime | timedelta | None,
    length: timedelta,
    filters: Filters,
) -> list[Detection]:
    """Run rules over one period, on one engine; parameters are those of :func:`try_tasks`.

    Raises
    ------
    RuleError
        If one of them fails.
    """
    found = try_tasks(desk, tasks, since, until, length, filters)
    return [detection for detection in found if detection is not None]


def try_tasks(
    desk: Desk,
    tasks: Sequence[Task],
    since: str | datetime | timedelta | None,
    until: str | datetime | timedelta | None,
    length: timedelta,
    filters: Filters,
    on_failure: Callable[[FailedRule], None] | None = None,
) -> list[Detection | None]:
    """Run rules over one period, on one engine, and go on with the others if one of the user's fails.

    Parameters
    ----------
    desk
        A snapshot.
    tasks
        The rules.
    since, until
        The examined period, as the user named it.
    length
        Length of the period if ``since`` is not given.
    filters
        Which calls count.
    on_failure
        Called with a rule of the user's that fails; None raises its error.

    Returns
    -------
    list of Detection
        One for each task, in their order; None for one that failed.
    """
    tables = desk.tables
    with damage_reported(tables.path):
        period = resolve_period(since, until, tables.newest_call, length)
        starts = [period.since if filters.trailing else _before(period.since, task.window) for task in tasks]
        if not tasks:
            return []
        with open_backend(desk, filters, min(starts), period.until) as backend:
            backend.prepare([task.rule for task in tasks], starts)
            # Rules of one window length read the same calls: count once for each start, not once for each rule.
            calls = {start: backend.count_calls(start) for start in set(starts)}
            found: list[Detection | None] = []
            for task, start in follow([*zip(tasks, starts, strict=True)], lambda pair: pair[0].rule.id):
                try:
                    found.append(_run_reported(backend, task, filters, period, start, calls[start]))
                except RuleError as error:
                    if task.rule.is_shipped or on_failure is None:
                        raise
                    on_failure(FailedRule(task.rule.id, task.rule.book, error))
                    found.append(None)
            return found


def _run_reported(
    backend: Backend, task: Task, filters: Filters, period: Period, read_since: datetime, calls_examined: int
) -> Detection:
    """Run a rule; whatever fails, but for the lake itself, is an error of the rule.

    Raises
    ------
    RuleError
        If the rule fails.
    duckdb.Error, OSError
        If a file of the lake is damaged, or the disk is full.
    """
    from polars.exceptions import PanicException

    try:
        return _run_task(backend, task, filters, period, read_since, calls_examined)
    except (SentinelError, duckdb.Error, OSError, MemoryError):
        raise
    except (Exception, PanicException) as error:
        raise RuleError(
            f"{task.rule.file}: what rule {task.rule.id} returns cannot be used: {first_line(error)} "
            f"({type(error).__name__}).",
            hint="Return numbers, texts, times, true and false; cast all else to one of them.",
        ) from error


def _run_task(
    backend: Backend, task: Task, filters: Filters, period: Period, read_since: datetime, calls_examined: int
) -> Detection:
    rule, bound = task.rule, bind_values(task.rule, task.values, period)
    backend.relate(rule, task.lists, read_since)
    query = TRAILING if filters.trailing else SLIDING
    run = backend.begin(rule, bound)
    try:
        rows = run.run(query)
        check_rows(rows, rule)
        # Details can cost as much as the rule itself, so they are asked for only when something was found.
        wanted = DETAILS in rule.queries and not rows.is_empty()
        details = run.run(DETAILS) if wanted else None
    finally:
        run.finish()
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
        notices=task.notices,
    )


def _before(moment: datetime, length: timedelta) -> datetime:
    try:
        return moment - length
    except OverflowError:
        raise UsageError(
            f"since = {moment.isoformat()} leaves no room for a window of {spell_duration(length)} before it.",
            hint="Give a later since.",
        ) from None
