"""What several rules say about one number, as one score."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from sentinel_batch.boxes import BOX_RULE
from sentinel_batch.desk import ConfigLike, open_desk
from sentinel_batch.losses import BYPASS, Rates
from sentinel_batch.rules.catalogue import list_rules
from sentinel_batch.severity import believe, price, severity_rank

DEFAULT_WEIGHT = 0.5
"""Weight of a rule that is not in the catalogue any more."""


def fuse_findings(findings: pl.DataFrame, weights: Mapping[str, float] | None = None) -> pl.DataFrame:
    """Join the findings or alerts of each number to one row.

    Parameters
    ----------
    findings
        ``suspect_number, detection_rule, confidence, alert_severity, evidence_summary, first_seen, last_seen``, and
        ``id`` if they are alerts, ``loss`` if it is known.
    weights
        Rule id to weight, 0 to 1 (:func:`weigh_rules`); None takes those of the rules of the configured books.

    Returns
    -------
    polars.DataFrame
        ``suspect_number, rule_score, severity, loss, rules, alert_ids, first_seen, last_seen, reasons``, by number;
        the severity is the rank of the worst (:func:`sentinel_batch.severity.severity_rank`), the loss the largest.
    """
    known = weigh_rules() if weights is None else weights
    absent = {"id": pl.Int64, "loss": pl.Float64}
    findings = findings.with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in absent.items() if name not in findings.columns
    )
    weight = pl.col("detection_rule").replace_strict(dict(known), default=DEFAULT_WEIGHT, return_dtype=pl.Float64)
    best = (
        findings.with_columns(severity=severity_rank(), part=believe(weight))
        # One finding for each rule, its best: ten alerts of one rule are one witness who repeats himself.
        .sort("part", "severity", "last_seen", "id", descending=[True, True, True, False], nulls_last=True)
        .group_by("suspect_number", "detection_rule", maintain_order=True)
        .agg(
            pl.col("part", "evidence_summary").first(),
            pl.col("severity", "loss").max(),
            pl.col("id").drop_nulls().alias("ids"),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
        )
        .sort("part", "detection_rule", descending=[True, False])
    )
    return (
        best.group_by("suspect_number")
        .agg(
            # Noisy-or: the chance that not all of these rules are wrong, if they erred independently.
            rule_score=1 - (1 - pl.col("part")).product(),
            severity=pl.col("severity").max(),
            # Not their sum: what several rules count are the same calls.
            loss=pl.col("loss").max(),
            rules=pl.col("detection_rule"),
            alert_ids=pl.col("ids").list.explode(keep_nulls=False, empty_as_null=False).sort(),
            first_seen=pl.col("first_seen").min(),
            last_seen=pl.col("last_seen").max(),
            reasons=pl.format("{}: {}", "detection_rule", pl.col("evidence_summary").fill_null("")),
        )
        .sort("suspect_number")
    )


def price_alerts(alerts: pl.DataFrame, config: ConfigLike = None) -> pl.DataFrame:
    """Return findings or alerts with their ``loss`` if they are true, in the configured currency.

    The alert of a box costs nothing itself: each member is priced by its own minutes.
    """
    settings = open_desk(config=config).config
    kinds = {rule.id: rule.loss for rule in list_rules(settings)}
    rule = pl.col("detection_rule")
    kind = rule.replace_strict(kinds, default=BYPASS, return_dtype=pl.String)
    return alerts.with_columns(loss=pl.when(rule == BOX_RULE).then(0.0).otherwise(price(kind, Rates.of(settings))))


def weigh_rules(config: ConfigLike = None) -> dict[str, float]:
    """Return how far a finding of confidence 1 speaks for fraud, 0 to 1, by rule."""
    return {rule.id: rule.weight for rule in list_rules(config)}
