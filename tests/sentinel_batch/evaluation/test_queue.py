"""The bench ranks as ``rank_suspects`` does: rules, model, boxes and cases are witnesses."""

from __future__ import annotations

import polars as pl
import pytest

from sentinel_batch.evaluation.queue import FUSED, GROUPED, MODEL, RULES, build_queue
from sentinel_batch.scores.queue import fuse_witnesses

_NIGHT = {"night": pl.Int32}
RULE_SCORES = pl.DataFrame(
    {"night": [0, 0, 0], "number": ["a", "b", "c"], "rule_score": [0.5, 0.5, 0.2]}, schema_overrides=_NIGHT
)
PROBABILITIES = pl.DataFrame(
    {"night": [0, 0, 0], "number": ["b", "d", "e"], "probability": [0.1, 0.9, 0.4], "listed": [False, True, False]},
    schema_overrides=_NIGHT,
)
MEMBERS = pl.DataFrame(
    {
        "night": [0] * 11,
        "case_id": [1] * 8 + [2] * 3,
        "number": ["a", *[f"s{n}" for n in range(7)], "c", "x", "y"],
    },
    schema_overrides=_NIGHT,
)
BOXES = pl.DataFrame(
    {"night": [0, 0], "box_id": [7, 7], "number": ["b", "s0"], "probability": [0.8, 0.8]}, schema_overrides=_NIGHT
)


def ranked(method: str) -> dict[str, float]:
    queue = build_queue(method, RULE_SCORES, PROBABILITIES, MEMBERS, BOXES)
    return {number: round(score, 6) for number, score in queue.select("number", "score").iter_rows()}


def test_each_method_lists_its_own_numbers() -> None:
    case = 0.8 * (1 - 3 / 8)
    assert ranked(RULES) == {"a": 0.5, "b": 0.5, "c": 0.2}
    grouped = {"a": 1 - 0.5 * (1 - case), "b": 1 - 0.5 * 0.2, "c": 0.2, "s0": 1 - (1 - case) * 0.2}
    assert ranked(GROUPED) == pytest.approx(grouped)
    assert ranked(MODEL) == {"d": 0.9}
    # What the model does not list raises what others list, and nothing else: e stays out.
    assert ranked(FUSED) == pytest.approx({**grouped, "b": 1 - 0.5 * 0.2 * 0.9, "d": 0.9})


@pytest.mark.parametrize("size", [None, 1, 3, 4, 64])
def test_no_witness_lowers_a_score_and_small_cases_say_nothing(size: int | None) -> None:
    row = pl.DataFrame({"r": [0.6], "p": [None], "n": [size]}, schema={"r": pl.Float64, "p": pl.Float64, "n": pl.Int64})
    [score] = row.select(fuse_witnesses(pl.col("r"), pl.col("p"), pl.col("n"))).to_series().to_list()
    assert score >= 0.6 - 1e-12
    assert (score > 0.6 + 1e-9) == (size is not None and size > 3)
    assert score < 1
