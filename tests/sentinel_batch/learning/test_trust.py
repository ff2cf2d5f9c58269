"""What a model's judgement of a night is worth: drift, silence, and the order of its scores."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from sentinel_batch.learning.figures import FEATURE_NAMES
from sentinel_batch.learning.model import Model
from sentinel_batch.learning.probability import Calibration
from sentinel_batch.learning.reference import MUCH, measure_changes, take_reference, weigh_changes
from sentinel_batch.learning.trust import RANK_TRUST, check_scores, witness

GAINS = {"minutes_per_day": 3.0, "reciprocity": 1.0}


def _callers(count: int, seed: int = 1, **other: Any) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {name: random.normal(size=count) for name in FEATURE_NAMES}
    columns |= {"callees_per_day": np.abs(random.normal(size=count)), "label": 0, "weight": 1.0, "network": 0}
    frame = pl.DataFrame({**columns, "number": [f"+{place:06d}" for place in range(count)]})
    return frame.with_columns(**other)


def _model(threshold: float = 0.5) -> Model:
    reference = take_reference(_callers(5_000), GAINS)
    return Model({}, Calibration(1.0, 0.0, 0.001), 7, threshold, reference=reference)


def _scores(rows: pl.DataFrame, highest: float = 0.9) -> pl.DataFrame:
    probability = np.linspace(highest, highest / 100, rows.height)
    return rows.with_columns(
        pl.Series("probability", probability), pl.Series("log_odds", np.log(probability / (1 - probability)))
    )


def test_the_index_is_that_of_the_books() -> None:
    kept = {"reciprocity": {"edges": [0.0], "shares": [0.5, 0.4, 0.1], "weight": 1.0}}
    rows = pl.DataFrame({"reciprocity": [-1.0, -1.0, 0.0, 1.0, None]})
    expected = sum((a - e) * math.log(a / e) for a, e in ((0.6, 0.5), (0.2, 0.4), (0.2, 0.1)))
    assert measure_changes(kept, rows) == {"reciprocity": pytest.approx(expected)}


def test_the_same_callers_have_not_drifted_and_others_have() -> None:
    model = _model()
    same = check_scores(_scores(_callers(5_000, seed=2)), model)
    assert same.trusted and same.drift is not None and same.drift < 0.02
    moved = check_scores(_scores(_callers(5_000, seed=2, minutes_per_day=pl.col("minutes_per_day") + 2)), model)
    assert list(moved.drifted) == ["minutes_per_day"]
    assert "minutes per day" in moved.notices[0] and "cannot be trusted" in moved.notices[0]
    # A figure that carries no weight may change as it likes.
    idle = check_scores(_scores(_callers(5_000, seed=2, gap_cv=pl.col("gap_cv") + 9)), model)
    assert idle.trusted


def test_a_column_that_is_missing_is_a_change() -> None:
    rows = _callers(500, reciprocity=pl.lit(None, dtype=pl.Float64))
    changes = measure_changes(_model().reference["features"], rows)
    assert changes["reciprocity"] > 1 and changes["minutes_per_day"] < MUCH


def test_the_limit_allows_what_the_networks_of_training_showed() -> None:
    parts = [_callers(400, seed=3), _callers(400, seed=4, network=1, minutes_per_day=pl.col("minutes_per_day") + 3)]
    examples = pl.concat(part.with_columns(pl.col("network").cast(pl.Int32)) for part in parts)
    reference = take_reference(examples, GAINS)
    farthest = max(weigh_changes(reference["features"], measure_changes(reference["features"], part)) for part in parts)
    assert reference["limit"] == pytest.approx(farthest, abs=1e-6) and farthest > MUCH
    assert take_reference(_callers(50), GAINS) == {}


def test_silence_is_said_where_fraud_is_to_be_expected() -> None:
    model = _model()
    check = check_scores(_scores(_callers(2_000), highest=0.1), model)
    assert check.expected == 2 and not check.trusted
    assert (
        "the highest probability is 0.100, and 2 fraudulent numbers would be expected among 2,000" in check.notices[0]
    )
    assert check_scores(_scores(_callers(500), highest=0.1), model).trusted  # Half a number is expected: none is fine.
    few = check_scores(_scores(_callers(40)), model)
    assert few.drift is None and few.to_dict()["trusted"]


def test_a_rank_is_worth_half_of_what_is_expected_ahead_of_it() -> None:
    model = _model()
    scores = _scores(_callers(2_000), highest=0.1)
    silent = witness(scores, model, check_scores(scores, model))
    assert silent["model_rank"].to_list()[:3] == [1, 2, 3]
    assert silent["witness"].to_list()[:4] == pytest.approx([0.5, 0.5, 1 / 3, 0.25])
    assert silent["listed"].to_list()[:3] == [True, True, False]
    trusted = witness(scores, model, replace(check_scores(scores, model), notices=()))
    assert not trusted["listed"].any()  # It raises what others list, and lists nothing of its own.
    assert trusted["witness"].max() == RANK_TRUST
    assert (trusted["witness"] >= trusted["probability"]).all()
