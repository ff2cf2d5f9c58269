"""Decisions that the steps of one analysis share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_batch.segmentation import cut_segments, detect_speech, grid, keep_decisions
from audio_batch.segmentation.activity import DETECTORS
from audio_batch.segmentation.energy import detect_frames
from audio_batch.validation import validate

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


def test_validation_and_segments_of_a_long_recording_ask_about_each_minute_once(
    asked: list[int], tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.random.default_rng(1).standard_normal(150 * 8000) * 0.05, 8000)
    with keep_decisions():
        checked = validate(path)
        list(cut_segments(path))
    assert checked.quality is not None
    # Three minutes, each with six seconds on either side.
    assert asked == [66 * 8000, 72 * 8000, 36 * 8000]


def test_no_more_samples_are_kept_than_are_allowed(asked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "_KEPT_BYTES", SIGNAL.nbytes)
    other = SIGNAL[::-1].copy()
    with keep_decisions():
        for signal in (SIGNAL, other, SIGNAL, other):
            detect_speech(signal, 8000)
    assert len(asked) == 3
