"""What the verdicts say of each rule: how often it was right, what it cost, how that changes, why it was wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from sentinel_batch.alerts.events import ALERT_HISTORY
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.labels import read_newest
from sentinel_batch.lake import Snapshot
from sentinel_batch.learning.intervals import wilson_interval
from sentinel_batch.schema import FRAUD_ALERTS, OUTSIDE_LABELS

LONGEST_REVIEW = timedelta(minutes=10)
"""A longer pause between two reviews of one analyst does not count as work on the second."""

_FALSE = "false-positive"
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Scorecard:
    """The record of the rules.

    Parameters
    ----------
    rules
        One row per rule and version: ``detection_rule, rule_version, alerts, open, suppressed, reviewed, confirmed,
        false_positives, watched, precision, precision_low, precision_high, analyst_hours, first_alert, last_alert``.
        ``precision`` is confirmed / (confirmed + false positives), NULL without either, with its 95 % Wilson
        interval. ``analyst_hours`` is an estimate, see :func:`compute_scorecard`.
    weekly
        One row per rule, version and week (its Monday, UTC, of the alerts' ``window_end``): ``alerts, reviewed,
        confirmed, false_positives, precision``.
    reasons
        Notes of false positives, alike ones counted together: ``detection_rule, reason, alerts, example_alert_id``.
    outside
        One row per source of labels from outside: ``source, positive, positive_alerted, negative, negative_alerted``,
        numbers of either label and how many of them have an alert: what the rules miss, and whom they bother.
    """

    rules: pl.DataFrame
    weekly: pl.DataFrame
    reasons: pl.DataFrame
    outside: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return the tables as lists of rows."""
        return {name: getattr(self, name).to_dicts() for name in ("rules", "weekly", "reasons", "outside")}


def compute_scorecard(
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Scorecard:
    """Return the record of every rule that raised an alert.

    Where no analyst has decided, a label from outside (:func:`sentinel_batch.labels.import_labels`) on the alert's
    number is the verdict, and counts as a review. Alerts that were merged into others count with those. A verdict of
    ``watch`` is a review, but says neither right nor wrong. Analyst hours are estimated from the history: an analyst's
    review is taken to have lasted since the same analyst's review before it, at most :data:`LONGEST_REVIEW`; alerts
    that were reviewed at one instant share that time evenly. Time spent on alerts that got no verdict is not in it.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    since, until
        Count alerts with ``since < window_end <= until``; None is without bound.
    """
    tables = open_desk(lake, config).tables
    alerts = _within(tables.read(FRAUD_ALERTS.name), since, until)
    counted = _marked(alerts, read_newest(tables))
    hours = _sum_hours(alerts, _estimate_hours(tables))
    return Scorecard(
        _tabulate_rules(counted, hours),
        _tabulate_weeks(counted),
        _group_reasons(counted),
        _compare_outside(tables, alerts),
    )


def _within(alerts: pl.DataFrame, since: datetime | None, until: datetime | None) -> pl.DataFrame:
    if since is not None:
        alerts = alerts.filter(pl.col("window_end") > since)
    return alerts if until is None else alerts.filter(pl.col("window_end") <= until)


def _compare_outside(tables: Snapshot, alerts: pl.DataFrame) -> pl.DataFrame:
    alerted = pl.col("number").is_in(alerts["suspect_number"].implode())
    rows = tables.read(OUTSIDE_LABELS.name).select("source", "number", "label").unique()
    counts = [
        expression.cast(pl.Int64).alias(name)
        for label in ("positive", "negative")
        for name, expression in (
            (label, (pl.col("label") == label).sum()),
            (f"{label}_alerted", ((pl.col("label") == label) & alerted).sum()),
        )
    ]
    return rows.group_by("source").agg(counts).sort("source")


def _marked(alerts: pl.DataFrame, outside: pl.DataFrame) -> pl.DataFrame:
    """Mark what alerts turned out to be: by the analyst's verdict, else by a label from outside on the number."""
    said = outside.filter(pl.col("label") != "unknown").select(
        suspect_number="number", said=pl.col("label").replace_strict({"positive": "confirmed", "negative": _FALSE})
    )
    decided = pl.col("disposition").is_in(["confirmed", _FALSE])
    verdict = pl.when(decided).then("disposition").otherwise(pl.coalesce("said", "disposition")).fill_null("")
    alerts = alerts.join(said, on="suspect_number", how="left", maintain_order="left")
    return alerts.filter(pl.col("status") != "merged").with_columns(
        confirmed=verdict == "confirmed",
        false_positive=verdict == _FALSE,
        watched=verdict == "watch",
    )


def _tabulate_rules(alerts: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    counts = alerts.group_by("detection_rule", "rule_version").agg(
        *_count_verdicts(),
        open=(pl.col("status") == "open").sum().cast(pl.Int64),
        suppressed=(pl.col("status") == "suppressed").sum().cast(pl.Int64),
        watched=pl.col("watched").sum().cast(pl.Int64),
        first_alert=pl.col("window_end").min(),
        last_alert=pl.col("window_end").max(),
    )
    keys = ["detection_rule", "rule_version"]
    joined = counts.join(hours, on=keys, how="left").with_columns(pl.col("analyst_hours").fill_null(0.0))
    names = (*keys, "alerts", "open", "suppressed", "reviewed", "confirmed", "false_positives", "watched")
    ranges = ("precision", "precision_low", "precision_high")
    return add_precision(joined).sort(keys).select(*names, *ranges, "analyst_hours", "first_alert", "last_alert")


def _tabulate_weeks(alerts: pl.DataFrame) -> pl.DataFrame:
    week = pl.col("window_end").dt.truncate("1w").dt.date().alias("week")
    counts = alerts.group_by("detection_rule", "rule_version", week).agg(*_count_verdicts())
    return add_precision(counts).drop("precision_low", "precision_high").sort("detection_rule", "rule_version", "week")


def _count_verdicts() -> list[pl.Expr]:
    return [
        pl.len().cast(pl.Int64).alias("alerts"),
        pl.any_horizontal("confirmed", "false_positive", "watched").sum().cast(pl.Int64).alias("reviewed"),
        pl.col("confirmed").sum().cast(pl.Int64),
        pl.col("false_positive").sum().cast(pl.Int64).alias("false_positives"),
    ]


def add_precision(counts: pl.DataFrame) -> pl.DataFrame:
    """Add ``precision``, ``precision_low``, ``precision_high`` to rows of ``confirmed`` and ``false_positives``."""
    rows = [
        (right, right + wrong, wilson_interval(right, right + wrong))
        for right, wrong in counts.select("confirmed", "false_positives").iter_rows()
    ]
    columns = {
        "precision": [right / judged if judged else None for right, judged, _ in rows],
        "precision_low": [interval[0] if interval else None for *_, interval in rows],
        "precision_high": [interval[1] if interval else None for *_, interval in rows],
    }
    return counts.with_columns(pl.Series(name, values, dtype=pl.Float64) for name, values in columns.items())


def _estimate_hours(tables: Snapshot) -> pl.DataFrame:
    """Return alert_id and hours of every review of it."""
    events = ALERT_HISTORY.read(tables, pl.col("event") == "reviewed")
    reviews = events.select("actor", "at", "alert_id").unique()
    instants = (
        reviews.group_by("actor", "at")
        .agg(together=pl.len())
        .sort("actor", "at")
        .with_columns(lasted=(pl.col("at") - pl.col("at").shift(1).over("actor")).fill_null(LONGEST_REVIEW))
        .with_columns(hours=pl.min_horizontal("lasted", pl.lit(LONGEST_REVIEW)).dt.total_microseconds() / 3.6e9)
    )
    return reviews.join(instants, on=["actor", "at"]).select("alert_id", hours=pl.col("hours") / pl.col("together"))


def _sum_hours(alerts: pl.DataFrame, hours: pl.DataFrame) -> pl.DataFrame:
    named = hours.join(alerts.select("id", "detection_rule", "rule_version"), left_on="alert_id", right_on="id")
    return named.group_by("detection_rule", "rule_version").agg(analyst_hours=pl.col("hours").sum())


def _group_reasons(alerts: pl.DataFrame) -> pl.DataFrame:
    wrong = alerts.filter("false_positive").sort("id")
    reasons = pl.Series("reason", [group_note(note) for note in wrong["reviewer_notes"]], dtype=pl.String())
    return (
        wrong.with_columns(reasons)
        .group_by("detection_rule", "reason")
        .agg(alerts=pl.len().cast(pl.Int64), example_alert_id=pl.col("id").min())
        .sort("detection_rule", "alerts", "reason", descending=[False, True, False])
    )


def group_note(note: str | None) -> str:
    """Return what alike notes have in common: lower case, single spaces, no full stop; ``(no note)`` for none."""
    return _SPACES.sub(" ", note or "").strip().rstrip(".!;, ").casefold() or "(no note)"
