"""Figures of queues against plain counting."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_batch.evaluation.metrics import (
    area_under_precision,
    bootstrap_interval,
    precision_at,
    review_nightly,
    summarise_delays,
)
from sentinel_batch.evaluation.standing import join_standings, measure, stand

ROWS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])), min_size=1, max_size=12)
REST = st.integers(0, 4)


def shuffled_precision(rows: list[tuple[int, float]], count: int, missed: int, honest: int, draws: int = 3000) -> float:
    """Break ties by chance, many times; those who were not listed come last."""
    rng = random.Random(7)
    every = [*rows, *[(1, 0.0)] * missed, *[(0, 0.0)] * honest]
    total = 0.0
    for _ in range(draws):
        ranked = sorted(every, key=lambda row: (-row[1], rng.random()))
        total += sum(label for label, _ in ranked[:count]) / count
    return total / draws


@settings(deadline=None)
@given(ROWS, REST, REST)
def test_the_area_is_the_mean_precision_over_fraud_with_ties_taken_together(
    rows: list[tuple[int, float]], missed: int, honest: int
) -> None:
    every = [*rows, *[(1, 0.0)] * missed, *[(0, 0.0)] * honest]
    shares = []
    for label, score in every:
        if label:
            at_least = [other for other, value in every if value >= score]
            shares.append(sum(at_least) / len(at_least))
    found = area_under_precision([row[0] for row in rows], [row[1] for row in rows], missed, honest)
    assert found == (pytest.approx(sum(shares) / len(shares)) if shares else None)


@pytest.mark.parametrize("seed", range(6))
def test_precision_takes_ties_and_the_unlisted_by_their_expected_share(seed: int) -> None:
    rng = random.Random(seed)
    rows = [(rng.randint(0, 1), rng.choice([0.2, 0.6, 0.9])) for _ in range(rng.randint(1, 9))]
    missed, honest = rng.randint(0, 3), rng.randint(0, 5)
    for count in range(1, len(rows) + missed + honest + 1):
        exact = precision_at([row[0] for row in rows], [row[1] for row in rows], count, missed, honest)
        assert exact == pytest.approx(shuffled_precision(rows, count, missed, honest), abs=0.04)


def test_precision_beyond_everybody_counts_places_that_stay_empty() -> None:
    assert precision_at([1, 0], [0.9, 0.8], 4, 1, 0) == pytest.approx(2 / 4)
    assert precision_at([1], [0.9], 0) is None


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0.3, 0.6])), max_size=8), max_size=4),
       st.integers(0, 3))  # fmt: skip
def test_each_night_the_best_that_nobody_has_seen_are_looked_at(
    nights: list[list[tuple[int, float]]], budget: int
) -> None:
    listed = [dict(night) for night in nights]
    seen: list[int] = []
    for night in listed:
        fresh = sorted((number for number in night if number not in seen), key=lambda n: (-night[n], n))
        seen += fresh[:budget]
    found = review_nightly([(list(night), list(night.values())) for night in listed], budget)
    assert found.tolist() == seen


def test_an_interval_is_drawn_over_units_and_holds_the_figure() -> None:
    shares = {unit: unit / 10 for unit in range(10)}
    [interval] = bootstrap_interval(lambda chosen, _: [float(np.mean([shares[u] for u in chosen]))], range(10)) or []
    assert interval is not None and interval[0] < 0.45 < interval[1]
    assert 0.2 < interval[1] - interval[0] < 0.6
    assert bootstrap_interval(lambda chosen, _: [1.0], range(2)) is None


def test_delays_that_never_end_are_no_short_ones() -> None:
    assert summarise_delays([10.0, 30.0, None]) == {"numbers": 3, "found": 2, "median": 30.0, "slow": None}
    assert summarise_delays([None]) == {"numbers": 1, "found": 0, "median": None, "slow": None}
    assert summarise_delays([]) == {"numbers": 0, "found": 0, "median": None, "slow": None}


TRUTH = pl.DataFrame(
    {
        "number": ["a", "b", "c", "d", "e", "f", "g"],
        "role": ["fraud", "fraud", "fraud", "fraud", "hard_negative", "subscriber", "subscriber"],
        "kind": ["simbox", "simbox", "simbox", "wangiri", "call_kiosk", "consumer", "consumer"],
        "strategy": ["naive", "naive", "capped", None, None, None, None],
        "box_id": ["1", "1", "2", None, None, None, None],
        "fraud_start": [1, 1, 1, 1, None, None, None],
    }
)
QUEUE = pl.DataFrame(
    {
        "night": [0, 0, 0, 1, 1, 1, 1],
        "number": ["c", "d", "e", "c", "d", "e", "a"],
        "score": [0.9, 0.99, 0.4, 0.9, 0.99, 0.4, 0.8],
    }
)


def test_other_fraud_is_neither_a_hit_nor_a_false_alert() -> None:
    naive = (pl.col("kind") == "simbox") & (pl.col("strategy") == "naive")
    standing = stand(QUEUE, TRUTH, naive, days=2, subscribers=1_000_000)
    assert standing.honest == 2
    assert sorted(standing.scores.tolist()) == [0.0, 0.4, 0.8]
    figures = measure(standing, draws=0)
    assert (figures["fraud"], figures["listed"], figures["units"]) == (2, 1, 1)
    assert figures["precision_at_k"] == pytest.approx(0.5)
    assert figures["average_precision"] == pytest.approx((1 + 2 / 5) / 2)
    assert figures["recall_at_budget"] == pytest.approx(0.5)


def test_populations_are_one_network_with_one_budget() -> None:
    standing = stand(QUEUE, TRUTH, pl.col("kind") == "simbox", days=2, subscribers=10_000)
    both = join_standings([standing, standing])
    assert both.recall(daily=50.0) == pytest.approx(2 / 6)  # 20,000 subscribers: one look a night.
    assert standing.recall(daily=50.0) == 0.0
    assert sorted(set(both.units[both.labels].tolist())) == [0, 1, 2, 3]
    assert both.precision() == standing.precision()


def test_a_redrawn_network_has_the_boxes_that_were_drawn() -> None:
    standing = stand(QUEUE, TRUTH, pl.col("kind") == "simbox", days=2, subscribers=1_000_000)
    capped = int(standing.units[standing.scores == 0.9][0])
    drawn = standing.redraw([capped, capped], seed=1)
    assert drawn.labels.sum() == 2
    assert drawn.scores[drawn.labels].tolist() == [0.9, 0.9]
    assert drawn.recall() == 1.0
