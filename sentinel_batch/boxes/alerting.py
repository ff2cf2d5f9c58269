"""One alert per box: what a night found, as findings that become alerts like those of rules."""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl

from sentinel_batch.alerts import AlertChanges, record_alerts
from sentinel_batch.boxes.recording import BoxChanges
from sentinel_batch.boxes.storage import BOX_RULE
from sentinel_batch.boxes.traces import VERSION
from sentinel_batch.config import Config
from sentinel_batch.desk import DeskLike, open_desk
from sentinel_batch.history import Row
from sentinel_batch.losses import Rates
from sentinel_batch.profiles.calls import day_bounds
from sentinel_batch.schema import FINDING_COLUMNS, polars_schema
from sentinel_batch.severity import explain_grade, grade_loss


def alert_boxes(changes: BoxChanges, *, lake: DeskLike = None, run_id: str | None = None) -> AlertChanges | None:
    """Open one alert for each box that was found, or carry on the one that it has.

    Parameters
    ----------
    changes
        What :func:`~sentinel_batch.boxes.recording.record_boxes` returned.
    lake
        The desk, or the folder of its tables; None is the configured one.
    run_id
        A run under way that this belongs to; None records a run of its own.

    Returns
    -------
    AlertChanges or None
        None without a box.
    """
    desk = open_desk(lake)
    newest = desk.tables.newest_call
    if newest is None or not changes.boxes:
        return None
    findings = describe_boxes(changes, desk.config.timezone, newest, Rates.of(desk.config))
    return record_alerts(findings, lake=desk, run_id=run_id)


def describe_boxes(changes: BoxChanges, zone: str, newest_call: datetime, rates: Rates | None = None) -> pl.DataFrame:
    """Return one finding (columns of ``schema.FINDING_COLUMNS``) for each box of a night, for ``record_alerts``.

    The suspect is the box's lead number, which stays the same while SIMs come and go, so that a box keeps one alert
    over weeks. All members are in ``evidence``. The severity is that of all members' loss times the box's probability.

    Parameters
    ----------
    changes
        What :func:`~sentinel_batch.boxes.recording.record_boxes` returned.
    zone
        IANA zone of the local days.
    newest_call
        Where the last day ends, if it is not over.
    rates
        What minutes cost, and how much of it makes which severity; None takes the default settings.
    """
    chosen = Rates.of(Config()) if rates is None else rates
    rows = [_describe(box, changes, zone, newest_call, chosen) for box in changes.boxes]
    return pl.DataFrame(rows, schema=polars_schema(FINDING_COLUMNS))


def _describe(box: Row, changes: BoxChanges, zone: str, newest_call: datetime, rates: Rates) -> Row:
    start, end = day_bounds(box["first_day"], zone)[0], min(day_bounds(box["last_day"], zone)[1], newest_call)
    members = changes.members[box["box_id"]]
    figures = ("active_members", "evidence", "bound", "one_way_callees", "incoming_calls", "minutes", "top_cell")
    evidence = {"box_id": box["box_id"], "members": members, **{name: box[name] for name in figures}, "why": box["why"]}
    loss = rates.loss(box["minutes"])
    evidence["severity"] = explain_grade(loss, box["probability"], rates)
    summary = (
        f"Box {box['box_id']}: {box['member_count']} SIMs that belong together ({box['evidence']:.0f} nats; chance "
        f"needs {box['bound']:.0f}) called {box['callees']:,} callees and were called {box['incoming_calls']:,} times; "
        f"{box['why']}."
    )
    window = {"window_start": start, "window_end": end, "episode_start": start, "episode_end": end}
    return {
        "detection_rule": BOX_RULE,
        "rule_version": VERSION,
        "alert_type": BOX_RULE,
        "suspect_number": box["lead_number"],
        "alert_severity": grade_loss(loss * box["probability"], rates),
        "confidence": box["probability"],
        "call_count": box["call_count"],
        "unique_destinations": box["callees"],
        "avg_duration_seconds": 60.0 * box["minutes"] / max(box["call_count"], 1),
        **window,
        "first_seen": start,
        "last_seen": end,
        "evidence_summary": summary,
        "evidence": json.dumps(evidence, ensure_ascii=False),
        "parameters": json.dumps({"configured": True}),
    }
