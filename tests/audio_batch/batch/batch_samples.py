"""Folders of small recordings for the tests of a batch, and a scorer for its workers that misbehaves by file name."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
from audio_speech import speak
from polars.testing import assert_frame_equal

from audio_batch.batch import VOLATILE_COLUMNS, BatchResult

SCORER = """
import hashlib, os, signal, time
from pathlib import Path
import audio_batch.spoof
from audio_batch.verdict import SegmentScore, Verdict

def score(path, *, model=None, channel_roles=None, profile="telephone", **_):
    name, content = Path(path).name, Path(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if "kill" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in name:
        os._exit(7)
    if "hang" in name:
        while True:
            time.sleep(60)
    if "boom" in name:
        raise ZeroDivisionError("a defect")
    if "memory" in name:
        raise MemoryError
    print("a library that prints to standard output")
    time.sleep(float(os.environ.get("TEST_SCORER_SECONDS", 0)))
    value = int(digest[:4], 16) / 65535
    roles = channel_roles or {}
    segments = tuple(SegmentScore(0, roles.get(0), t, t + 1.0, 0.8, value * (t + 1) / 5) for t in (0.0, 1.0, 2.0, 3.0))
    label = "likely_real" if value < 0.5 else "likely_synthetic"
    return Verdict(str(path), digest, value, label, 0.9, time.time() % 1000, digest[:16], "fake-1", 4.0, 3.2,
                   "narrowband", None, segments)

audio_batch.spoof.score = score
"""


@cache
def _speak(seconds: float, seed: int) -> np.ndarray:
    voice = speak(seconds, 8000, seed)
    return voice + 0.001 * np.random.default_rng(seed).standard_normal(voice.size)


def write_recording(path: Path, seed: int, seconds: float = 4.0, channels: int = 1) -> Path:
    """Write a voice-like recording at 8 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([_speak(seconds, seed)] * channels, axis=1), 8000, subtype="PCM_16", format="WAV")
    return path


def fill_inbox(folder: Path) -> Path:
    """Write five recordings, with names that need care, and a file that is none."""
    for number, name in enumerate(["b.wav", "a.wav", "deep/er/c.WAV", "é ü.wav", "line\nbreak.wav"]):
        write_recording(folder / name, number)
    (folder / "notes.txt").write_text("no recording")
    return folder


def stable(result: BatchResult) -> BatchResult:
    """Leave out the columns that may differ between two runs."""
    return BatchResult(result.recordings.drop(VOLATILE_COLUMNS), result.segments, result.features)


def assert_same(one: BatchResult, other: BatchResult) -> None:
    """Compare the tables of two batches to the last digit."""
    for name in ("recordings", "segments", "features"):
        assert_frame_equal(getattr(stable(one), name), getattr(stable(other), name))


def find_row(result: BatchResult, path: str) -> dict[str, object]:
    """Return the row of one recording."""
    return result.recordings.row(by_predicate=pl.col("path") == path, named=True)


def wait_for(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
