"""A model from elsewhere from its file to the night: added, calibrated, compared, named in the settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Call
from onnx_networks import RATE, write_card, write_network


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, its card, and labelled recordings: the synthetic ones are rougher."""
    folder = tmp_path_factory.mktemp("models")
    write_card(folder / "card.toml", write_network(folder / "net.onnx"))
    rng, time = np.random.default_rng(2), np.arange(5 * RATE) / RATE
    for label, rough in (("human", 0.2), ("synthetic", 0.8)):
        for i in range(20):
            place = folder / "labelled" / label / f"source{i % 4}"
            place.mkdir(parents=True, exist_ok=True)
            voice = sum(np.sin(2 * np.pi * (110 + 5 * i) * k * time) / k for k in range(1, 14))
            signal = 0.1 * voice * (0.55 + 0.45 * np.sin(20 * time))
            signal += 0.02 * rough * np.exp(0.4 * rng.normal()) * rng.normal(size=time.size)
            soundfile.write(place / f"{i}.wav", signal.astype("f4"), RATE, subtype="PCM_16")
    return folder


def test_from_the_file_to_the_night(made: Path, call: Call) -> None:
    labelled, heard = made / "labelled", made / "labelled" / "synthetic" / "source0"
    added = call("audio", "models", "add", made / "net.onnx", "--card", made / "card.toml", "--json").document["model"]
    assert (added["name"], added["calibrated"]) == ("roughness", False)
    assert call("audio", "models", "list", "--json").document["models"] == [added]

    raw = call("audio", "score", heard, "--model", "roughness", "--json").document["recordings"]
    assert {(one["abstention"], one["label"]) for one in raw} == {("uncalibrated_model", "uncertain")}
    assert {one["model_version"] for one in raw} == {added["version"]}
    assert {one["model_sha256"] for one in raw} == {added["sha256"]}

    fitted = call("audio", "scorer", "calibrate", "--manifest", labelled, "--model", "roughness", "--out", "fitted")
    assert fitted.code == 0, fitted.stderr
    assert call("audio", "models", "add", "fitted").code == 0
    shown = call("audio", "models", "show", "fitted").stdout
    assert "yes, on 20 human and 20 synthetic recordings" in shown and added["sha256"] in shown

    compared = call(
        "audio", "scorer", "evaluate", "--manifest", labelled, "--model", "fitted", "--model", "roughness", "--json"
    ).document  # fmt: skip
    assert [one["calibrated"] for one in compared["scorers"]] == [True, False]
    assert compared["differences"][0]["low"] is not None and compared["sources"] == 4

    Path("sentinel.toml").write_text('scorer = { kind = "local", model = "fitted" }\n')
    ran = call("audio", "run", heard, "--policy", "voice_only", "--workers", "0", "--json")
    assert ran.code == 0, ran.stderr
    rows = ran.document["recordings"]
    assert {row["label"] for row in rows} >= {"likely_synthetic"}
    assert {row["model_version"].split("@")[0] for row in rows} == {"fitted"}
    ruled = call("audio", "route", heard / "0.wav", "--policy", "voice_only", "--json").document
    assert ruled["verdict"]["model_version"].startswith("fitted@")
    score = call("audio", "score", heard / "0.wav", "--json").document["recordings"][0]
    assert score["score"] == ruled["verdict"]["score"]

    assert call("audio", "models", "remove", "roughness").stdout.startswith("Removed: roughness@")
    gone = call("audio", "score", heard / "0.wav", "--model", "roughness", "--json")
    assert gone.code == 1 and "No model 'roughness'" in gone.document["error"]["message"]


def test_a_comparison_is_two_tables_and_what_they_do_not_say(made: Path, call: Call) -> None:
    call("audio", "models", "add", made / "net.onnx", "--card", made / "card.toml")
    call("audio", "models", "add", made / "net.onnx", "--card", made / "card.toml", "--name", "twin")
    done = call(
        "audio", "scorer", "evaluate", "--manifest", made / "labelled", "--model", "roughness", "--model", "twin"
    )
    assert done.code == 0 and "40 recordings of 4 sources" in done.stdout
    assert "twin@" in done.stdout and "+0.0 (+0.0 to" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert " uncalibrated_model" in done.stdout and "the intervals show little" in done.stderr


def test_a_network_in_the_settings_needs_no_store(made: Path, call: Call) -> None:
    table = f'kind = "onnx"\npath = "{made / "net.onnx"}"\nsample_rate = {RATE}\nwindow = 2.0\noutput = "logit"'
    Path("sentinel.toml").write_text(f"[scorer]\n{table}\n")
    heard = made / "labelled" / "human" / "source1"
    (one, *_) = call("audio", "score", heard, "--json").document["recordings"]
    assert (one["abstention"], one["model_version"].split("@")[0]) == ("uncalibrated_model", "net")
    assert call("config", "show").code == 0
    shipped = call("audio", "score", heard, "--model", "telephone-5", "--json").document["recordings"][0]
    assert shipped["model_version"] == "telephone-5" and len(shipped["model_sha256"]) == 64
    Path("sentinel.toml").write_text(f"[scorer]\n{table.replace('2.0', '3.0').replace('logit', 'softmax')}\n")
    bad = call("audio", "run", heard, "--workers", "0", "--json")
    assert bad.code == 2 and "output = 'softmax' means (1, 2)" in bad.document["error"]["message"]
    assert "net.onnx" in bad.document["error"]["message"] and bad.document["error"]["hint"]
