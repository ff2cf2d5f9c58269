"""Folders of small recordings, and a scorer whose answers stand in the files' names.

What the tests analyse again and again, the same few voices, is spoken and measured once.
"""

from __future__ import annotations

import copy
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from audio_speech import speak

from audio_batch import spoof
from audio_batch.batch.measurement import measure_worst
from audio_batch.verdict import Reason, SegmentScore, Verdict

HOSTILE_NAME = "<img src=x onerror=alert(1)>' 0.95.wav"


@cache
def _speak(seconds: float, seed: int) -> np.ndarray:
    return speak(seconds, 8000, seed)


def write_recording(path: Path, *, seconds: float = 4.0, seed: int = 0, channels: int = 1) -> Path:
    """Write a voice-like recording at 8 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    voice = _speak(seconds, seed)
    soundfile.write(path, np.stack([voice] * channels, axis=1), 8000, subtype="PCM_16", format="WAV")
    return path


def score_by_name(path: str, **_: Any) -> Verdict:
    """Score 0.95 for ``call 0.95.wav``; names with ``abstain`` get no label; the second of four segments is worst."""
    name = Path(path).name
    value = float(re.findall(r"\d\.\d+", name)[-1])
    label = "likely_synthetic" if value >= 0.7 else "uncertain" if value >= 0.4 else "likely_real"
    parts = (0.5, 1.0, 0.9, 0.3)
    segments = tuple(SegmentScore(0, None, float(t), t + 1.0, 0.8, value * part) for t, part in enumerate(parts))
    abstention = "too_little_speech" if "abstain" in name else None
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    reason = Reason("pitch_step_3", 0.1, float("-inf"), 2.0, 0.7, "Pitch is too steady; speaks for <b>synthetic</b>")
    return Verdict(
        str(path), digest, value, "uncertain" if abstention else label, 0.9, 1.0, f"recording-{digest[:16]}", "fake-1",
        4.0, 3.2, "narrowband", abstention, segments, (reason,), ("A notice.",),
    )  # fmt: skip


_measured: dict[object, list[dict[str, Any]]] = {}


def measure_once(path: str, verdict: Verdict, sampling_rate: int) -> list[dict[str, Any]]:
    """Measure features; they depend on the sound and the segments alone, and are kept."""
    key = (verdict.sha256, verdict.segments, sampling_rate)
    if key not in _measured:
        _measured[key] = measure_worst(path, verdict, sampling_rate)
    return copy.deepcopy(_measured[key])


@pytest.fixture
def fake_scorer(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the scorer in this process; returns the names of what it scored."""
    scored: list[str] = []

    def score(path: str, **options: Any) -> Verdict:
        scored.append(Path(path).name)
        return score_by_name(path, **options)

    monkeypatch.setitem(vars(spoof), "score", score)  # by name, the real one and its libraries would be loaded
    monkeypatch.setattr("audio_batch.batch.stages.measure_worst", measure_once)
    monkeypatch.setattr("audio_batch.batch.running._count_workers", lambda _: 0)
    return scored
