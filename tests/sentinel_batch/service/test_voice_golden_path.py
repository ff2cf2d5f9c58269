"""Server and client together: the whole way of one call, as ``make golden-path`` goes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_golden_path_prints_the_published_document() -> None:
    command = [sys.executable, "-P", "-m", "sentinel_batch.service.voice.golden_path", "--session-id", "session-123"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert list(found) == ["session_id", "timestamp", "inputs", "results", "decision", "diagnostics"]
    assert found["inputs"] == {"audio_filename": "call-synthetic.wav", "audio_seconds": 9.629, "samplerate_hz": 8000}
    deepfake, mfa, sar = (found["results"][step] for step in ("deepfake", "mfa", "sar"))
    assert deepfake["label"] == "likely_synthetic" and mfa["verified"] is False
    assert sar["status"] == "submitted" and sar["draft"] is True and sar["session_id"] == "session-123"
    assert found["decision"]["route"] == "BLOCK" and found["diagnostics"]["errors"] == []
    assert "her enrolment is active" in done.stderr


@pytest.mark.slow
def test_benchmark_compares_the_same_scores(tmp_path: Path) -> None:
    options = ["--files", "2", "--seconds", "8", "--turns", "1", "--out", str(tmp_path / "table.md")]
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-m", "benchmarks.voice_service", *options], cwd=root, check=True)
    assert "at least 0.8×" in (tmp_path / "table.md").read_text()
