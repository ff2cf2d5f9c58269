"""Examine, then record: in one piece, or in two where something is to happen in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sentinel_batch.alerts import AlertChanges, record_alerts
from sentinel_batch.alerts.suppression import find_suppressed
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.detection.result import Detections
from sentinel_batch.detection.witnesses import Unrecorded, choose_recorded
from sentinel_batch.errors import UsageError
from sentinel_batch.losses import Rates
from sentinel_batch.rules import Detection, FailedRule, Rule, examine, examine_rules
from sentinel_batch.rules.catalogue import is_witness, list_rules
from sentinel_batch.rules.grading import grade_findings
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
        The findings, with the severity of their expected loss, and, if they were recorded, what became of the alerts.
        Findings of witnesses are recorded on numbers that something else speaks against, whoever asked for the rule;
        the others are counted. A rule of the user's that fails is named in it and does not stop the others; a shipped
        one that fails does.

    Raises
    ------
    UsageError
        If a value is not allowed, the period is empty, or parameters are given for several rules.
    LakeNotFoundError, RuleNotFoundError, RuleError, LakeDamagedError, LakeLockedError
        As the functions that it calls.
    """
    desk = open_desk(lake, config)
    chosen = [rules] if isinstance(rules, str | Rule) else rules
    # By identity: a threshold of 0 is a value, though it equals False.
    given = {name: value for name, value in adhoc.items() if value is not None and value is not False}
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
    graded = _grade(found, desk)
    detections = Detections(graded, since, until, failed, suppressions=_list_suppressed(graded, desk))
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
    """Record what rules found as alerts, witnesses' findings only where others agree; return what became of them.

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
        changes, left = _record(detections, desk, run_id)
        return replace(detections, changes=changes, unrecorded=left)
    facts = {"configured": detections.configured, "rules": {f.rule.id: _conditions(f) for f in detections.by_rule}}
    with recorded_run(desk.lake, command, facts) as run:
        run.since, run.until = detections.since, detections.until
        changes, left = _record(detections, desk, run.run_id)
        run.counts = {
            **changes.counts(),
            "unrecorded": left.total,
            "calls_examined": detections.calls_examined,
        }
    return replace(detections, changes=changes, unrecorded=left)


def _list_suppressed(found: Sequence[Detection], desk: Desk) -> dict[str, str]:
    """Return the suspects that the suppression list covers now, with its reason."""
    numbers = sorted({number for one in found for number in one.findings["suspect_number"]})
    return find_suppressed(numbers, desk.snapshot().tables, desk.config)


def _grade(found: Sequence[Detection], desk: Desk) -> list[Detection]:
    rates = Rates.of(desk.config)
    return [replace(one, findings=grade_findings(one.findings, one.rule, rates)) for one in found]


def _record(detections: Detections, desk: Desk, run_id: str) -> tuple[AlertChanges, Unrecorded]:
    first, *others = detections.by_rule
    if others and not detections.configured:
        raise UsageError(
            "Findings of several rules with other parameters than the configured ones are not recorded.",
            hint="Record them one by one.",
        )
    adhoc = None if detections.configured else _conditions(first)
    known = {rule.id: rule for rule in (*list_rules(desk.config), *(found.rule for found in detections.by_rule))}
    witnesses = [rule.id for rule in known.values() if is_witness(rule, desk.config)]
    chosen, left = choose_recorded(detections.findings, witnesses, desk.tables)
    return record_alerts(chosen, lake=desk, run_id=run_id, parameters=adhoc), left


def _conditions(found: Detection) -> Mapping[str, Any]:
    filters = {"trailing": found.trailing, "direction": found.direction, "answered_only": found.answered_only}
    return {**found.parameters, **filters}
