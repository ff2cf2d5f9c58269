"""The queue of each night: what rules, and a model, say of every number by then."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sentinel_batch.evaluation.observation import Observation
from sentinel_batch.learning.features import to_matrix
from sentinel_batch.learning.model import Model
from sentinel_batch.learning.probability import to_probability
from sentinel_batch.learning.trust import check_scores, witness
from sentinel_batch.scores import fuse_findings, fuse_witnesses

RULES, GROUPED, MODEL, FUSED = "rules", "rules + boxes + cases", "model", "rules + boxes + cases + model"
"""Methods of ranking: all rules, and what boxes and cases add; the model alone; everything."""


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
    """Return ``night, number, probability, listed`` of a model: the highest of the nights so far.

    Parameters
    ----------
    figures
        As :func:`sentinel_batch.evaluation.observation.describe_nights` returns them.
    model
        The model.
    least
        Probabilities below it are left out: they move no queue.

    Returns
    -------
    polars.DataFrame
        As a witness of the queue, its order included (:func:`sentinel_batch.learning.trust.witness`).
    """
    nights = figures["night"].unique().sort().to_list()
    known = pl.DataFrame(schema={"number": pl.String, "probability": pl.Float64, "listed": pl.Boolean})
    parts = []
    for night in nights:
        judged = _witness_night(figures.filter(pl.col("night") == night), model).filter(pl.col("probability") >= least)
        known = pl.concat([known, judged]).group_by("number").agg(pl.col("probability").max(), pl.col("listed").any())
        parts.append(known.select(pl.lit(night, dtype=pl.Int32).alias("night"), "number", "probability", "listed"))
    return pl.concat(parts)


def _witness_night(rows: pl.DataFrame, model: Model) -> pl.DataFrame:
    log_odds = model.calibration.log_odds(model.score(to_matrix(rows)))
    scores = rows.with_columns(pl.Series("probability", to_probability(log_odds)), pl.Series("log_odds", log_odds))
    said = witness(scores, model, check_scores(scores, model))
    return said.select("number", probability="witness", listed="listed")


def build_queue(
    method: str,
    rules: pl.DataFrame,
    model: pl.DataFrame,
    members: pl.DataFrame,
    boxes: pl.DataFrame,
) -> pl.DataFrame:
    """Return ``night, number, score``: as :func:`sentinel_batch.scores.rank_suspects` ranks.

    Parameters
    ----------
    method
        :data:`RULES`, :data:`GROUPED`, :data:`MODEL` (what it lists) or :data:`FUSED`.
    rules, model
        As :func:`score_by_rules` and :func:`score_by_model` return them.
    members
        ``night, case_id, number``.
    boxes
        ``night, box_id, number, probability``.
    """
    if method == RULES:
        return rules.select("night", "number", score="rule_score")
    if method == MODEL:
        return model.filter("listed").select("night", "number", score="probability")
    keys = ["night", "number"]
    sized = members.with_columns(case_size=pl.len().over("night", "case_id"))
    cases = sized.group_by(keys).agg(pl.col("case_size").sort_by("case_id").last())
    boxed = boxes.group_by(keys).agg(box_probability=pl.col("probability").sort_by("box_id").last())
    said = model if method == FUSED else model.clear()
    listed = rules.join(boxed, on=keys, how="full", coalesce=True).join(
        said.filter("listed").select(keys), on=keys, how="full", coalesce=True
    )
    known = listed.join(said, on=keys, how="left").join(cases, on=keys, how="left")
    witnesses = (pl.col(name) for name in ("rule_score", "probability", "case_size", "box_probability"))
    return known.select(*keys, score=fuse_witnesses(*witnesses)).filter(pl.col("score") > 0)
