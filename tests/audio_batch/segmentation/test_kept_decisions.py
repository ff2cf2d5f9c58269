"""Decisions that the steps of one analysis share."""

from __future__ import annotations

import numpy as np
import pytest

from audio_batch.segmentation import detect_speech, keep_decisions
from audio_batch.segmentation.activity import DETECTORS
from audio_batch.segmentation.energy import detect_frames

SIGNAL = np.random.default_rng(0).standard_normal(8000).astype(np.float32)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the number of samples of each question that the detector is asked."""
    sizes: list[int] = []

    def detect(signal: np.ndarray, sampling_rate: int) -> np.ndarray:
        sizes.append(signal.size)
        return detect_frames(signal, sampling_rate)

    monkeypatch.setitem(DETECTORS, "energy", detect)
    return sizes


def test_the_same_samples_are_judged_once_inside_the_block_and_each_time_outside(asked: list[int]) -> None:
    signal = SIGNAL.copy()
    with keep_decisions():
        first, second = detect_speech(signal, 8000), detect_speech(signal.copy(), 8000)
    assert len(asked) == 1
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, detect_speech(signal, 8000))
    assert len(asked) == 2


def test_other_samples_and_other_rates_are_judged_anew(asked: list[int]) -> None:
    signal = SIGNAL.copy()
    with keep_decisions():
        detect_speech(signal, 8000)
        detect_speech(signal, 16000)
        signal[100] += 0.5
        detect_speech(signal, 8000)
    assert len(asked) == 3
