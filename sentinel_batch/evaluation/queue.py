"""The queue of each night: what rules, and a model, say of every number by then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentinel_batch.evaluation.observation import Observation

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.learning.model import Model


def score_by_rules(observation: Observation, rules: Sequence[str] | None = None) -> pl.DataFrame:
    """Return the score of the rules that found a number, by every night, with all findings until then.

    Parameters
    ----------
    observation
        The population.
    rules
        Only these rules; None is all.

    Returns
    -------
    polars.DataFrame
        ``night, number, rule_score``: only numbers that were found by then.
    """
    import polars as pl

    from sentinel_batch.rules.fusion import fuse_findings

    findings = observation.findings
    if rules is not None:
        findings = findings.filter(pl.col("detection_rule").is_in(list(rules)))
    parts = [
        fuse_findings(findings.filter(pl.col("night") <= night)).select(
            pl.lit(night).alias("night"), number="suspect_number", rule_score="rule_score"
        )
        for night in range(observation.days)
    ]
    return pl.concat(parts)


def score_by_model(figures: pl.DataFrame, model: Model, *, least: float = 1e-4) -> pl.DataFrame:
    """Return ``night, number, probability`` of a model: the highest of the nights so far.

    Parameters
    ----------
    figures
        As :func:`sentinel_batch.evaluation.observation.describe_nights` returns them.
    model
        The model.
    least
        Probabilities below it are left out: they move no queue.
    """
    import polars as pl

    from sentinel_batch.learning.features import to_matrix
    from sentinel_batch.learning.probability import to_probability

    nights = figures["night"].unique().sort().to_list()
    known = pl.DataFrame(schema={"number": pl.String, "probability": pl.Float64})
    parts = []
    for night in nights:
        rows = figures.filter(pl.col("night") == night)
        probability = to_probability(model.calibration.log_odds(model.score(to_matrix(rows))))
        judged = rows.select("number", pl.Series("probability", probability)).filter(pl.col("probability") >= least)
        known = pl.concat([known, judged]).group_by("number").agg(pl.col("probability").max())
        parts.append(known.select(pl.lit(night, dtype=pl.Int32).alias("night"), "number", "probability"))
    return pl.concat(parts)


RULES, MODEL, FUSED = "rules", "model", "rules + model"
"""Methods of ranking: all rules, the model alone, both."""


def build_queue(
    method: str, rules: pl.DataFrame, model: pl.DataFrame, members: pl.DataFrame, threshold: float
) -> pl.DataFrame:
    """Return ``night, number, score``: as :func:`sentinel_batch.learning.rank_suspects` ranks.

    Parameters
    ----------
    method
        :data:`RULES`, :data:`MODEL` (which lists what is at its threshold) or :data:`FUSED`.
    rules, model
        As :func:`score_by_rules` and :func:`score_by_model` return them.
    members
        ``night, case_id, number``.
    threshold
        Probability from which the model lists a number that no rule found.
    """
    import polars as pl

    if method == RULES:
        return rules.select("night", "number", score="rule_score")
    if method == MODEL:
        return model.filter(pl.col("probability") >= threshold).select("night", "number", score="probability")
    both = rules.join(model, on=["night", "number"], how="full", coalesce=True)
    listed = both.filter(pl.col("rule_score").is_not_null() | (pl.col("probability") >= threshold))
    witness = [1 - pl.col(name).fill_null(0.0) for name in ("rule_score", "probability")]
    return listed.select("night", "number", score=1 - witness[0] * witness[1])
