"""Who scores: one way to say it, in batches too, and several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from api_server import KEY, ApiServer, serve_api
from onnx import helper
from onnx_networks import RATE, WINDOW, write_card, write_network

import audio_batch
from audio_batch.errors import AudioUsageError
from audio_batch.scorers import choose_scorer, compare_scorers
from audio_batch.spoof import add_model, calibrate_model


def make_speech(rough: float, seed: int) -> np.ndarray:
    rng, time = np.random.default_rng(seed), np.arange(5 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * (110 + 7 * seed) * k * time) / k for k in range(1, 14))
    return (0.1 * voice * (0.55 + 0.45 * np.sin(20 * time)) + 0.02 * rough * rng.normal(size=time.size)).astype("f4")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    for label, rough in (("human", 0.1), ("synthetic", 0.9)):
        for i in range(6):
            place = folder / label / f"source{i % 3}"
            place.mkdir(parents=True, exist_ok=True)
            soundfile.write(place / f"{i}.wav", make_speech(rough, i), RATE, subtype="PCM_16")
    return folder


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_network(tmp_path / "rough.onnx")


def spec(network: Path, **changes: Any) -> dict[str, Any]:
    return {"kind": "onnx", "path": network, "sample_rate": RATE, "window": WINDOW, "output": "logit", **changes}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("API_URL", "DEEPFAKE_PATH"):
        monkeypatch.delenv(f"SONOTHEIA_{name}", raising=False)
    monkeypatch.setenv("SONOTHEIA_API_KEY", KEY)
    with serve_api() as server:
        yield server


def test_words_and_tables_say_the_same(network: Path) -> None:
    assert choose_scorer() == choose_scorer("local") == choose_scorer({"kind": "local"})
    assert choose_scorer({"kind": "local", "model": "x"}) == choose_scorer("local", model="x")
    assert choose_scorer({"kind": "remote", "fallback": "none"}) == choose_scorer("remote", fallback="none")
    choice = choose_scorer(spec(network))
    assert (choice.scorer, choice.model) == ("local", {**spec(network), "path": str(network)})


@pytest.mark.parametrize(
    ("scorer", "message", "hint"),
    [
        ("cloud", "the kind 'cloud' is not known; allowed: local, onnx, remote", "default is local"),
        ({}, "the kind is missing", "default is local"),
        ({"kind": "onx"}, "'onx' is not known", "Did you mean 'onnx'"),
        ({"kind": "onnx", "pfad": "x"}, "no key 'pfad' of kind 'onnx'", "voice-models"),
        ({"kind": "onnx", "path": "x", "sampel_rate": 1}, "no key 'sampel_rate'", "Did you mean 'sample_rate'"),
        ({"kind": "onnx", "path": "x", "sample_rate": 8000, "window": 2.0}, "the key output is missing", "output ="),
        ("onnx", "the key path is missing", "path ="),
        ({"kind": "remote", "key": "secret-word"}, "no key 'key' of kind 'remote'", "voice-models"),
        ({"kind": "remote", "url": "ftp://x"}, "url = 'ftp://x' is no address", "SONOTHEIA_API_KEY"),
        ({"kind": "remote", "url": "https://me:secret-word@x"}, "url has a user", "SONOTHEIA_API_KEY"),
        ({"kind": "remote", "fallback": "maybe"}, "fallback is 'maybe'; allowed: local, none", "default is local"),
    ],
)
def test_what_is_not_allowed_is_said_without_secrets(scorer: Any, message: str, hint: str) -> None:
    with pytest.raises(AudioUsageError) as refused:
        choose_scorer(scorer)
    assert message in refused.value.message and hint in refused.value.hint
    assert "secret-word" not in str(refused.value)


def test_two_models_at_once_are_refused(network: Path) -> None:
    with pytest.raises(AudioUsageError, match="brings a model, and another is named"):
        choose_scorer(spec(network), model="telephone-5")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_batch_scores_with_a_plugged_in_network(
    labelled: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.chdir(network.parent)
    result = audio_batch.run(
        labelled, scorer=spec(Path(network.name)), policy="voice_only", workers=workers, with_features=False
    ).recordings
    assert result["status"].unique().to_list() == ["abstained"]
    assert result["abstention"].unique().to_list() == ["uncalibrated_model"]
    assert result["label"].unique().to_list() == ["uncertain"]
    assert "ALLOW" not in result["action"].to_list() and result["action"].null_count() == 0
    assert result["model_version"].unique().len() == 1 and result["model_version"][0].startswith("rough@")
    assert result["model_sha256"].unique().str.len_chars().to_list() == [64]
    human = pl.col("path").str.starts_with("human")
    assert result.filter(human)["score"].max() < result.filter(~human)["score"].min()  # type: ignore[operator]


def test_a_calibrated_network_labels_and_routes(labelled: Path, network: Path, tmp_path: Path) -> None:
    calibrate_model(labelled, tmp_path / "fitted", model=spec(network), force=True)
    result = audio_batch.run(
        labelled, model=tmp_path / "fitted", policy="voice_only", workers=0, with_features=False
    ).recordings
    assert result["abstention"].null_count() == 12
    assert set(result["model_sha256"]) == {audio_batch.spoof.load_model(tmp_path / "fitted").sha256}
    synthetic = result.filter(pl.col("path").str.starts_with("synthetic"))
    assert synthetic["label"].to_list() == ["likely_synthetic"] * 6 and "ALLOW" not in synthetic["action"].to_list()


def test_a_network_that_fails_on_a_recording_costs_that_recording_only(labelled: Path, tmp_path: Path) -> None:
    nodes = (
        helper.make_node("Identity", ["one"], ["all"]),
        helper.make_node("ReduceMax", ["all"], ["peak"], keepdims=0),
        helper.make_node("Constant", [], ["much"], value_float=200.0),
        helper.make_node("Mul", ["peak", "much"], ["scaled"]),
        helper.make_node("Exp", ["scaled"], ["huge"]),
        helper.make_node("Sub", ["huge", "huge"], ["nothing"]),  # NaN where it overflows
        helper.make_node("Add", ["answer", "nothing"], ["final"]),
    )
    fragile = write_network(tmp_path / "fragile.onnx", extra_nodes=nodes, final="final")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name, gain in (("quiet.wav", 0.3), ("loud.wav", 6.0)):
        soundfile.write(inbox / name, np.clip(make_speech(0.2, 1) * gain, -1, 1), RATE, subtype="PCM_16")
    rows = audio_batch.run(
        inbox, scorer=spec(fragile), policy="voice_only", workers=0, with_features=False
    ).recordings.to_dicts()
    loud, quiet = rows
    assert (quiet["status"], quiet["error_code"]) == ("abstained", None) and quiet["score"] is not None
    assert (loud["status"], loud["error_stage"], loud["score"]) == ("failed", "score", None)
    assert loud["error_code"] == "model" and "no finite number" in loud["error_message"]
    assert loud["action"] not in (None, "ALLOW")


def test_a_bad_network_ends_the_batch_before_any_recording(labelled: Path, tmp_path: Path) -> None:
    bad = write_network(tmp_path / "bad.onnx", bias=float("nan"))
    with pytest.raises(AudioUsageError, match=r"bad\.onnx' answers \[nan\]"):
        audio_batch.run(labelled, scorer=spec(bad), workers=1)


def test_a_remote_scorer_of_a_table_scores_and_its_failures_are_rows(
    labelled: Path, api: ApiServer, tmp_path: Path
) -> None:
    api.script = [400] * 5
    table = {"kind": "remote", "url": api.url, "fallback": "none"}
    result = audio_batch.run(labelled, scorer=table, policy="voice_only", workers=0, with_features=False).recordings
    failed, scored = result.filter(status="failed"), result.filter(status="scored")
    assert (failed.height, scored.height) == (5, 7)
    assert failed["error_code"].unique().to_list() == ["remote_refused"]
    assert failed["score"].null_count() == 5 and "ALLOW" not in failed["action"].to_list()
    assert scored["scorer"].unique().to_list() == ["remote"] and set(scored["score"]) == {0.12}


def test_scorers_are_compared_on_the_same_recordings(labelled: Path, network: Path, api: ApiServer) -> None:
    api.script = [400]
    told: list[tuple[int, int]] = []
    remote = {"kind": "remote", "url": api.url}
    found = compare_scorers(
        labelled, {"rough": spec(network), "api": remote}, progress=lambda done, total: told.append((done, total))
    )
    assert [one.name for one in found.scorers] == ["rough", "api"]
    rough, other = found.scorers
    assert (rough.figures.eer, other.figures.eer) == (0.0, 0.5)
    assert (other.figures.fpr, other.figures.fnr) == (0.0, 1.0)  # by the labels that it gave
    assert (found.recordings, found.left_out, found.sources) == (11, 1, 3)
    assert len(other.failed) == 1 and "400" in other.failed[0][1]
    assert found.differences[0].eer == 0.5 and found.differences[0].low == 0.5
    assert told[-1] == (24, 24)


def test_scorers_that_nobody_could_tell_apart_are_refused(labelled: Path, network: Path) -> None:
    with pytest.raises(AudioUsageError, match="Two of the scorers are called 'rough@"):
        compare_scorers(labelled, [spec(network), spec(network)])


def test_an_added_model_is_what_the_table_says(labelled: Path, network: Path, tmp_path: Path) -> None:
    card = write_card(tmp_path / "card.toml", network, name="rough")
    added = add_model(network, store=tmp_path / "store", card=card)
    by_table = audio_batch.spoof.load_model({"kind": "onnx", "path": network, "card": card})
    assert by_table.cited == added.version
    with pytest.raises(AudioUsageError, match="sample_rate beside card"):
        audio_batch.spoof.load_model({"kind": "onnx", "path": network, "card": card, "sample_rate": 8000})


def test_a_labelled_folder_names_its_sources(labelled: Path, tmp_path: Path) -> None:
    from audio_batch.spoof.manifest import read_clips

    clips = read_clips(labelled)
    assert len(clips) == 12 and {clip.source for clip in clips} == {"source0", "source1", "source2"}
    assert {clip.family for clip in clips if clip.label} == {"source0", "source1", "source2"}
    (tmp_path / "Real").mkdir()
    soundfile.write(tmp_path / "Real" / "a.wav", make_speech(0.1, 1), RATE)
    (tmp_path / "Real" / "notes.txt").write_text("no recording")
    assert [(clip.label, clip.source) for clip in read_clips(tmp_path)] == [(0, "unnamed")]
    (tmp_path / "Real").rename(tmp_path / "other")
    with pytest.raises(AudioUsageError, match="no recordings in folders named after a label; there is 'other'"):
        read_clips(tmp_path)
