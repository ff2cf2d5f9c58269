"""Severities of findings: what is at stake times how likely it is true, instead of the rule's own ladder."""

from __future__ import annotations

import polars as pl

from sentinel_batch.losses import Rates
from sentinel_batch.rules.rule import Rule
from sentinel_batch.severity import believe, grade, level_thresholds, price, severity_rank


def grade_findings(findings: pl.DataFrame, rule: Rule, rates: Rates) -> pl.DataFrame:
    """Return a rule's findings with the severity of their expected loss, worst first.

    How it came about stands under ``severity`` in their ``evidence``: ``loss``, ``probability``, ``expected_loss``,
    ``threshold``, ``currency``, and ``rule_grade``, what the rule's ladder says.

    Parameters
    ----------
    findings
        Of the rule, as its query graded them.
    rule
        The rule: its weight and its kind of loss.
    rates
        Prices and thresholds.
    """
    own_grade = pl.col("alert_severity")
    priced = findings.with_columns(
        loss=price(pl.lit(rule.loss), rates).round(2), probability=believe(pl.lit(rule.weight)).round(4)
    ).with_columns(expected_loss=(pl.col("loss") * pl.col("probability")).round(2))
    graded = priced.with_columns(level=grade(pl.col("expected_loss"), rates)).with_columns(
        threshold=pl.col("level").replace_strict(dict(level_thresholds(rates)), return_dtype=pl.Float64),
        currency=pl.lit(rates.currency),
        rule_grade=own_grade,
    )
    why = pl.struct("loss", "probability", "expected_loss", "threshold", "currency", "rule_grade").struct.json_encode()
    # The evidence is an object of JSON, or nothing.
    before = pl.col("evidence").fill_null("{}").str.strip_suffix("}")
    joint = pl.when(before == "{").then(pl.lit("")).otherwise(pl.lit(", "))
    ordered = graded.with_columns(
        alert_severity="level", evidence=pl.concat_str(before, joint, pl.lit('"severity": '), why, pl.lit("}"))
    ).sort(
        severity_rank(), "unique_destinations", "suspect_number", descending=[True, True, False], maintain_order=True
    )
    return ordered.select(findings.columns)
