"""What the queues and alerts of a variant are worth: precision, recall by strategy, boxes, alerts, delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from sentinel_batch.evaluation.models import KIND
from sentinel_batch.evaluation.observation import Observation
from sentinel_batch.evaluation.outcomes import FEWEST_TOGETHER, describe_boxes, measure_delays
from sentinel_batch.evaluation.standing import join_standings, measure, stand
from sentinel_batch.learning.intervals import wilson_interval

PURE = 0.9
"""Share of a case's members that must be of one box for the case to be that box."""

_SIM = pl.col("kind") == KIND
_CALLED = pl.col("fraud_start").is_not_null()


def judge(observations: Sequence[Observation], queues: Sequence[pl.DataFrame]) -> dict[str, Any]:
    """Return the figures of one method of ranking, of networks taken as one.

    Parameters
    ----------
    observations
        The networks.
    queues
        Of each, ``night, number, score``.

    Returns
    -------
    dict
        ``sims`` and ``boxes`` there are; ``precision_at_k`` with its interval, k being the number of SIMs of all boxes;
        ``strategies``: by name ``sims``, ``boxes``, ``recall`` (share among the first k) with its Wilson ``interval``,
        ``listed`` (share that is in the queue at all), median ``delay`` in hours, ``large`` (boxes of which at least
        :data:`~sentinel_batch.evaluation.outcomes.FEWEST_TOGETHER` SIMs called) and ``whole`` (of them, those that are
        one case with :data:`PURE` purity); ``alerts_per_million`` (alerts opened a day per million subscribers) and
        ``honest_per_million`` (those on numbers that commit no fraud); ``critical`` alerts and the share of them that
        is ``critical_true`` (any fraud).
    """
    days = observations[0].days
    standings = [
        stand(queue, own.truth, _SIM, days=days, subscribers=own.subscribers)
        for own, queue in zip(observations, queues, strict=True)
    ]
    figures = measure(join_standings(standings))
    sims = pl.concat(
        own.truth.filter(_SIM & _CALLED).with_columns(network=pl.lit(place)) for place, own in enumerate(observations)
    )
    first = _take_first(observations, queues, sims.height)
    boxes = [box for own in observations for box in describe_boxes(own)]
    strategies = {
        name: {
            **_recall(sims.filter(pl.col("strategy") == name), first, queues),
            "delay": measure_delays(observations, queues, name)["median"],
            **_count_whole([box for box in boxes if box["strategy"] == name]),
        }
        for name in sims["strategy"].unique().sort().to_list()
    }
    return {
        "sims": sims.height,
        "boxes": len(boxes),
        "precision_at_k": figures["precision_at_k"],
        "interval": figures["intervals"]["precision_at_k"],
        "strategies": strategies,
        **_count_alerts(observations),
    }


def _take_first(observations: Sequence[Observation], queues: Sequence[pl.DataFrame], count: int) -> pl.DataFrame:
    """Return ``network, number`` of the first numbers of all queues; other fraud is out of the queue."""
    parts = []
    for place, (own, queue) in enumerate(zip(observations, queues, strict=True)):
        other = own.truth.filter(pl.col("role") == "fraud", ~_SIM.fill_null(False))["number"]
        kept = queue.filter(~pl.col("number").is_in(other.implode()))
        parts.append(kept.group_by("number").agg(pl.col("score").max()).with_columns(network=pl.lit(place)))
    ordered = pl.concat(parts).sort("score", "network", "number", descending=[True, False, False])
    return ordered.head(count).select("network", "number")


def _recall(sims: pl.DataFrame, first: pl.DataFrame, queues: Sequence[pl.DataFrame]) -> dict[str, Any]:
    hits = sims.join(first, on=["network", "number"], how="semi").height
    ever = pl.concat(
        queue.select("number").unique().with_columns(network=pl.lit(place)) for place, queue in enumerate(queues)
    )
    return {
        "sims": sims.height,
        "boxes": sims.select("network", "box_id").n_unique(),
        "recall": hits / sims.height,
        "interval": wilson_interval(hits, sims.height),
        "listed": sims.join(ever, on=["network", "number"], how="semi").height / sims.height,
    }


def _count_whole(boxes: Sequence[dict[str, Any]]) -> dict[str, int]:
    large = [box for box in boxes if box["sims"] >= FEWEST_TOGETHER]
    whole = [box for box in large if box["together"] >= FEWEST_TOGETHER and (box["purity"] or 0.0) >= PURE]
    return {"large": len(large), "whole": len(whole)}


def _count_alerts(observations: Sequence[Observation]) -> dict[str, Any]:
    days = sum(own.subscribers * own.days for own in observations) / 1e6
    alerts = pl.concat(
        own.alerts.join(
            own.truth.select(suspect_number="number", fraud=pl.col("role") == "fraud"), on="suspect_number", how="left"
        )
        for own in observations
    ).with_columns(pl.col("fraud").fill_null(False))
    critical = alerts.filter(pl.col("alert_severity") == "CRITICAL")
    return {
        "alerts_per_million": alerts.height / days,
        "honest_per_million": alerts.filter(~pl.col("fraud")).height / days,
        "critical": critical.height,
        "critical_true": critical["fraud"].mean() if critical.height else None,
    }
