"""Running a rule over the lake: which calls, which values, which findings. Never writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sentinel_batch.config import Config
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import SentinelError, UsageError
from sentinel_batch.losses import Rates
from sentinel_batch.rules.catalogue import Catalogue, FailedRule, find_strangers, read_catalogue, role_of
from sentinel_batch.rules.execution import Detection
from sentinel_batch.rules.grading import grade_findings
from sentinel_batch.rules.queries import TRAILING
from sentinel_batch.rules.reach import check_reach
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.segments import Plan, run_plans
from sentinel_batch.rules.settings import Origin, is_enabled
from sentinel_batch.rules.sources import Filters
from sentinel_batch.rules.trial import try_task

if TYPE_CHECKING:
    import polars as pl

DIRECTIONS = ("inbound", "outbound", "internal")
"""Values of ``call_direction`` that calls can be filtered by."""

DEFAULT_PERIOD = timedelta(hours=24)
"""What is examined unless told otherwise, up to the newest call, whatever the windows of the rules."""


def detect(
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    rule: str | Rule = "SDHF_001",
    window: str | timedelta | None = None,
    min_unique_destinations: int | None = None,
    max_avg_duration: float | None = None,
    since: str | datetime | timedelta | None = None,
    until: str | datetime | timedelta | None = None,
    trailing: bool = False,
    direction: str | None = None,
    answered_only: bool = False,
    parameters: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Return a rule's findings, with the severity of their expected loss; nothing is written.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    rule
        Id of the rule, or the rule itself.
    window
        Length W of the rule's window, such as ``24h``.
    min_unique_destinations
        A suspect calls strictly more different numbers within W.
    max_avg_duration
        A suspect's calls within W last strictly less on average, in seconds.
    since, until
        The examined period ``(since, until]``: instants, or durations counted back from ``until`` (for ``since``) or
        from the newest call (for ``until``). By default the 24 hours up to the newest call.
    trailing
        Examine only the one window ``[until - W, until]``, as the rule's source does.
    direction
        Count only calls of this direction, one of :data:`DIRECTIONS`.
    answered_only
        Count only calls known to be answered.
    parameters
        Any of the rule's parameters by name, for rules that have others than those above; and its lists, as rows or
        as the path of a CSV file.

    Returns
    -------
    polars.DataFrame
        One row per finding, with the columns of :data:`sentinel_batch.schema.FINDING_COLUMNS`: the rule, the suspect's
        number, the window, its calls, the evidence in a sentence, severity and confidence.

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
    desk = open_desk(lake, config)
    found = examine(
        lake=desk,
        rule=rule,
        window=window,
        min_unique_destinations=min_unique_destinations,
        max_avg_duration=max_avg_duration,
        since=since,
        until=until,
        trailing=trailing,
        direction=direction,
        answered_only=answered_only,
        parameters=parameters,
    )
    return grade_findings(found.findings, found.rule, Rates.of(desk.config))


def examine(
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    rule: str | Rule = "SDHF_001",
    window: str | timedelta | None = None,
    min_unique_destinations: int | None = None,
    max_avg_duration: float | None = None,
    since: str | datetime | timedelta | None = None,
    until: str | datetime | timedelta | None = None,
    trailing: bool = False,
    direction: str | None = None,
    answered_only: bool = False,
    parameters: Mapping[str, Any] | None = None,
) -> Detection:
    """Run a rule over the lake, and return in what it looked, too; nothing is written.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    rule
        Id of the rule, or the rule itself.
    window
        Length W of the rule's window, such as ``24h``.
    min_unique_destinations
        A suspect calls strictly more different numbers within W.
    max_avg_duration
        A suspect's calls within W last strictly less on average, in seconds.
    since, until
        The examined period ``(since, until]``: instants, or durations counted back from ``until`` (for ``since``) or
        from the newest call (for ``until``). By default the 24 hours up to the newest call.
    trailing
        Examine only the one window ``[until - W, until]``, as the rule's source does.
    direction
        Count only calls of this direction, one of :data:`DIRECTIONS`.
    answered_only
        Count only calls known to be answered.
    parameters
        Any of the rule's parameters by name, for rules that have others than those above; and its lists, as rows or
        as the path of a CSV file.

    Returns
    -------
    Detection
        The findings, with the rule's own grade, and in what was looked.

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
    desk = open_desk(lake, config).snapshot()
    chosen = rule if isinstance(rule, Rule) else read_catalogue(desk.config).get(rule)
    given = {
        **(parameters or {}),
        **{
            name: value
            for name, value in (
                ("window", window),
                ("min_unique_destinations", min_unique_destinations),
                ("max_avg_duration", max_avg_duration),
            )
            if value is not None
        },
    }
    filters = Filters(trailing, _check_direction(direction), answered_only)
    plan = Plan.of(chosen, given, desk.config.rules.get(chosen.id, {}), Origin.of(desk.config, chosen.id))
    if trailing:
        _check_trailing(chosen, since)
    [found] = run_plans(desk, [plan], since, until, plan.task.window if trailing else DEFAULT_PERIOD, filters)
    return found


def examine_rules(
    rules: Sequence[str | Rule] | None = None,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    since: str | datetime | timedelta | None = None,
    until: str | datetime | timedelta | None = None,
    on_failure: Callable[[FailedRule], None] | None = None,
) -> list[Detection]:
    """Run several rules over one period, sharing what they read; nothing is written.

    Parameters
    ----------
    rules
        Rules, or their ids; None runs all of the configured books but those whose settings say ``enabled = false``.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    since, until
        The examined period, as for :func:`examine`; by default the 24 hours up to the newest call.
    on_failure
        Called with each rule of the user's that cannot be used or fails; the others go on. None raises its error. A
        shipped rule that fails always does.

    Raises
    ------
    LakeNotFoundError, RuleNotFoundError, UsageError, RuleError, LakeDamagedError
        As :func:`examine`.
    """
    desk = open_desk(lake, config).snapshot()
    plans = _plan_rules(desk.config, rules, on_failure)
    return run_plans(desk, plans, since, until, DEFAULT_PERIOD, Filters(), on_failure)


def check_rules(config: ConfigLike = None) -> list[FailedRule]:
    """Return the rules of the user's that a night would leave out; no lake is needed: they run on tables without rows.

    Parameters
    ----------
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    ConfigurationError
        If there is no such book, or settings are those of no rule, or do not fit a shipped rule.
    RuleError
        If a shipped rule cannot be used.
    """
    failed: list[FailedRule] = []
    for plan in _plan_rules(open_desk(config=config).config, None, failed.append):
        if not plan.task.rule.is_shipped:
            try:
                try_task(plan.task)
            except SentinelError as error:
                failed.append(FailedRule(plan.task.rule.id, plan.task.rule.book, error))
    return failed


def _plan_rules(
    config: Config, rules: Sequence[str | Rule] | None, on_failure: Callable[[FailedRule], None] | None
) -> list[Plan]:
    """Return the plans of rules, or of all that are enabled; of those that cannot be used the handler is told."""
    known = read_catalogue(config)
    chosen = known.rules if rules is None else [r if isinstance(r, Rule) else known.get(r) for r in rules]
    _check_ids(config, known, chosen)
    for failed in known.failed if rules is None else ():
        _report(failed, on_failure)
    return [plan for rule in chosen for plan in _plan(rule, config, on_failure, every_night=rules is None)]


def _plan(
    rule: Rule, config: Config, on_failure: Callable[[FailedRule], None] | None, *, every_night: bool
) -> Iterator[Plan]:
    """Yield the plan of a rule, if it is to run, and its SQL and settings can be used."""
    settings, origin = config.rules.get(rule.id, {}), Origin.of(config, rule.id)
    try:
        if every_night and not is_enabled(settings, origin):
            return
        role_of(rule, config)
        for query in rule.expansions:
            check_reach(rule, query)
        plan = Plan.of(rule, {}, settings, origin)
    except SentinelError as error:
        if rule.is_shipped:
            raise
        _report(FailedRule(rule.id, rule.book, error), on_failure)
    else:
        yield plan


def _report(failed: FailedRule, on_failure: Callable[[FailedRule], None] | None) -> None:
    if on_failure is None:
        raise failed.error
    on_failure(failed)


def _check_ids(config: Config, catalogue: Catalogue, chosen: Sequence[Rule]) -> None:
    for error in find_strangers(config, catalogue, chosen):
        raise error


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
    if TRAILING not in rule.queries:
        raise UsageError(f"Rule {rule.id} has no trailing query.", hint="Leave out trailing.", rule=rule.id)
