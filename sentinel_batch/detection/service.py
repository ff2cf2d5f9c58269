"""Examine, then record: in one piece, or in two where something is to happen in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sentinel_batch.alerts import record_alerts
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.detection.result import Detections
from sentinel_batch.errors import UsageError
from sentinel_batch.rules import Detection, FailedRule, Rule, examine, examine_rules
from sentinel_batch.runs import recorded_run

Moment = str | datetime | timedelta | None


def run_detection(
    rules: str | Rule | Sequence[str | Rule] | None = None,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    since: Moment = None,
    until: Moment = None,
    record: bool | None = None,
    command: str = "detect",
    run_id: str | None = None,
    **adhoc: Any,
) -> Detections:
    """Run rules over one period and record what they find as alerts.

    Parameters
    ----------
    rules
        Id of a rule, or several ids or rules; None runs all of the configured books that are enabled.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    since, until
        The examined period ``(since, until]``: instants, or durations counted back from ``until`` (for ``since``) or
        from the newest call (for ``until``). By default the 24 hours up to the newest call, whatever the windows of
        the rules: a rule reads as much history before ``since`` as its window is long.
    record
        Whether the findings become alerts; None records those of rules that ran as they are configured.
    command
        What the run is called in the history of runs.
    run_id
        The run that this is part of, which its caller records; None records a run of its own.
    **adhoc
        For a single rule: other parameters and filters, as for :func:`sentinel_batch.rules.examine`.

    Returns
    -------
    Detections
        The findings and, if they were recorded, what became of the alerts. A rule of the user's that fails is named in
        it and does not stop the others; a shipped one that fails does.

    Raises
    ------
    UsageError
        If a value is not allowed, the period is empty, or parameters are given for several rules.
    LakeNotFoundError, RuleNotFoundError, RuleError, LakeDamagedError, LakeLockedError
        As the functions that it calls.
    """
    desk = open_desk(lake, config)
    chosen = [rules] if isinstance(rules, str | Rule) else rules
    given = {name: value for name, value in adhoc.items() if value not in (None, False)}
    found: Sequence[Detection]
    failed: list[FailedRule] = []
    if given:
        if chosen is None or len(chosen) != 1:
            raise UsageError(
                f"{', '.join(given)}: parameters and filters need exactly one rule.",
                hint="Name it: rules run ASR_ACD --set min_attempts=30.",
            )
        found = [examine(lake=desk, rule=chosen[0], since=since, until=until, **given)]
    else:
        found = examine_rules(chosen, lake=desk, since=since, until=until, on_failure=failed.append)
    since, until = (found[0].since, found[0].until) if found else (None, None)
    detections = Detections(found, since, until, failed)
    wanted = detections.configured if record is None else record
    return record_detections(detections, lake=desk, command=command, run_id=run_id) if wanted and found else detections


def record_detections(
    detections: Detections,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    command: str = "detect",
    run_id: str | None = None,
) -> Detections:
    """Record what rules found as alerts; return it with what became of them.

    Parameters
    ----------
    detections
        What was found; of rules that ran with other parameters than the configured ones, a single one.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    command, run_id
        As for :func:`run_detection`.
    """
    desk = open_desk(lake, config)
    if run_id is not None:
        return replace(detections, changes=_record(detections, desk, run_id))
    facts = {"configured": detections.configured, "rules": {f.rule.id: _conditions(f) for f in detections.by_rule}}
    with recorded_run(desk.lake, command, facts) as run:
        run.since, run.until = detections.since, detections.until
        changes = _record(detections, desk, run.run_id)
        run.counts = {**changes.counts(), "calls_examined": detections.calls_examined}
    return replace(detections, changes=changes)


def _record(detections: Detections, desk: Desk, run_id: str) -> Any:
    first, *others = detections.by_rule
    if others and not detections.configured:
        raise UsageError(
            "Findings of several rules with other parameters than the configured ones are not recorded.",
            hint="Record them one by one.",
        )
    adhoc = None if detections.configured else _conditions(first)
    return record_alerts(detections.findings, lake=desk, run_id=run_id, parameters=adhoc)


def _conditions(found: Detection) -> Mapping[str, Any]:
    filters = {"trailing": found.trailing, "direction": found.direction, "answered_only": found.answered_only}
    return {**found.parameters, **filters}
