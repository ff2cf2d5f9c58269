"""One ranked queue of suspects: what the rules found, how far each speaks for fraud, and what the model adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.alerts import list_alerts
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Lake, open_lake
from sentinel_batch.schema import SEVERITIES, TABLES

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.learning.model import Model

DEFAULT_WEIGHT = 0.5
"""Weight of a rule that is not in the catalogue any more."""

QUEUED = ("open",)
"""Statuses of alerts that are queued unless others are asked for."""

_CASE_MEMBERS = "case_members"
_ALERT_COLUMNS = ("id", "suspect_number", "detection_rule", "confidence", "alert_severity", "evidence_summary")
_COLUMNS = (
    "rank", "suspect_number", "score", "rule_score", "model_probability", "severity", "rules", "alert_ids", "case_id",
    "first_seen", "last_seen", "reasons",
)  # fmt: skip


def rank_suspects(
    lake: Lake | str | Path | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    model: Model | str | Path | None = None,
    status: str | Sequence[str] = QUEUED,
    limit: int | None = None,
) -> pl.DataFrame:
    """Return the queue of suspects, the most suspicious first, one row per number.

    The score of the rules is ``1 - prod(1 - weight * (0.5 + 0.5 * confidence))`` over the rules that found the number,
    each with its best finding: 0 without a finding, towards 1 with many that agree. A model's probability p is joined
    to it as one more witness, ``1 - (1 - rule_score) * (1 - p)``. So a model raises a number or leaves it where it is,
    and never takes one out of the queue; numbers that only the model suspects are queued as well, from its threshold.

    Parameters
    ----------
    lake
        The lake, its path, or None for the configured one.
    since, until
        Alerts with calls in ``(since, until]``; None is without bound. The model looks at the days up to ``until``.
    model
        A model, its folder, the name of a shipped one, or None for the rules alone.
    status
        Statuses of the alerts that are queued, one of :data:`sentinel_batch.alerts.STATUSES` or several.
    limit
        At most so many rows; None for all.

    Returns
    -------
    polars.DataFrame
        ``rank`` (from 1), ``suspect_number``, ``score``, ``rule_score``, ``model_probability`` (NULL without a model,
        or without calls in its window), ``severity`` (the worst), ``rules``, ``alert_ids``, ``case_id`` (NULL without
        cases), ``first_seen``, ``last_seen``, ``reasons`` (in words, the weightiest first). Equal scores are ordered
        by severity, number of rules and number.

    Raises
    ------
    UsageError
        If the limit is negative, or a status is none.
    ModelError
        If the model cannot be read, or does not fit the lake.
    """
    opened = open_lake(lake)
    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all suspects.")
    alerts = _within(list_alerts(lake=opened, status=status), since, until)
    queue = fuse_findings(alerts)
    queue = _judge(queue, opened, model, until)
    queue = _order(_fuse(_locate_cases(queue, opened)))
    queue = queue if limit is None else queue.head(limit)
    return queue if model is None else _add_model_reasons(queue, opened, model, until)


def fuse_findings(findings: pl.DataFrame, weights: Mapping[str, float] | None = None) -> pl.DataFrame:
    """Join the findings or alerts of each number to one row.

    Parameters
    ----------
    findings
        ``suspect_number, detection_rule, confidence, alert_severity, evidence_summary, first_seen, last_seen``, and
        ``id`` if they are alerts.
    weights
        Rule id to weight, 0 to 1; None takes them from the rules.

    Returns
    -------
    polars.DataFrame
        ``suspect_number, rule_score, severity, rules, alert_ids, first_seen, last_seen, reasons``, by number.
    """
    import polars as pl

    known = weigh_rules() if weights is None else weights
    if "id" not in findings.columns:
        findings = findings.with_columns(id=pl.lit(None, dtype=pl.Int64))
    severity = pl.col("alert_severity").replace_strict(_ladder(), default=0, return_dtype=pl.Int64)
    weight = pl.col("detection_rule").replace_strict(dict(known), default=DEFAULT_WEIGHT, return_dtype=pl.Float64)
    part = weight * (0.5 + 0.5 * pl.col("confidence").fill_null(0.0).clip(0.0, 1.0))
    best = (
        findings.with_columns(severity=severity, part=part)
        .sort("part", "severity", "last_seen", "id", descending=[True, True, True, False], nulls_last=True)
        .group_by("suspect_number", "detection_rule", maintain_order=True)
        .agg(
            pl.col("part", "evidence_summary").first(),
            pl.col("severity").max(),
            pl.col("id").drop_nulls().alias("ids"),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
        )
        .sort("part", "detection_rule", descending=[True, False])
    )
    return (
        best.group_by("suspect_number")
        .agg(
            rule_score=1 - (1 - pl.col("part")).product(),
            severity=pl.col("severity").max(),
            rules=pl.col("detection_rule"),
            alert_ids=pl.col("ids").list.explode(keep_nulls=False, empty_as_null=False).sort(),
            first_seen=pl.col("first_seen").min(),
            last_seen=pl.col("last_seen").max(),
            reasons=pl.format("{}: {}", "detection_rule", pl.col("evidence_summary").fill_null("")),
        )
        .sort("suspect_number")
    )


def weigh_rules() -> dict[str, float]:
    """Return how far a finding of confidence 1 speaks for fraud, 0 to 1, by rule."""
    from sentinel_batch.rules import list_rules

    return {rule.id: rule.weight for rule in list_rules()}


def _within(alerts: pl.DataFrame, since: datetime | None, until: datetime | None) -> pl.DataFrame:
    import polars as pl

    if since is not None:
        alerts = alerts.filter(pl.col("last_seen") > since)
    return alerts if until is None else alerts.filter(pl.col("first_seen") <= until)


def _judge(queue: pl.DataFrame, lake: Lake, model: Model | str | Path | None, until: datetime | None) -> pl.DataFrame:
    """Add the model's probabilities, and the numbers that it alone suspects."""
    import polars as pl

    if model is None:
        return queue.with_columns(model_probability=pl.lit(None, dtype=pl.Float64))

    from sentinel_batch.learning.model import open_model
    from sentinel_batch.learning.scoring import score_callers

    opened = open_model(model)
    scores = score_callers(lake, model=opened, until=until).select(
        "number", "probability", "first_day_start", "last_call"
    )
    joined = queue.join(
        scores.select(suspect_number="number", model_probability="probability"), on="suspect_number", how="left"
    )
    raised = scores.filter(
        pl.col("probability") >= opened.threshold, ~pl.col("number").is_in(queue["suspect_number"].implode())
    ).select(
        suspect_number="number",
        rule_score=pl.lit(0.0),
        severity=pl.lit(0, dtype=pl.Int64),
        first_seen="first_day_start",
        last_seen="last_call",
        model_probability="probability",
    )
    return pl.concat([joined, raised], how="diagonal").with_columns(
        pl.col("rules", "alert_ids", "reasons").fill_null([])
    )


def _locate_cases(queue: pl.DataFrame, lake: Lake) -> pl.DataFrame:
    import polars as pl

    if _CASE_MEMBERS not in TABLES:
        return queue.with_columns(case_id=pl.lit(None, dtype=pl.Int64))
    members = lake.scan(_CASE_MEMBERS).select(suspect_number="number", case_id="case_id").collect()
    newest = members.group_by("suspect_number").agg(pl.col("case_id").max())
    return queue.join(newest, on="suspect_number", how="left")


def _fuse(queue: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return queue.with_columns(score=1 - (1 - pl.col("rule_score")) * (1 - pl.col("model_probability").fill_null(0.0)))


def _order(queue: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    ordered = queue.sort(
        "score", "severity", pl.col("rules").list.len(), "suspect_number", descending=[True, True, True, False]
    )
    names = {step: name for name, step in _ladder().items()}
    return (
        ordered.with_row_index("rank", offset=1)
        .with_columns(
            pl.col("rank").cast(pl.Int64),
            pl.col("severity").replace_strict(names, default=None, return_dtype=pl.String),
        )
        .select(_COLUMNS)
    )


def _add_model_reasons(
    queue: pl.DataFrame, lake: Lake, model: Model | str | Path, until: datetime | None
) -> pl.DataFrame:
    import polars as pl

    from sentinel_batch.learning.scoring import list_reasons

    words = list_reasons(lake, queue["suspect_number"].to_list(), model=model, until=until)
    reasons = [[*own, *words.get(number, [])] for number, own in queue.select("suspect_number", "reasons").iter_rows()]
    return queue.with_columns(pl.Series("reasons", reasons, dtype=pl.List(pl.String)))


def _ladder() -> dict[str, int]:
    return {name: step for step, name in enumerate(SEVERITIES, 1)}
