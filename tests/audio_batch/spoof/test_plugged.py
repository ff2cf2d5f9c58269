"""Networks that are plugged in: their contract, their scores, and what is refused."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
from onnx import external_data_helper, helper
from onnx_networks import RATE, SAMPLES, WINDOW, make_network, roughness, write_network

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.routing import list_policies, route
from audio_batch.spoof import calibrate_model, evaluate_model, load_model, score, score_signal
from audio_batch.spoof.contract import Contract
from audio_batch.spoof.model import Model
from audio_batch.spoof.plugged_network import prepare
from batch_base.extras import MissingExtraError


def plug(path: Path, **changes: Any) -> Model:
    contract = {"sample_rate": RATE, "window": WINDOW, "output": "logit", **changes}
    return load_model({"kind": "onnx", "path": path, **contract})


def make_speech(rough: float, seconds: float = 5.0, seed: int = 0) -> np.ndarray:
    """Return a voice in syllables with noise: `rough` is how much of it."""
    rng, time = np.random.default_rng(seed), np.arange(int(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * (110 + 7 * (seed % 9)) * k * time) / k for k in range(1, 14))
    return (0.1 * voice * (0.55 + 0.45 * np.sin(20 * time)) + 0.02 * rough * rng.normal(size=time.size)).astype("f4")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Human recordings are smoother than synthetic ones, with some overlap; six sources."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(5)
    for label, amount in (("human", 0.3), ("synthetic", 0.9)):
        for i in range(24):
            place = folder / label / f"source{i % 6}"
            place.mkdir(parents=True, exist_ok=True)
            signal = make_speech(amount * np.exp(0.35 * rng.normal()), seed=i)
            soundfile.write(place / f"{i}.wav", signal, RATE, subtype="PCM_16")
    return folder


@pytest.mark.parametrize("output", ["logit", "probability", "logits", "softmax"])
@pytest.mark.parametrize("shape", [("batch", "samples"), (1, 1, SAMPLES)])
def test_every_output_means_the_same_log_odds(tmp_path: Path, output: str, shape: tuple[Any, ...]) -> None:
    model = plug(write_network(tmp_path / "n.onnx", output=output, shape=shape, gain=4, bias=-1), output=output)
    signal = make_speech(1.0)[:SAMPLES]
    outputs = model.channels["narrowband"].score([signal, signal * 0.5])
    assert outputs.log_odds == pytest.approx([4 * roughness(signal) - 1] * 2, abs=1e-3)
    assert outputs.values.shape == (2, 0) and not outputs.outside.any()


@pytest.mark.parametrize("output", ["logit", "probability", "logits", "softmax"])
def test_the_index_says_which_class_is_synthetic(tmp_path: Path, output: str) -> None:
    path = write_network(tmp_path / "n.onnx", output=output, gain=4, bias=-1)
    signal = make_speech(1.0)[:SAMPLES]
    one, zero = (
        plug(path, output=output, synthetic_index=index).channels["narrowband"].score([signal]).log_odds[0]
        for index in (1, 0)
    )
    assert one == pytest.approx(-zero) and abs(one) > 0.1


def test_a_segment_is_normalised_then_brought_to_length() -> None:
    contract = {"sample_rate": 1000, "window": 0.01, "hop": 0.01, "output": "logit"}
    signal = np.array([0.1, -0.2, 0.3], dtype=np.float32)
    assert prepare(signal, Contract(**contract)).tolist() == np.resize(signal, 10).tolist()
    peak = prepare(signal, Contract(**contract, normalisation="peak", padding="zero"))
    assert peak.max() == 1 and not peak[3:].any() and peak.dtype == np.float32
    even = prepare(np.arange(10, dtype=np.float32) + 5, Contract(**contract, normalisation="zscore"))
    assert even.mean() == pytest.approx(0, abs=1e-6) and even.var() == pytest.approx(1, abs=1e-5)
    assert np.isfinite(prepare(np.zeros(4, dtype=np.float32), Contract(**contract, normalisation="zscore"))).all()
    assert len(prepare(np.ones(25, dtype=np.float32), Contract(**contract))) == 10


def test_an_uncalibrated_network_scores_and_decides_nothing(tmp_path: Path) -> None:
    path = write_network(tmp_path / "net work.onnx")
    verdict = score_signal(make_speech(0.2), RATE, model=plug(path))
    assert (verdict.label, verdict.abstention) == ("uncertain", "uncalibrated_model")
    assert verdict.score is not None and "are not calibrated" in verdict.notices[-1]
    assert verdict.model_version.startswith("net-work@")
    assert verdict.model_sha256 == plug(path).sha256 and len(verdict.model_sha256) == 64
    actions = {policy: route(verdict, None, {}, policy).action for policy in list_policies()}
    assert actions and "ALLOW" not in actions.values()


def test_segments_have_the_length_and_hop_of_the_contract(tmp_path: Path) -> None:
    model = plug(write_network(tmp_path / "n.onnx"), hop=0.5)
    verdict = score_signal(make_speech(0.3, 5.0), RATE, model=model)
    assert [segment.start for segment in verdict.segments][:3] == [0.0, 0.5, 1.0]
    assert {round(segment.end - segment.start, 6) for segment in verdict.segments} == {WINDOW}
    path = tmp_path / "call.wav"
    soundfile.write(path, make_speech(0.3, 5.0), RATE, subtype="FLOAT")
    of_file = score(path, model=model)
    assert [s.start for s in of_file.segments] == [s.start for s in verdict.segments]
    assert of_file.score == pytest.approx(verdict.score, abs=1e-4)


def test_another_sampling_rate_is_brought_to_the_networks(tmp_path: Path) -> None:
    path = write_network(tmp_path / "n.onnx", shape=("b", "s"))
    model = plug(path, sample_rate=16000)
    verdict = score_signal(make_speech(0.5), RATE, model=model)
    assert len(verdict.segments) > 1 and verdict.channel_class == "narrowband"


def test_calibration_makes_likelihood_ratios_whatever_the_scale(labelled: Path, tmp_path: Path) -> None:
    figures = []
    for gain in (0.02, 12.0, 900.0):
        path = write_network(tmp_path / f"{gain:g}.onnx", gain=gain, bias=-gain / 5)
        raw = evaluate_model(labelled, model=plug(path)).figures[0]
        assert (raw.cllr, raw.fpr, raw.fnr, raw.act_dcf, raw.abstained) == (None, None, None, None, 1.0)
        fitted = calibrate_model(labelled, tmp_path / f"{gain:g}", model=plug(path))
        known = evaluate_model(labelled, model=tmp_path / f"{gain:g}").figures[0]
        assert known.cllr is not None and known.cllr < 0.8
        assert known.eer == pytest.approx(raw.eer, abs=0.05) and known.abstained < 0.2
        assert fitted.sha256 == plug(path).sha256 and fitted.version == f"{gain:g}"
        figures.append(known.cllr)
    assert max(figures) - min(figures) < 0.02


def test_a_calibrated_network_gives_labels_and_is_told_from_the_uncalibrated(labelled: Path, tmp_path: Path) -> None:
    path = write_network(tmp_path / "n.onnx")
    model = calibrate_model(labelled, tmp_path / "fitted", model=plug(path))
    assert model.cited != plug(path).cited and model.sha256 == plug(path).sha256
    stored = json.loads((tmp_path / "fitted" / "model.json").read_text())
    assert stored["channels"]["narrowband"]["fitted_on"] == [24, 24]
    verdicts = [score_signal(make_speech(amount, seed=3), RATE, model=model) for amount in (0.1, 1.0)]
    assert [verdict.abstention for verdict in verdicts] == [None, None]
    assert verdicts[0].score < verdicts[1].score  # type: ignore[operator]
    assert verdicts[1].label == "likely_synthetic"
    again = calibrate_model(labelled, tmp_path / "again", model=tmp_path / "fitted")
    assert again.channels["narrowband"].fitted_on == (24, 24)  # type: ignore[attr-defined]
    figures = [evaluate_model(labelled, model=one).figures[0] for one in (model, again)]
    assert figures[1].cllr == pytest.approx(figures[0].cllr, abs=0.03)


def test_a_network_the_wrong_way_round_is_not_calibrated_but_said(labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="gives human recordings higher scores") as refused:
        calibrate_model(labelled, tmp_path / "out", model=plug(write_network(tmp_path / "n.onnx"), synthetic_index=0))
    assert "Set synthetic_index" in refused.value.hint and not (tmp_path / "out").exists()


def test_the_same_recording_has_the_same_score_whatever_is_scored_beside_it(tmp_path: Path) -> None:
    scorer = plug(write_network(tmp_path / "n.onnx")).channels["narrowband"]
    signals = [make_speech(0.5, WINDOW, seed) for seed in range(5)]
    together = scorer.score(signals).log_odds
    assert [scorer.score([signal]).log_odds[0] for signal in signals] == together.tolist()


def test_sessions_have_one_thread(tmp_path: Path) -> None:
    session = plug(write_network(tmp_path / "n.onnx")).channels["narrowband"].network.session  # type: ignore[attr-defined]
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_a_network_that_gives_no_number_on_a_call_gives_an_error_never_a_score(tmp_path: Path) -> None:
    # Infinite where a segment is loud: the made-up voice that a network is tried with is not.
    limit = helper.make_node("Max", ["one"], ["all"])
    loud = [
        limit,
        helper.make_node("ReduceMax", ["all"], ["peak"], keepdims=0),
        helper.make_node("Greater", ["peak", "tiny"], ["any"]),
        helper.make_node("Exp", ["scaled"], ["huge"]),
        helper.make_node("Add", ["answer", "huge"], ["final"]),
    ]
    scale = helper.make_node("Mul", ["peak", "hundred"], ["scaled"])
    hundred = helper.make_node("Constant", [], ["hundred"], value_float=100.0)
    nodes = (loud[0], loud[1], hundred, scale, loud[3], loud[4])
    model = plug(write_network(tmp_path / "n.onnx", extra_nodes=nodes, final="final"))
    assert score_signal(make_speech(0.3) * 0.2, RATE, model=model).score is not None
    with pytest.raises(ModelError, match=r"n\.onnx' answers \[inf\], which is no finite number"):
        score_signal(make_speech(0.3) * 8, RATE, model=model)


def keep_gain_in(location: str, **options: Any) -> bytes:
    model = make_network(**options)
    for tensor in model.graph.initializer:
        if tensor.name == "gain":
            external_data_helper.set_external_data(tensor, location=location)
            tensor.ClearField("raw_data")
    return model.SerializeToString()


NOISY = (
    helper.make_node("RandomNormalLike", ["answer"], ["noise"]),
    helper.make_node("Add", ["answer", "noise"], ["noisy"]),
)
STEAL = (helper.make_node("Steal", ["answer"], ["stolen"], domain="evil.ops"),)
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "rank 1": ({"shape": ("samples",)}, {}, r"shape \('samples',\), rank 1; allowed: \(1, 16000\)", "batch, samples"),
    "rank 4": ({"shape": (1, 1, 1, "s")}, {}, "rank 4; allowed", "batch, samples"),
    "channels dynamic": ({"shape": ("b", "c", "s")}, {}, r"\('b', 'c', 's'\); allowed", "one channel"),
    "batch of four": ({"shape": (4, "s")}, {}, r"\(4, 's'\); allowed", "one segment at a time"),
    "other window": ({"shape": (1, 64000)}, {}, "takes 64000 samples; its card says 16000", "window = 8"),
    "not a number": ({"bias": float("nan")}, {}, r"answers \[nan\], which is no finite number", "in Python"),
    "out of range": ({"gain": 50}, {"output": "probability"}, "not from 0 to 1", 'output = "logit"'),
    "no shares": ({"output": "logits"}, {"output": "softmax"}, "no two shares", 'output = "logits"'),
    "two for one": ({"output": "logits"}, {}, r"shape \(1, 2\); output = 'logit' means", "Set output"),
    "one for two": ({}, {"output": "softmax"}, r"shape \(1, 1\); output = 'softmax' means \(1, 2\)", "Set output"),
    "no such output": ({}, {"output_name": "nope"}, "no output 'nope'; it has 'answer'", "output_name"),
    "no such input": ({}, {"input": "nope"}, "no input 'nope'; it has 'waveform'", "input"),
    "chance": ({"extra_nodes": NOISY, "final": "noisy"}, {}, "two answers to the same segment", r"model\.eval"),
    "foreign operator": (
        {"extra_nodes": STEAL, "final": "stolen", "opsets": (("", 17), ("evil.ops", 1))}, {},
        "operators that are not ONNX's own: evil.ops::Steal", "never loaded",
    ),
    "other hash": ({}, {"sha256": "0" * 64}, "its card says 0000", "Download it again"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_network_that_does_not_keep_its_contract_is_refused(tmp_path: Path, name: str) -> None:
    made, said, message, hint = BAD[name]
    path = write_network(tmp_path / "bad.onnx", **made)
    with pytest.raises(ModelError, match=message) as refused:
        plug(path, **said)
    assert "bad.onnx" in refused.value.message
    assert re.search(hint, refused.value.hint)


def test_a_second_input_is_refused(tmp_path: Path) -> None:
    model = make_network()
    model.graph.input.append(helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, [1]))
    (tmp_path / "two.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"2 inputs \('waveform', 'mask'\); allowed: one"):
        plug(tmp_path / "two.onnx")


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (b"a text", "torch.onnx.export"),
        (b"PK\x03\x04" + bytes(30), "a PyTorch file"),
        (b"\x80\x04pickle", "a pickle"),
        (b"", "torch.onnx.export"),
        (make_network().SerializeToString()[:-40], "torch.onnx.export"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes, hint: str) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.onnx' (is not a model in ONNX form|cannot be run)") as refused:
        plug(tmp_path / "x.onnx")
    assert hint in refused.value.hint


@pytest.mark.parametrize("place", [b"waveform", b"answer", b"Conv", b"batch"])
def test_a_damaged_name_is_refused_and_nothing_is_printed(
    tmp_path: Path, place: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = make_network().SerializeToString()
    for wrong in (b"\xff", b"!"):
        (tmp_path / "x.onnx").write_bytes(whole.replace(place, wrong + place[1:], 1))
        with contextlib.suppress(ModelError):
            plug(tmp_path / "x.onnx")
    assert capfd.readouterr().out == ""


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        plug(tmp_path / "none.onnx")


def test_weights_are_read_from_the_models_folder_and_from_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = np.array([[12.0]], dtype="<f4").tobytes()
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside.bin").write_bytes(weights)
    (folder / "inside.bin").write_bytes(weights)
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    monkeypatch.chdir(tmp_path)
    for location in (str(tmp_path / "outside.bin"), "../outside.bin", "link.bin", "C:\\outside.bin", "sub/../../x"):
        (folder / "n.onnx").write_bytes(keep_gain_in(location))
        with pytest.raises(ModelError, match=r"wants weights from .*, outside of its folder; allowed: files"):
            plug(folder / "n.onnx")
    for location in ("outside.bin", "*/_ORT_MEM_ADDR_/*"):  # beside us, but not beside the model; in memory
        (folder / "n.onnx").write_bytes(keep_gain_in(location))
        with pytest.raises(ModelError, match="there is no such file beside it"):
            plug(folder / "n.onnx")
    (folder / "n.onnx").write_bytes(keep_gain_in("inside.bin"))
    signal = make_speech(1.0)[:SAMPLES]
    inside = plug(folder / "n.onnx").channels["narrowband"].score([signal]).log_odds
    assert inside == pytest.approx(
        plug(write_network(tmp_path / "w.onnx")).channels["narrowband"].score([signal]).log_odds
    )


def test_a_changed_file_is_opened_again(tmp_path: Path) -> None:
    path = write_network(tmp_path / "n.onnx", bias=-6.0)
    before = plug(path).sha256
    write_network(path, bias=-5.0, output="logit", shape=("b", "s"))
    assert plug(path).sha256 != before


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match="extra 'onnx'"):
        plug(write_network(tmp_path / "n.onnx"))
