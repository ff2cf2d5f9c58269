"""Folders of small recordings, and a scorer whose answers stand in the files' names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from audio_speech import speak

from audio_batch.verdict import Reason, SegmentScore, Verdict

HOSTILE_NAME = "<img src=x onerror=alert(1)>' 0.95.wav"


def write_recording(path: Path, *, seconds: float = 4.0, seed: int = 0, channels: int = 1) -> Path:
    """Write a voice-like recording at 8 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    voice = speak(seconds, 8000, seed)
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


@pytest.fixture
def fake_scorer(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the scorer in this process; returns the names of what it scored."""
    import audio_batch.spoof

    scored: list[str] = []

    def score(path: str, **options: Any) -> Verdict:
        scored.append(Path(path).name)
        return score_by_name(path, **options)

    monkeypatch.setattr(audio_batch.spoof, "score", score)
    monkeypatch.setattr("audio_batch.batch.running._count_workers", lambda _: 0)
    return scored
