"""Where every number stands in the queues of the nights, for one question put to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sentinel_batch.evaluation.metrics import area_under_precision, bootstrap_interval, precision_at, review_nightly

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAILY_BUDGET = 50.0
"""Numbers that are looked at a day, per million subscribers."""


@dataclass(frozen=True)
class Standing:
    """The nightly queues of one network, with what each number is.

    Parameters
    ----------
    subscribers
        Of the network.
    scores
        Highest score of every number that was ever listed, shape (numbers,), above 0; and 0 for each fraudulent number
        that never was.
    units
        Of the same numbers: the place of the box, or other fraud, that the number belongs to; -1 for honest ones.
    honest
        Honest numbers that were never listed.
    nights
        For each night, the places (in ``scores``) of the numbers listed by then, and their scores that night.
    """

    subscribers: int
    scores: NDArray[Any]
    units: NDArray[Any]
    honest: int
    nights: tuple[tuple[NDArray[Any], NDArray[Any]], ...]

    @property
    def labels(self) -> NDArray[Any]:
        """1 for the fraud that is asked for."""
        return self.units >= 0

    def area(self) -> float | None:
        """Return the area under the precision-recall curve."""
        listed = self.scores > 0
        return area_under_precision(self.labels[listed], self.scores[listed], int((~listed).sum()), self.honest)

    def precision(self) -> float | None:
        """Return precision at k, where k is the number of fraudulent numbers that are asked for."""
        listed, count = self.scores > 0, int(self.labels.sum())
        return precision_at(self.labels[listed], self.scores[listed], count, int((~listed).sum()), self.honest)

    def recall(self, daily: float = DAILY_BUDGET) -> float | None:
        """Return the share of fraud that is looked at, with so many looks a day per million subscribers.

        Each night the best numbers that nobody has looked at yet are looked at.
        """
        total = int(self.labels.sum())
        seen = review_nightly(self.nights, round(daily * self.subscribers / 1e6))
        return float(self.labels[seen].sum() / total) if total else None

    def redraw(self, chosen: Sequence[int], seed: int) -> Standing:
        """Return the standing of a network with these units of fraud, and honest numbers drawn again.

        Parameters
        ----------
        chosen
            Places of units; one may occur several times.
        seed
            Of the draw of honest numbers: each occurs a Poisson number of times (mean 1).
        """
        rng = np.random.default_rng(seed)
        honest = np.flatnonzero(~self.labels)
        parts = [np.flatnonzero(self.units == unit) for unit in chosen]
        kept = np.concatenate([*parts, np.repeat(honest, rng.poisson(1.0, len(honest)))]).astype(np.int64)
        nights = []
        for places, scores in self.nights:
            by_place = np.zeros(len(self.scores))
            by_place[places] = scores
            drawn = by_place[kept]
            listed = np.flatnonzero(drawn > 0)
            nights.append((listed, drawn[listed]))
        return replace(self, scores=self.scores[kept], units=self.units[kept], nights=tuple(nights))


def stand(queue: pl.DataFrame, truth: pl.DataFrame, asked: pl.Expr, *, days: int, subscribers: int) -> Standing:
    """Return the standing of the numbers in a network's nightly queues.

    Parameters
    ----------
    queue
        ``night, number, score`` of the listed numbers, scores above 0.
    truth
        ``number, role, kind, strategy, box_id, fraud_start``; only fraud that began counts.
    asked
        The fraud that is asked for. Other fraud is taken out of the queue: it is neither a hit nor a false alert.
    days, subscribers
        Of the network.
    """
    fraud = pl.col("role") == "fraud"
    hits = truth.filter(asked & fraud, pl.col("fraud_start").is_not_null()).select(
        "number", unit=pl.coalesce("box_id", "kind").rank("dense").cast(pl.Int64) - 1
    )
    aside = truth.filter(fraud).join(hits, on="number", how="anti")
    kept = queue.join(aside, on="number", how="anti")
    best = kept.group_by("number").agg(pl.col("score").max())
    every = best.join(hits, on="number", how="full", coalesce=True).sort("number")
    places = pl.DataFrame({"number": every["number"]}).with_row_index("place")
    placed = kept.join(places, on="number", how="left").sort("night", "place")
    nights = [placed.filter(pl.col("night") == night) for night in range(days)]
    honest = truth.height - aside.height - every.height
    return Standing(
        subscribers,
        every["score"].fill_null(0.0).to_numpy(),
        every["unit"].fill_null(-1).to_numpy(),
        max(0, honest),
        tuple((rows["place"].cast(pl.Int64).to_numpy(), rows["score"].to_numpy()) for rows in nights),
    )


def join_standings(standings: Sequence[Standing]) -> Standing:
    """Return several populations, of equally many nights, as one network."""
    starts = np.cumsum([0, *[len(each.scores) for each in standings]])
    units, offset = [], 0
    for each in standings:
        units.append(np.where(each.units >= 0, each.units + offset, -1))
        offset += int(each.units.max(initial=-1)) + 1
    nights = [
        (
            np.concatenate([each.nights[night][0] + start for each, start in zip(standings, starts, strict=False)]),
            np.concatenate([each.nights[night][1] for each in standings]),
        )
        for night in range(len(standings[0].nights))
    ]
    return Standing(
        sum(each.subscribers for each in standings),
        np.concatenate([each.scores for each in standings]),
        np.concatenate(units),
        sum(each.honest for each in standings),
        tuple(nights),
    )


def measure(standing: Standing, *, draws: int = 200) -> dict[str, Any]:
    """Return the figures of a network's queues.

    Parameters
    ----------
    standing
        The network.
    draws
        Bootstrap draws of whole boxes and of honest numbers; 0 leaves intervals out.

    Returns
    -------
    dict
        ``fraud`` (numbers), ``units`` (boxes), ``listed``, ``average_precision``, ``precision_at_k``,
        ``recall_at_budget``, and ``intervals`` of the last three.
    """
    units = sorted({int(unit) for unit in standing.units[standing.labels]})
    found = {name: compute(standing) for name, compute in MEASURES.items()}
    drawn = bootstrap_interval(
        lambda chosen, seed: [compute(standing.redraw(chosen, seed)) for compute in MEASURES.values()],
        units,
        draws=draws,
    )
    return {
        "fraud": int(standing.labels.sum()),
        "units": len(units),
        "listed": int((standing.labels & (standing.scores > 0)).sum()),
        **found,
        "intervals": dict(zip(MEASURES, drawn or [None] * len(MEASURES), strict=True)),
    }


MEASURES = {
    "average_precision": Standing.area,
    "precision_at_k": Standing.precision,
    "recall_at_budget": Standing.recall,
}
"""Figures of a standing by name."""
