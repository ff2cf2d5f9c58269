"""Figures of rankings and calibration of probabilities, against plain-Python arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.errors import ModelError
from sentinel_batch.learning.measures import average_precision, precision_at, recall_at, reliability
from sentinel_batch.learning.probability import Calibration, fit_calibration, to_log_odds, to_probability
from sentinel_batch.learning.sampling import draw

ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=25)


def _plain_average_precision(rows: list[tuple[int, int, int]]) -> float | None:
    total = sum(weight for label, _, weight in rows if label)
    if not total:
        return None
    area = 0.0
    for edge in {score for _, score, _ in rows}:
        seen = sum(weight for _, score, weight in rows if score >= edge)
        found = sum(weight for label, score, weight in rows if label and score >= edge)
        gained = sum(weight for label, score, weight in rows if label and score == edge)
        area += gained / total * found / seen
    return area


@settings(deadline=None, max_examples=examples(60))
@given(ROWS)
def test_average_precision_agrees_with_plain_arithmetic(rows: list[tuple[int, int, int]]) -> None:
    labels, scores, weights = zip(*rows, strict=True)
    expected = _plain_average_precision(rows)
    found = average_precision(labels, scores, weights)
    assert found == (None if expected is None else pytest.approx(expected))


def test_precision_at_k_shares_out_ties() -> None:
    labels, scores = [1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1]
    assert precision_at(labels, scores, 1) == 1
    assert precision_at(labels, scores, 2) == 0.75
    assert precision_at(labels, scores, 9) == 0.5
    assert precision_at(labels, scores, 0) is None
    assert recall_at(labels, scores, 2) == 0.75
    assert recall_at([0, 0], [1, 2], 1) is None


def test_reliability_counts_every_row_once() -> None:
    bands = reliability([0, 0, 1, 1], [0.0, 0.05, 0.6, 1.0], edges=(0.0, 0.1, 1.0))
    assert [(band["rows"], band["true"]) for band in bands] == [(2, 0.0), (2, 1.0)]
    assert bands[1]["stated"] == 0.8


def test_calibration_recovers_the_line_that_made_the_labels() -> None:
    random = np.random.default_rng(1)
    scores = random.normal(0, 3, 40_000)
    labels = random.random(40_000) < to_probability(1.5 * scores - 1)
    found = fit_calibration(scores, labels, base_rate=float(labels.mean()))
    assert found.slope == pytest.approx(1.5, abs=0.1)
    assert found.offset == pytest.approx(-1, abs=0.1)


def test_mean_probability_is_the_base_rate() -> None:
    random = np.random.default_rng(2)
    labels = np.arange(5000) < 500
    scores = random.normal(labels * 2.0, 1.0)
    found = fit_calibration(scores, labels, base_rate=0.001)
    stated = to_probability(found.log_odds(scores))
    assert 0.001 * stated[labels].mean() + 0.999 * stated[~labels].mean() == pytest.approx(0.001, rel=0.02)


def test_separable_classes_get_a_finite_slope_and_reversed_ones_keep_the_order() -> None:
    found = fit_calibration([0.0, 1.0, 5.0, 6.0], [0, 0, 1, 1], base_rate=0.5)
    assert 0 < found.slope < 100
    assert fit_calibration([6.0, 5.0, 1.0, 0.0], [0, 0, 1, 1], base_rate=0.5).slope > 0


def test_another_base_rate_moves_the_log_odds() -> None:
    line = Calibration(1.0, 0.0, base_rate=0.01)
    moved = line.log_odds([2.0], base_rate=0.5) - line.log_odds([2.0])
    assert moved == pytest.approx(to_log_odds(0.5) - to_log_odds(0.01))
    with pytest.raises(ModelError, match="base rate 0 is not allowed"):
        line.log_odds([1.0], base_rate=0)


def test_a_probability_needs_both_classes() -> None:
    with pytest.raises(ModelError, match="needs examples of both classes"):
        fit_calibration([1.0, 2.0], [1, 1])


def test_draws_depend_on_name_and_seed_alone() -> None:
    values = [draw(f"+{n}", 1) for n in range(1000)]
    assert values == [draw(f"+{n}", 1) for n in range(1000)]
    assert values != [draw(f"+{n}", 2) for n in range(1000)]
    assert 0.45 < sum(values) / 1000 < 0.55
    assert draw("\ud800", 1) >= 0
