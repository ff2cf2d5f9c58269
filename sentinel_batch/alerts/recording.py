"""Recording of findings as alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import polars as pl

from sentinel_batch.alerts.episodes import group_episodes, scope_of
from sentinel_batch.alerts.events import commit_alerts
from sentinel_batch.alerts.files import json_rows
from sentinel_batch.alerts.queries import severity_order
from sentinel_batch.alerts.states import Settlement, settle
from sentinel_batch.alerts.suppression import load_suppressions, suppression_finder
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.history import Row
from sentinel_batch.lake import Lake
from sentinel_batch.runs import Run, recorded_run
from sentinel_batch.schema import FINDING_COLUMNS, FRAUD_ALERTS, SEVERITIES, polars_schema
from sentinel_batch.window import now

_REQUIRED = (
    "detection_rule",
    "suspect_number",
    "alert_severity",
    "window_start",
    "window_end",
    "episode_start",
    "episode_end",
    "first_seen",
    "last_seen",
)

_FILTERS = ("trailing", "direction", "answered_only")


@dataclass(frozen=True)
class AlertChanges:
    """What became of the findings of one detection.

    Every episode is in exactly one of ``created``, ``updated``, ``unchanged``, ``reopened`` and ``suppressed``.

    Parameters
    ----------
    run_id
        The run that recorded them.
    created, updated, unchanged, reopened
        Ids of alerts, worst first. Reopened alerts were reviewed or suppressed before and are open again.
    merged
        Ids of alerts that were closed because late calls joined their episode to that of an older alert.
    suppressed
        One ``suspect_number, pattern, reason, alert_id, alert_severity`` for each episode of a suppressed number.
    alerts
        Rows of ``fraud_alerts`` that the findings belong to, worst first, then the merged ones.
    """

    run_id: str
    created: list[int]
    updated: list[int]
    unchanged: list[int]
    reopened: list[int]
    merged: list[int]
    suppressed: list[dict[str, Any]]
    alerts: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; times are RFC 3339 in UTC."""
        return {
            "run_id": self.run_id,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "reopened": self.reopened,
            "merged": self.merged,
            "suppressed": self.suppressed,
            "counts": self.counts(),
            "alerts": json_rows(self.alerts),
        }

    def counts(self) -> dict[str, int]:
        """Return the number of alerts in each class."""
        names = ("created", "updated", "unchanged", "reopened", "merged", "suppressed")
        return {name: len(getattr(self, name)) for name in names}


def record_alerts(
    findings: pl.DataFrame,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    run_id: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> AlertChanges:
    """Record findings as alerts: new ones are opened, known ones grow, repeated ones change nothing.

    Alerts and their history become visible in one commit. A finding belongs to the alert of the same rule and suspect
    whose episode it touches or overlaps. Findings on numbers of the lake's suppression list, and of the file that the
    settings name (``suppressions_file``), are kept but suppressed.

    Parameters
    ----------
    findings
        Rows with the columns of :data:`sentinel_batch.schema.FINDING_COLUMNS`.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    run_id
        The run that detected them, which its caller records; None records a run ``detect`` of its own.
    parameters
        None when the rule ran with its configured parameters. Else the ad-hoc parameters and filters: their alerts are
        kept apart from the official ones, by a hash. A finding whose own ``parameters`` name a filter (``trailing``,
        ``direction``, ``answered_only``) or say ``"configured": false`` is ad-hoc in any case.

    Returns
    -------
    AlertChanges

    Raises
    ------
    UsageError
        If a column is missing or a value cannot be used.
    SuppressionError
        If the suppression file cannot be used; nothing is recorded.
    LakeLockedError
        If another process holds the lock for longer than the setting ``lock_timeout``.
    """
    checked = check_findings(findings)
    desk = open_desk(lake, config)
    with desk.lake.lock(desk.config.lock_timeout), _run(desk.lake, run_id, parameters) as (run_name, run):
        changes = _record(desk, checked, run_name, parameters)
        if run is not None:
            run.counts = {"findings": findings.height, **changes.counts()}
    return changes


def check_findings(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the findings with the columns and types of the schema, or say what is wrong with them."""
    missing = [column for column in FINDING_COLUMNS if column not in findings.columns]
    if missing:
        raise UsageError(
            f"The findings lack the columns {', '.join(missing)}.",
            hint=f"Pass the frame that detect returns; its columns are {', '.join(FINDING_COLUMNS)}.",
        )
    try:
        typed = findings.select(pl.col(name).cast(kind) for name, kind in polars_schema(FINDING_COLUMNS).items())
    except (pl.exceptions.InvalidOperationError, pl.exceptions.ComputeError) as error:
        message = f"The findings have a column of the wrong type: {error}"
        raise UsageError(message, hint="Pass the frame that detect returns.") from error
    for number, row in enumerate(typed.to_dicts()):
        _check_row(number, row)
    return typed


def _check_row(number: int, row: Row) -> None:
    empty = [name for name in _REQUIRED if row[name] is None]
    problem = ""
    if empty:
        problem = f"has no {', '.join(empty)}"
    elif row["alert_severity"] not in SEVERITIES:
        problem = f"has severity {row['alert_severity']!r}; allowed: {', '.join(SEVERITIES)}"
    elif row["episode_end"] < row["episode_start"]:
        problem = f"has an episode that ends ({row['episode_end']}) before it starts ({row['episode_start']})"
    elif "|" in row["detection_rule"] or "#" in row["detection_rule"]:
        problem = f"names the rule {row['detection_rule']!r}; a rule id has neither | nor #"
    if problem:
        raise UsageError(f"Finding {number} ({row['suspect_number']!r}) {problem}.", hint="Pass what detect returns.")


@contextmanager
def _run(lake: Lake, run_id: str | None, parameters: Mapping[str, Any] | None) -> Iterator[tuple[str, Run | None]]:
    recorded = recorded_run(lake, "detect", dict(parameters or {})) if run_id is None else nullcontext(None)
    with recorded as run:
        yield (run.run_id if run is not None else run_id or "", run)


def _record(desk: Desk, findings: pl.DataFrame, run_id: str, parameters: Mapping[str, Any] | None) -> AlertChanges:
    moment, tables = now(), desk.lake.snapshot()
    stored = tables.read(FRAUD_ALERTS.name)
    suppressions = load_suppressions(tables, desk.config)
    episodes = group_episodes(
        stored.filter(pl.col("suspect_number").is_in(findings["suspect_number"].unique().to_list())).to_dicts(),
        [(scope_of(row["detection_rule"], _ad_hoc(row, parameters)), row) for row in findings.to_dicts()],
    )
    highest = stored["id"].max()
    settlement = settle(
        episodes,
        next_id=1 + (highest if isinstance(highest, int) else 0),
        moment=moment,
        run_id=run_id,
        suppression_of=suppression_finder(suppressions, moment),
    )
    alerts = _apply(stored, settlement)
    if settlement.changed:
        commit_alerts(desk.lake, alerts, settlement.events)
    return AlertChanges(
        run_id,
        settlement.created,
        settlement.updated,
        settlement.unchanged,
        settlement.reopened,
        settlement.merged,
        settlement.suppressed,
        _touched(alerts, settlement),
    )


def _ad_hoc(finding: Row, parameters: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if parameters is not None:
        return parameters
    try:
        own = json.loads(finding["parameters"] or "{}")
    except ValueError:
        return None
    if not isinstance(own, dict):
        return None
    configured = own.pop("configured", True)
    # A frame may reach us by way of a notebook or a file; what it says of itself keeps ad-hoc findings apart.
    return own if configured is False or any(own.get(filter_) for filter_ in _FILTERS) else None


def _apply(stored: pl.DataFrame, settlement: Settlement) -> pl.DataFrame:
    if not settlement.changed:
        return stored
    changed = pl.DataFrame(list(settlement.changed.values()), schema=polars_schema(FRAUD_ALERTS.columns))
    kept = stored.filter(~pl.col("id").is_in(list(settlement.changed)))
    return pl.concat([kept, changed])


def _touched(alerts: pl.DataFrame, settlement: Settlement) -> pl.DataFrame:
    ids = settlement.created + settlement.updated + settlement.unchanged + settlement.reopened + settlement.merged
    ids += [entry["alert_id"] for entry in settlement.suppressed]
    return alerts.filter(pl.col("id").is_in(ids)).sort(
        pl.col("status") == "merged", *severity_order(), descending=[False, True, True, False]
    )
