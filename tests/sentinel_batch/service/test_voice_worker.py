"""What a worker answers, line by line; in this process, so that nothing stands between."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from onnx_networks import RATE, write_network

from audio_batch.demo import SAMPLES, cut_clips
from sentinel_batch.config import Config
from sentinel_batch.recordings import settle_scorer
from sentinel_batch.service.voice.outcomes import describe_detection
from sentinel_batch.service.voice.worker import serve

HUMAN = str(SAMPLES / "call-human.wav")


def converse(store: Path, *orders: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Return what a worker answers to orders, its greeting first."""
    lines = ({"store": str(store), **options}, *orders)
    requests = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
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


def test_a_worker_scores_with_the_network_of_the_settings(tmp_path: Path) -> None:
    path = write_network(tmp_path / "net.onnx")
    config = Config(
        audio_scorer={"kind": "onnx", "path": str(path), "sample_rate": RATE, "window": 2.0, "output": "logit"}
    )
    model = settle_scorer(config, scorer="local").model
    greeting, heard = converse(tmp_path / "store", {"kind": "analyse", "path": HUMAN}, model=model)
    assert greeting == {"ready": True}
    assert heard["verdict"]["abstention"] == "uncalibrated_model"
    assert heard["verdict"]["model_version"].startswith("net@")
    answer = describe_detection(heard, "session-1", 1.0)
    assert (answer["undetermined"], answer["label"], answer["recommended_action"]) == (
        True, "uncertain", "defer_to_review",
    )  # fmt: skip
    assert answer["model_sha256"] == heard["verdict"]["model_sha256"] and len(answer["model_sha256"]) == 64


def test_a_worker_whose_network_is_none_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_text("no network")
    model = {"kind": "onnx", "path": str(tmp_path / "net.onnx"), "sample_rate": RATE, "window": 2.0, "output": "logit"}
    (greeting,) = converse(tmp_path / "store", model=model)
    assert "is not a model in ONNX form" in greeting["failure"]["message"]
