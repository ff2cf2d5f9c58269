"""Alerts as version 1 publishes them: their severity is what the rule's own ladder says."""

from __future__ import annotations

import polars as pl

from sentinel_batch.severity import severity_rank

BY_LOSS = "severity_by_loss"
"""What everything but version 1 calls the severity of an alert."""


def publish_alerts(alerts: pl.DataFrame) -> pl.DataFrame:
    """Return alerts with the severity of their rule's ladder, and that of their expected loss beside it.

    The published ladder of SDHF, which clients go by, knows figures only; the product grades by what is at stake.
    """
    # An alert without a ladder, such as one for a box, has only the other.
    evidence = pl.col("evidence").cast(pl.String)  # One row without any is of no type.
    ladder = pl.coalesce(evidence.str.json_path_match("$.severity.rule_grade"), "alert_severity")
    return alerts.with_columns(pl.col("alert_severity").alias(BY_LOSS), ladder.alias("alert_severity"))


def sort_published(alerts: pl.DataFrame) -> pl.DataFrame:
    """Return published alerts by severity, those of one severity in the order in which they are."""
    return alerts.sort(severity_rank(), descending=True, maintain_order=True)
