"""From the rows that a rule's query returns to findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sentinel_batch.rules.header import Rule
from sentinel_batch.schema import FINDING_COLUMNS, SEVERITIES, polars_schema
from sentinel_batch.window import spell_duration

if TYPE_CHECKING:
    import polars as pl

RETURNED_COLUMNS = (
    "suspect_number", "severity", "confidence", "call_count", "unique_destinations", "avg_duration_seconds",
    "window_start", "window_end", "episode_start", "episode_end", "first_seen", "last_seen",
)  # fmt: skip
"""Columns that a rule's query returns; ``severity`` counts from 1, in the order of ``schema.SEVERITIES``."""


def shape_findings(rows: pl.DataFrame, rule: Rule, window: timedelta, parameters: str) -> pl.DataFrame:
    """Return findings (``schema.FINDING_COLUMNS``), worst first, from the rows that a rule's query returned.

    Parameters
    ----------
    rows
        Columns :data:`RETURNED_COLUMNS`.
    rule
        The rule that returned them.
    window
        Its window W, for the summary.
    parameters
        JSON text that every finding carries.
    """
    import polars as pl

    shaped = rows.sort(
        ["severity", "unique_destinations", "avg_duration_seconds", "suspect_number", "window_end"],
        descending=[True, True, False, False, False],
    ).with_columns(
        pl.lit(rule.id).alias("detection_rule"),
        pl.lit(rule.version).alias("rule_version"),
        pl.lit(rule.alert_type).alias("alert_type"),
        pl.lit(parameters).alias("parameters"),
        pl.col("severity")
        .replace_strict(list(range(1, len(SEVERITIES) + 1)), list(SEVERITIES), return_dtype=pl.String())
        .alias("alert_severity"),
    )
    summaries = [_summarise(row, window) for row in shaped.iter_rows(named=True)]
    shaped = shaped.with_columns(pl.Series("evidence_summary", summaries, dtype=pl.String()))
    return shaped.select(pl.col(name).cast(kind) for name, kind in polars_schema(FINDING_COLUMNS).items())


def _summarise(row: Mapping[str, Any], window: timedelta) -> str:
    calls, destinations = row["call_count"], row["unique_destinations"]
    return (
        f"{row['suspect_number']} made {calls} call{'s' * (calls != 1)} "
        f"to {destinations} unique destination{'s' * (destinations != 1)} "
        f"in {spell_duration(window)} (until {row['window_end']:%Y-%m-%d %H:%M} UTC), "
        f"average duration {row['avg_duration_seconds']:.2f} s."
    )
