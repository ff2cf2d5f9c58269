"""What honest numbers suffer, how long fraud goes on, and whether a box becomes one case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from sentinel_batch.evaluation.metrics import summarise_delays
from sentinel_batch.evaluation.observation import Observation
from sentinel_batch.learning.intervals import wilson_interval

FEWEST_TOGETHER = 8
"""Members that a box must have in its case to count as one case: the smallest box that is simulated."""

ORDINARY = "consumer"
"""Kind of numbers of which the truth says nothing else."""


def count_false_alerts(observations: Sequence[Observation]) -> list[dict[str, Any]]:
    """Return alerts on honest numbers by kind, the kind with most first.

    Returns
    -------
    list of dict
        ``kind, numbers`` (of that kind), ``alerted`` (numbers with an alert), ``share`` and its 95 % ``interval``
        (Wilson), ``alerts``, ``per_million`` (alerts per million subscriber-days, of all subscribers) and ``rules``
        (alerts by rule). Numbers whose alerts came after somebody misused them do not count.
    """
    rows = [
        observation.truth.filter(pl.col("role") != "fraud")
        .with_columns(pl.col("kind").fill_null(ORDINARY))
        .join(observation.alerts.rename({"suspect_number": "number"}), on="number", how="left")
        for observation in observations
    ]
    days = sum(observation.subscribers * observation.days for observation in observations) / 1e6
    counts = pl.concat(
        part.group_by("kind").agg(
            numbers=pl.col("number").n_unique(),
            alerted=pl.col("number").filter(pl.col("night").is_not_null()).n_unique(),
            alerts=pl.col("night").count(),
        )
        for part in rows
    )
    by_rule = pl.concat(rows).filter(pl.col("night").is_not_null()).group_by("kind", "detection_rule").len()
    rules = {
        kind[0]: dict(
            part.sort("len", "detection_rule", descending=[True, False]).select("detection_rule", "len").rows()
        )
        for kind, part in by_rule.group_by("kind")
    }
    summed = counts.group_by("kind").agg(pl.col("numbers", "alerted", "alerts").sum())
    return [
        {
            **row,
            "share": row["alerted"] / row["numbers"],
            "interval": wilson_interval(row["alerted"], row["numbers"]),
            "per_million": row["alerts"] / days,
            "rules": rules.get(row["kind"], {}),
        }
        for row in summed.sort("alerts", "kind", descending=[True, False]).to_dicts()
    ]


def measure_delays(
    observations: Sequence[Observation], listed: Sequence[pl.DataFrame], strategy: str
) -> dict[str, float | int | None]:
    """Return how long the SIMs of a strategy called before the queue first named them.

    Parameters
    ----------
    observations
        The populations.
    listed
        Of each, ``night, number`` of the listed numbers.
    strategy
        The strategy.

    Returns
    -------
    dict
        As :func:`sentinel_batch.evaluation.metrics.summarise_delays`, in hours from the first fraudulent call to the
        end of the day whose nightly run named the number.
    """
    hours: list[float | None] = []
    for observation, queue in zip(observations, listed, strict=True):
        sims = observation.truth.filter(pl.col("strategy") == strategy, pl.col("fraud_start").is_not_null())
        first = queue.group_by("number").agg(pl.col("night").min())
        for start, night in sims.join(first, on="number", how="left").select("fraud_start", "night").iter_rows():
            hours.append(None if night is None else (observation.ends[night] - start).total_seconds() / 3600)
    return summarise_delays(hours)


def describe_boxes(observation: Observation) -> list[dict[str, Any]]:
    """Return how each box shows in the cases after the last night.

    Returns
    -------
    list of dict
        ``strategy, box_id, sims`` (that called), ``alerted``, ``cases`` (that hold any of them), ``together`` (most of
        them in one case), ``members`` (of that case, strangers included), ``purity`` (its members that are of the box)
        and ``one_case``: at least :data:`FEWEST_TOGETHER` of them in one case, none in another.
    """
    called = observation.truth.filter(pl.col("box_id").is_not_null(), pl.col("fraud_start").is_not_null())
    members = observation.members.filter(pl.col("night") == observation.days - 1)
    sizes = dict(members.group_by("case_id").len().iter_rows())
    alerted = set(observation.alerts["suspect_number"])
    boxes = []
    for (box, strategy), sims in called.group_by("box_id", "strategy", maintain_order=True):
        own = members.filter(pl.col("number").is_in(sims["number"].implode()))
        counts = sorted(own.group_by("case_id").len().iter_rows(), key=lambda row: (-row[1], row[0]))
        best, together = counts[0] if counts else (None, 0)
        boxes.append(
            {
                "strategy": strategy,
                "box_id": box,
                "sims": sims.height,
                "alerted": len(alerted & set(sims["number"])),
                "cases": len(counts),
                "together": together,
                "members": sizes.get(best, 0),
                "purity": together / sizes[best] if best is not None else None,
                "one_case": len(counts) == 1 and together >= FEWEST_TOGETHER,
            }
        )
    return sorted(boxes, key=lambda row: row["box_id"])
