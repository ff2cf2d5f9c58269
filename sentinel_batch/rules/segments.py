"""Thresholds of their own for segments of callers: ``[rules.ID.segments.NAME]`` of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.errors import ConfigurationError
from sentinel_batch.profiles import scan_days
from sentinel_batch.rules.catalogue import FailedRule
from sentinel_batch.rules.execution import Detection, Task, try_tasks
from sentinel_batch.rules.rule import Rule
from sentinel_batch.rules.settings import ENABLED, ROLE, SEGMENTS, Origin
from sentinel_batch.rules.sources import Filters
from sentinel_batch.severity import severity_rank


@dataclass(frozen=True)
class Plan:
    """A rule as it runs: with its own values, and with those of segments.

    Parameters
    ----------
    task
        For callers who are in none of the segments.
    segments
        Segment to the task that goes for its callers.
    """

    task: Task
    segments: Mapping[str, Task]

    @classmethod
    def of(cls, rule: Rule, given: Mapping[str, Any], configured: Mapping[str, Any], origin: Origin) -> Plan:
        """Return the plan of a rule; parameters that are given for this run go for every segment.

        Raises
        ------
        ConfigurationError, UsageError
            If a parameter is not allowed.
        """
        tables = configured.get(SEGMENTS, {})
        base = {name: value for name, value in configured.items() if name != SEGMENTS}
        own = {} if given else {name: _plan_segment(rule, base, tables[name], origin.below(name)) for name in tables}
        return cls(Task.of(rule, given, base, origin), own)


def _plan_segment(rule: Rule, base: Mapping[str, Any], table: Mapping[str, Any], origin: Origin) -> Task:
    for name in (ENABLED, ROLE, SEGMENTS):
        if name in table:
            raise ConfigurationError(
                f"{origin.locate(name)}{name} = {table[name]!r} in {origin.heading} is not allowed: a rule has one for "
                "all callers.",
                hint=f"Set it in [rules.{rule.id}].",
                key=name,
            )
    rule.resolve_parameters(configured=table, origin=origin)  # What stands in the segment's own table is said to.
    return Task.of(rule, {}, {**base, **table}, origin)


def run_plans(
    desk: Desk,
    plans: Sequence[Plan],
    since: str | datetime | timedelta | None,
    until: str | datetime | timedelta | None,
    length: timedelta,
    filters: Filters,
    on_failure: Callable[[FailedRule], None] | None = None,
) -> list[Detection]:
    """Run rules over one period; one detection each, in the order of the plans, but for rules that failed.

    A finding counts if the task that found it goes for the segment of its suspect: that of the suspect's last profile
    of a day that began before the finding's window ended. Parameters are those of
    :func:`sentinel_batch.rules.execution.try_tasks`.
    """
    tasks = [task for plan in plans for task in (plan.task, *plan.segments.values())]
    found = iter(try_tasks(desk, tasks, since, until, length, filters, on_failure))
    joined = (_join(desk, plan, next(found), {name: next(found) for name in plan.segments}) for plan in plans)
    return [detection for detection in joined if detection is not None]


def _join(
    desk: Desk, plan: Plan, base: Detection | None, by_segment: Mapping[str, Detection | None]
) -> Detection | None:
    own = {name: found for name, found in by_segment.items() if found is not None}
    if base is None or len(own) < len(by_segment) or not own:
        return base if len(own) == len(by_segment) else None
    segment = pl.col("segment")
    parts = [_locate(desk, base).filter(~segment.is_in(list(own)).fill_null(False))]
    parts += [_locate(desk, found).filter(segment == name) for name, found in own.items()]
    findings = pl.concat(parts).drop("segment")
    ordered = findings.sort(severity_rank(), "unique_destinations", "suspect_number", descending=[True, True, False])
    shown = {**base.parameters, SEGMENTS: {name: found.parameters for name, found in own.items()}}
    return replace(base, findings=ordered, parameters=shown)


def _locate(desk: Desk, found: Detection) -> pl.DataFrame:
    """Return the findings with the segment of each suspect, NULL where no profile says it."""
    suspects = found.findings["suspect_number"].unique().implode()
    days = (
        scan_days(desk, found.read_since, found.until)
        .filter(pl.col("number").is_in(suspects))
        .select("number", "day_start", "segment")
        .sort("day_start")
        .collect()
    )
    return (
        found.findings.sort("window_end")
        .join_asof(
            days,
            left_on="window_end",
            right_on="day_start",
            by_left="suspect_number",
            by_right="number",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .drop("day_start", strict=False)
    )
