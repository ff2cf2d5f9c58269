"""What a worker answers, line by line; in this process, so that nothing stands between."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from audio_batch.demo import SAMPLES, cut_clips
from sentinel_batch.service.voice.worker import serve

HUMAN = str(SAMPLES / "call-human.wav")


def converse(store: Path, *orders: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a worker answers to orders, its greeting first."""
    requests = b"".join(json.dumps(line).encode() + b"\n" for line in ({"store": str(store)}, *orders))
    answers = io.BytesIO()
    serve(io.BytesIO(requests), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_orders_are_answered_one_by_one(tmp_path: Path) -> None:
    store = tmp_path / "voiceprints"
    clips = [str(path) for path in cut_clips(SAMPLES / "customer-enrollment.wav", tmp_path)]
    (tmp_path / "page.wav").write_text("<html>")
    greeting, heard, unread, gone, unknown, few, made, known, compared = converse(
        store,
        {"kind": "analyse", "path": HUMAN, "features": True},
        {"kind": "analyse", "path": str(tmp_path / "page.wav")},
        {"kind": "analyse", "path": HUMAN, "enrollment_id": "ada"},
        {"kind": "look_up", "enrollment_id": "ada"},
        {"kind": "enroll", "enrollment_id": "ada", "paths": clips[:2]},
        {"kind": "enroll", "enrollment_id": "ada", "paths": clips},
        {"kind": "look_up", "enrollment_id": "ada"},
        {"kind": "analyse", "path": HUMAN, "enrollment_id": "ada"},
    )
    assert greeting == {"ready": True}
    assert heard["verdict"]["label"] == "likely_real" and heard["failure"] is None and heard["is_valid"] is True
    assert len(heard["features"]) == 3 and heard["verification"] is None
    assert unread["failure"]["code"] == "not_audio" and unread["verdict"] is None
    assert gone["failure"]["code"] == "not_enrolled" and unknown == {"enrolled": False}
    assert "there are 2 clips" in few["failure"]["message"]
    assert made["enrollment"]["clips"] == 3 and known == {"enrolled": True}
    assert compared["verification"]["verified"] is True and compared["features"] == []


@pytest.mark.parametrize("kind", ["look_up", "analyse"])
def test_store_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path, kind: str) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    order = {"kind": kind, "enrollment_id": "ada"} | ({"path": HUMAN} if kind == "analyse" else {})
    _, found = converse(tmp_path / "open", order)
    assert "Others may enter" in found["failure"]["message"] and found["failure"]["code"] == "store_unusable"
