"""The score of a recording from those of its segments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_batch.errors import AudioUsageError
from audio_batch.spoof.aggregation import aggregate_scores, find_suspicious_spans
from audio_batch.verdict import SegmentScore


def test_one_spliced_sentence_shows_and_one_odd_segment_does_not() -> None:
    human = np.random.default_rng(0).uniform(0.02, 0.2, 299)
    odd, spliced = human.copy(), human.copy()
    odd[100], spliced[100:103] = 0.99, 0.99
    assert aggregate_scores(human) < 0.25
    assert aggregate_scores(odd) < 0.65
    assert aggregate_scores(spliced) > 0.95
    assert np.mean(spliced) < 0.15


probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=400)


@given(probabilities, st.randoms(use_true_random=False))
def test_aggregation_ignores_order_and_stays_within_the_scores(scores: list[float], random: object) -> None:
    result = aggregate_scores(scores)
    random.shuffle(scores)  # type: ignore[attr-defined]
    assert aggregate_scores(scores) == result
    assert min(max(min(scores), 0.0024), 0.9975) - 1e-9 <= result <= max(max(scores), 0.0025) + 1e-9


@given(probabilities, st.data())
def test_a_higher_segment_never_lowers_the_recording(scores: list[float], data: st.DataObject) -> None:
    before = aggregate_scores(scores)
    index = data.draw(st.integers(0, len(scores) - 1))
    scores[index] = data.draw(st.floats(scores[index], 1))
    assert aggregate_scores(scores) >= before - 1e-12


def test_no_segment_has_no_score() -> None:
    assert aggregate_scores([]) is None


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ([0.2, 1.5], {}, "score 1.5 is not in"),
        ([float("nan")], {}, "score nan is not in"),
        ([0.2], {"share": 0}, "share is 0; allowed"),
        ([0.2], {"at_least": 0}, "at_least is 0; allowed"),
    ],
)
def test_wrong_aggregation_is_said(scores: list[float], options: dict[str, float], message: str) -> None:
    with pytest.raises(AudioUsageError, match=message):
        aggregate_scores(scores, **options)  # type: ignore[arg-type]


def test_spans_join_what_overlaps_within_a_channel() -> None:
    rows = [(0, 0, 0.9), (0, 2, 0.95), (0, 4, 0.1), (0, 20, 0.8), (1, 2, 0.7), (1, 6, 0.9)]
    segments = [SegmentScore(channel, None, start, start + 4, 3.0, score) for channel, start, score in rows]
    spans = find_suspicious_spans(reversed(segments), 0.7)
    assert [(s.channel, s.start, s.end, s.score) for s in spans] == [
        (0, 0, 6, 0.95),
        (0, 20, 24, 0.8),
        (1, 2, 10, 0.9),
    ]
