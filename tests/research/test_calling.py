"""Calls are described as the scorer hears them, and belong to the folds of their sources."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

import audio_batch
from audio_batch.spoof import ear
from audio_batch.spoof.ear import read_hearing
from research.scorer.calling import describe_call, read_calls
from research.scorer.joining import COLUMNS
from research.scorer.table import find_folds, fold_sources

SHIPPED = Path(ear.__file__).parent / "models" / "telephone-5"
SAMPLE = Path(audio_batch.__file__).parent / "samples" / "call-human.wav"


class Encoder:
    """Hears the mean."""

    def describe(self, signal: np.ndarray) -> np.ndarray:
        return np.full((5, 2, 4), signal.mean(), np.float32)


def test_a_call_has_a_row_for_each_overlapping_segment_and_the_fold_of_its_source(tmp_path: Path) -> None:
    heard = read_hearing(SHIPPED, "narrowband").ear
    rows = [("a.wav", "human", "s0: x 0", "", "s0"), ("b.wav", "synthetic", "s1: e", "s1", "s1")]
    speech, rate = soundfile.read(SAMPLE, dtype="float32", always_2d=True)
    once = np.concatenate([speech[:, 0]] * 3)[: 10 * rate]
    for row in rows:
        soundfile.write(tmp_path / row[0], once, rate)
        described = describe_call(tmp_path / row[0], heard, Encoder())  # type: ignore[arg-type]
        np.savez(tmp_path / f"{row[0]}.npz", **described)  # type: ignore[arg-type]
    with (tmp_path / "calls.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows])
    calls = read_calls(tmp_path)
    assert list(calls.clips) == [0] * 4 + [1] * 4, "4 s, begun every 2 s"
    assert list(calls.labels) == [0] * 4 + [1] * 4 and set(calls.voices) == {"s0: x 0", "s1: e"}
    assert calls.ear.shape == (8, 300) and calls.states.shape == (8, 5, 2, 4) and not calls.copied.any()
    folds = fold_sources(calls)
    assert list(find_folds(calls, folds, calls.take(calls.labels == 1))) == [folds[4]] * 4 != [folds[0]] * 4
