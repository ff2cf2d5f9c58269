"""Long recordings in chunks: lengths, the short last one, failures in between, memory."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import soundfile

from audio_batch import AudioError
from audio_batch.remote import stream_file


class Scorer:
    """Scores by loudness, and looks at what it was sent."""

    def __init__(self) -> None:
        self.lengths: list[float] = []
        self.rates: set[int] = set()
        self.sent: list[dict] = []
        self.broken: set[int] = set()

    def detect_deepfake(self, audio_path: str, metadata: Any = None) -> dict:
        with wave.open(audio_path) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            self.lengths.append(file.getnframes() / file.getframerate())
            self.rates.add(file.getframerate())
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        self.sent.append(dict(metadata))
        if metadata["chunk_index"] in self.broken:
            raise requests.ConnectionError("gone")
        return {"score": round(float(np.abs(samples).mean()) / 32767, 4), "label": "uncertain"}

    def verify_mfa(self, audio_path: str, enrollment_id: str, context: Any = None) -> dict:
        return {"verified": context["chunk_index"] % 2 == 0, "enrollment_id": enrollment_id, "confidence": 0.5}


def _write(path: Path, seconds: float, rate: int = 8000, channels: int = 1) -> Path:
    frames = round(seconds * rate)
    level = np.where(np.arange(frames) < frames / 2, 0.1, 0.9)
    soundfile.write(path, np.repeat(level[:, None], channels, axis=1), rate, subtype="PCM_16")
    return path


@pytest.mark.parametrize(
    ("seconds", "lengths"),
    [(30, [10, 10, 10]), (25, [10, 10, 5]), (30.5, [10, 10, 10.5]), (21, [10, 10, 1]), (0.4, [0.4]), (10.99, [10.99])],
)
def test_lengths_of_chunks(tmp_path: Path, seconds: float, lengths: list[float]) -> None:
    scorer = Scorer()
    result = stream_file(scorer, _write(tmp_path / "long.wav", seconds))
    assert scorer.lengths == pytest.approx(lengths)
    assert [chunk["start"] for chunk in result["chunks"]] == pytest.approx([10 * n for n in range(len(lengths))])
    assert result["summary"]["seconds"] == pytest.approx(seconds)
    assert result["summary"]["total_chunks"] == len(lengths)


def test_the_summary(tmp_path: Path) -> None:
    told: list[tuple] = []
    scorer = Scorer()
    path = _write(tmp_path / "long.wav", 25)
    result = stream_file(
        scorer, path, enrollment_id="e", session_id="s", progress=lambda done, total: told.append((done, total))
    )
    scores = [chunk["deepfake"]["score"] for chunk in result["chunks"]]
    summary = result["summary"]
    assert summary["avg_deepfake_score"] == pytest.approx((scores[0] * 10 + scores[1] * 10 + scores[2] * 5) / 25)
    assert summary["max_deepfake_score"] == max(scores) > 0.7
    assert (summary["high_risk_chunks"], summary["verified_chunks"]) == (1, 2)
    assert told == [(10, 25), (20, 25), (25, 25)]
    assert result["session_id"] == "s" and scorer.sent[1]["parent_file"] == "long.wav"
    assert list(tmp_path.iterdir()) == [path]


def test_a_chunk_that_fails_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    scorer = Scorer()
    scorer.broken = {1}
    result = stream_file(scorer, _write(tmp_path / "long.wav", 30))
    assert result["chunks"][1]["error"] == "ConnectionError: gone"
    assert (result["summary"]["total_chunks"], result["summary"]["failed_chunks"]) == (2, 1)
    scorer.broken = {0, 1, 2}
    summary = stream_file(scorer, tmp_path / "long.wav")["summary"]
    assert (summary["total_chunks"], summary["avg_deepfake_score"], summary["max_deepfake_score"]) == (0, None, None)


def test_stereo_at_48_khz_is_mixed_and_resampled(tmp_path: Path) -> None:
    scorer = Scorer()
    stream_file(scorer, _write(tmp_path / "long.flac", 12, 48_000, 2), chunk_duration=5)
    assert scorer.rates == {16_000} and scorer.lengths == pytest.approx([5, 5, 2])


def test_what_was_decoded_before_the_damage_is_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.flac", np.random.default_rng(1).normal(0, 0.1, 25 * 8000), 8000)
    data = (tmp_path / "long.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: int(len(data) * 0.7)])
    result = stream_file(Scorer(), tmp_path / "cut.flac")
    assert result["summary"]["total_chunks"] == 2 and 15 < result["summary"]["seconds"] < 18
    assert result["error"]["code"] and result["error"]["message"]


def test_what_cannot_be_streamed(tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"junk")
    with pytest.raises(AudioError):
        stream_file(Scorer(), tmp_path / "bad.wav")
    with pytest.raises(ValueError, match=r"chunk_duration is 0\.5"):
        stream_file(Scorer(), tmp_path / "bad.wav", chunk_duration=0.5)


def test_half_an_hour_does_not_fill_the_memory(tmp_path: Path) -> None:
    """Half an hour at 16 kHz is 115 MB of samples; the second half of it may not cost anything."""
    for name, seconds in (("short.wav", 60), ("long.wav", 1800)):
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            for _ in range(seconds):
                file.writeframes(bytes(32_000))
    program = (
        "import resource, sys\n"
        "from audio_batch.remote import stream_file\n"
        "class Scorer:\n"
        "    def detect_deepfake(self, path, metadata=None): return {'score': 0.1, 'label': 'x'}\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "stream_file(Scorer(), sys.argv[1])\n"
        "before = peak()\n"
        "chunks = stream_file(Scorer(), sys.argv[2])['summary']['total_chunks']\n"
        "print(chunks, peak() - before)\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    chunks, grown = map(int, done.stdout.split())
    assert chunks == 180 and grown < 10
