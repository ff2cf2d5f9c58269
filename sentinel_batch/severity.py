"""Severity: what is at stake if a finding is true, times the probability that it is; and how severities are ordered.

``severity = the highest level whose threshold the expected loss reaches``, with
``expected loss = loss × probability``: see ``docs/severity.md``.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from sentinel_batch.losses import CONTACTS, PREMIUM, Rates
from sentinel_batch.schema import SEVERITIES, SEVERITY_RANK


def severity_rank(column: str = "alert_severity") -> pl.Expr:
    """Return the rank of a column's severities: 0 for the mildest, -1 for what is none."""
    return pl.col(column).replace_strict(SEVERITY_RANK, default=-1, return_dtype=pl.Int64)


def price(kind: pl.Expr, rates: Rates) -> pl.Expr:
    """Return what findings or alerts cost if they are true, in the currency of the rates.

    Parameters
    ----------
    kind
        One of :data:`sentinel_batch.losses.LOSSES`; the rows have ``call_count``, ``avg_duration_seconds`` and
        ``unique_destinations`` of their evidence. What is not known costs nothing.
    rates
        The prices.
    """
    minutes = pl.col("call_count") * pl.col("avg_duration_seconds") / 60
    each = pl.when(kind == PREMIUM).then(rates.premium).otherwise(rates.bypassed_minute)
    contacts = pl.col("unique_destinations") * rates.contact
    return pl.when(kind == CONTACTS).then(contacts).otherwise(minutes * each).fill_null(0.0)


def believe(weight: pl.Expr) -> pl.Expr:
    """Return the probability that findings are true: ``weight × (0.5 + 0.5 × confidence)``.

    Confidence only shades a rule's weight: a finding that barely qualifies still counts half.

    Parameters
    ----------
    weight
        Of the rule, 0 to 1; the rows have ``confidence``, and one that is not known counts as 0.
    """
    return weight * (0.5 + 0.5 * pl.col("confidence").fill_null(0.0).clip(0.0, 1.0))


def sort_by_importance(rows: pl.DataFrame, name: str, *, probability: str = "score") -> pl.DataFrame:
    """Return suspects, boxes or cases in the one order of importance, that of every list.

    First the worst severity, then the greatest expected loss, then the surest, then by name. Rows without a known loss
    come last.

    Parameters
    ----------
    rows
        ``severity``, ``loss``, and the two columns that are named.
    name
        Column that tells equals apart.
    probability
        Column with the probability that it is fraud.
    """
    expected = (pl.col("loss") * pl.col(probability)).fill_null(-1.0)
    worst = severity_rank("severity")
    return rows.sort(worst, expected, probability, name, descending=[True, True, True, False], nulls_last=True)


def grade(expected_loss: pl.Expr, rates: Rates) -> pl.Expr:
    """Return the names of the severities of expected losses; NULL where the loss is."""
    level = pl.lit(SEVERITIES[0])
    for name, threshold in list(level_thresholds(rates).items())[1:]:
        level = pl.when(expected_loss >= threshold).then(pl.lit(name)).otherwise(level)
    return pl.when(expected_loss.is_not_null()).then(level)


def grade_loss(expected_loss: float, rates: Rates) -> str:
    """Return the severity of one expected loss."""
    return [level for level, threshold in level_thresholds(rates).items() if expected_loss >= threshold][-1]


def level_thresholds(rates: Rates) -> Mapping[str, float]:
    """Return severity to the expected loss from which it is given, mildest first."""
    return dict(zip(SEVERITIES, (0.0, *rates.thresholds), strict=True))


def explain_grade(loss: float, probability: float, rates: Rates) -> dict[str, str | float]:
    """Return how a severity came about: ``loss``, ``probability``, ``expected_loss``, ``threshold``, ``currency``."""
    expected = loss * probability
    return {
        "loss": round(loss, 2),
        "probability": round(probability, 4),
        "expected_loss": round(expected, 2),
        "threshold": level_thresholds(rates)[grade_loss(expected, rates)],
        "currency": rates.currency,
    }
