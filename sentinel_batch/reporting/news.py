"""What is new tonight: suspects and boxes that the night before did not know, then those that go on, then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.alerts.events import ALERT_HISTORY
from sentinel_batch.reporting.nights import PastNight
from sentinel_batch.schema import BOXES, FRAUD_ALERTS, SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.lake import Snapshot
    from sentinel_batch.reporting.period import Period

SHOWN = {"new": 25, "grown": 15, "open": 10}
"""Rows of each kind that page and document carry."""

_GROWTH = ("call_count", "unique_destinations", "last_seen", "alert_severity")
_UNITS = {"call_count": " calls", "unique_destinations": " numbers called", "alert_severity": ""}
_TOLD = 3
_ROW = ("suspect", "kind", "severity", "loss", "currency", "member_count", "rules", "first_seen", "last_seen", "box_id")

Growth = dict[int, dict[str, tuple[str, str]]]
"""What grew of alerts, by id: field to its values before and after."""


def find_baseline(nights: Sequence[PastNight], run_id: str | None, under_way: bool) -> PastNight | None:
    """Return the night that the news of a report are measured from.

    That is the one before the last night that had something to examine, so that a night without new files, run
    after it, tells the same news again.

    Parameters
    ----------
    nights
        The history, oldest first.
    run_id
        The night that the report is about; None is the last one.
    under_way
        Whether a night that is not yet in the history has examined something.
    """
    good = [night for night in nights if night.good and night.examined]
    if under_way:
        return good[-1] if good else None
    if run_id is not None and any(night.run_id == run_id for night in good):
        good = [night for night in good if night.run_id <= run_id]
    return good[-2] if len(good) > 1 else None


def gather_news(
    tables: Snapshot, suspects: pl.DataFrame, baseline: PastNight | None, period: Period | None
) -> dict[str, Any]:
    """Tell new suspects from grown ones and from those that are still open.

    Parameters
    ----------
    tables
        Where alerts are.
    suspects
        Rows of :func:`sentinel_batch.scores.list_suspects` with open alerts, in their order.
    baseline
        The night before; None makes everything new.
    period
        The report's period.

    Returns
    -------
    dict
        ``news`` of ``report.schema.json``.
    """
    since = baseline.ended_at if baseline is not None else None
    alerts = tables.read(FRAUD_ALERTS.name).filter(pl.col("status").eq_missing("open"))
    created = dict(alerts.select("id", "created_at").iter_rows())
    reopened, growth = _read_changes(tables, since)
    boxes = dict(tables.read(BOXES.name).select("box_id", "created_at").iter_rows())
    fresh = {i for i, at in created.items() if since is None or at is None or at > since} | reopened
    sorted_out: dict[str, list[dict[str, Any]]] = {"new": [], "grown": [], "open": []}
    rules = dict(alerts.select("id", "detection_rule").iter_rows())
    for row in suspects.iter_rows(named=True):
        kind = _judge(row, fresh, growth, boxes, since)
        tonight = _tell_growth(row["alert_ids"], fresh, growth, rules) if kind == "grown" else ""
        sorted_out[kind].append(_describe(row, growth, tonight))
    listed = set(suspects["alert_ids"].explode().drop_nulls().to_list())
    for row in alerts.filter(~pl.col("id").is_in(sorted(listed))).iter_rows(named=True):
        if row["id"] in fresh:
            sorted_out["new"].append(_describe_alert(row, growth, ""))
        elif row["id"] in growth:
            tonight = _tell_growth([row["id"]], fresh, growth, rules)
            sorted_out["grown"].append(_describe_alert(row, growth, tonight))
    return {
        "since": since,
        "night": baseline.run_id if baseline is not None else None,
        "counts": {kind: len(rows) for kind, rows in sorted_out.items()},
        "by_severity": _count_alerts(alerts, fresh),
        "open_elsewhere": _count_elsewhere(alerts, period),
        **{kind: _boxes_first(rows)[: SHOWN[kind]] for kind, rows in sorted_out.items()},
    }


def count_grown(tables: Snapshot, since: datetime) -> int:
    """Return how many alerts have grown since a moment: more calls, later ones, or a higher severity."""
    return len(_read_changes(tables, since)[1])


def _read_changes(tables: Snapshot, since: datetime | None) -> tuple[set[int], Growth]:
    """Return the alerts that were opened again, and what grew of others: field to its values before and after."""
    if since is None:
        return set(), {}
    events = ALERT_HISTORY.read(tables, pl.col("at") > since)
    reopened = set(events.filter(pl.col("event") == "reopened")["alert_id"])
    growth: Growth = {}
    for event in events.filter((pl.col("event") == "updated") & pl.col("field").is_in(_GROWTH)).iter_rows(named=True):
        fields = growth.setdefault(event["alert_id"], {})
        first = fields.get(event["field"], (event["before"], ""))[0]
        fields[event["field"]] = (first, event["after"])
    return reopened, growth


def _judge(
    row: dict[str, Any],
    fresh: set[int],
    growth: Growth,
    boxes: dict[int, datetime],
    since: datetime | None,
) -> str:
    ids = set(row["alert_ids"])
    found = boxes.get(row["box_id"]) if row["kind"] == "box" else None
    if ids <= fresh or (found is not None and since is not None and found > since):
        return "new"
    return "grown" if ids & fresh or ids & growth.keys() else "open"


def _tell_growth(ids: Iterable[int], fresh: set[int], growth: Growth, rules: dict[int, str]) -> str:
    """Say what a night added to the alerts of a suspect, those that grew most first: nothing of earlier nights."""
    known = sorted((i for i in ids if i in growth and i not in fresh), key=lambda i: _added(growth[i]), reverse=True)
    said = [f"{rules.get(i, 'alert')}: {', '.join(_tell_changes(growth[i]))}" for i in known]
    opened = sorted({rules.get(i, "alert") for i in ids if i in fresh})
    said += [f"new {'alert' if len(opened) == 1 else 'alerts'}: {', '.join(opened)}"] if opened else []
    more = len(said) - _TOLD
    return "; ".join(said[:_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _added(changes: dict[str, tuple[str, str]]) -> int:
    before, after = changes.get("call_count", ("0", "0"))
    return int(after or 0) - int(before or 0)


def _tell_changes(changes: dict[str, tuple[str, str]]) -> Iterable[str]:
    for name, unit in _UNITS.items():
        if name in changes:
            yield f"{_write(changes[name][0])} → {_write(changes[name][1])}{unit}"
    if "last_seen" in changes:
        yield f"last call {_write(changes['last_seen'][1])}"


def _write(value: str) -> str:
    """Write a value of the history for people; of a time, minutes are enough."""
    if value.isdecimal():
        return f"{int(value):,}"
    return f"{value[:10]} {value[11:16]} UTC" if value.endswith("Z") else value or "0"


def _describe(row: dict[str, Any], growth: Growth, tonight: str) -> dict[str, Any]:
    grown = [growth[i]["call_count"] for i in row["alert_ids"] if "call_count" in growth.get(i, {})]
    reason = tonight or (row["reasons"] or [""])[0]
    calls = [{"before": int(before or 0), "after": int(after or 0)} for before, after in grown]
    widest = max(calls, key=lambda change: change["after"], default=None)
    return {
        **{name: row[name] for name in _ROW},
        "alert_ids": sorted(row["alert_ids"])[:10],
        "reason": reason,
        "calls": widest,
    }


def _describe_alert(row: dict[str, Any], growth: Growth, tonight: str) -> dict[str, Any]:
    """An alert that changed this night although its calls lie outside the period, as a row of its own."""
    known = {
        "suspect": row["suspect_number"],
        "kind": "number",
        "severity": row["alert_severity"],
        "loss": None,
        "currency": None,
        "member_count": 1,
        "rules": [row["detection_rule"]],
        "alert_ids": [row["id"]],
        "reasons": [row["evidence_summary"] or ""],
        "box_id": None,
    }
    return _describe({**row, **known}, growth, tonight)


def _boxes_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["kind"] != "box")


def _count_alerts(alerts: pl.DataFrame, fresh: set[int]) -> dict[str, dict[str, int]]:
    new = alerts.filter(pl.col("id").is_in(sorted(fresh)))["alert_severity"].to_list()
    every = alerts["alert_severity"].to_list()
    return {name: {"new": new.count(name), "open": every.count(name)} for name in reversed(SEVERITIES)}


def _count_elsewhere(alerts: pl.DataFrame, period: Period | None) -> int:
    """Count the open alerts whose calls lie outside the period: older ones that nobody has looked at."""
    if period is None:
        return alerts.height
    inside = (pl.col("first_seen") <= period.until) & (pl.col("last_seen") >= period.first_instant)
    return alerts.height - alerts.filter(inside).height
