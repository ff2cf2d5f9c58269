"""Who scores: what is asked for wins over the settings, and added models go by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audio_batch.scorers import Choice
from sentinel_batch.config import Config
from sentinel_batch.recordings import find_models, settle_scorer

ONNX = {"kind": "onnx", "path": "m.onnx", "sample_rate": 8000, "window": 2.0, "output": "logit"}
REMOTE = {"kind": "remote", "url": "https://voice.example", "fallback": "none"}
LOCAL = Choice("local", "local", None)


@pytest.mark.parametrize(
    ("setting", "asked", "expected"),
    [
        ("local", {}, LOCAL),
        ("remote", {}, Choice("remote", "local", None)),
        (ONNX, {}, Choice("local", "local", ONNX)),
        (REMOTE, {}, Choice("remote", "none", None, "https://voice.example")),
        (ONNX, {"scorer": "local"}, Choice("local", "local", ONNX)),
        (ONNX, {"model": "telephone-2"}, Choice("local", "local", "telephone-2")),
        (ONNX, {"scorer": "local", "model": "telephone-2"}, Choice("local", "local", "telephone-2")),
        (ONNX, {"scorer": "remote"}, Choice("remote", "local", None)),
        (REMOTE, {"scorer": "remote", "fallback": "local"}, Choice("remote", "local", None, "https://voice.example")),
        (REMOTE, {"scorer": "local"}, LOCAL),
        (REMOTE, {"model": "telephone-2"}, Choice("remote", "none", "telephone-2", "https://voice.example")),
        ("local", {"scorer": ONNX}, Choice("local", "local", ONNX)),
    ],
)
def test_what_is_asked_for_wins_over_the_settings(setting: Any, asked: dict[str, Any], expected: Choice) -> None:
    assert settle_scorer(Config(audio_scorer=setting), **asked) == expected


def test_added_models_go_by_their_names(tmp_path: Path) -> None:
    config = Config(lake=tmp_path, audio_scorer={"kind": "local", "model": "mine"})
    assert settle_scorer(config).model == "mine"  # nobody has added it: a shipped one, or none
    place = tmp_path / "voice-models" / "mine"
    place.mkdir(parents=True)
    (place / "model.json").write_text("{}")
    assert settle_scorer(config).model == str(place)
    assert settle_scorer(config, model="../voice-models/mine").model == "../voice-models/mine"
    assert find_models(Config(lake="s3://bucket/lake")) is None
    assert settle_scorer(Config(lake="s3://bucket/lake"), model="mine").model == "mine"
