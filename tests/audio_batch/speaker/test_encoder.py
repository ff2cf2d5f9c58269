"""The encoder: the same figures as its source, whatever the batch; and encoders given by path."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audio_batch.errors import ModelError
from audio_batch.speaker.encoder import (
    SHIPPED_ENCODER,
    LstmEncoder,
    MelInput,
    OnnxEncoder,
    cut_windows,
    load_encoder,
    mel_bands,
    mel_energies,
    set_level,
)


def run_plain_lstm(window: np.ndarray) -> np.ndarray:
    """The network of the source (PyTorch's LSTM, gates i, f, g, o) written out for one window in double precision."""
    with np.load(SHIPPED_ENCODER) as stored:
        weights = {name: stored[name].astype(np.float64) for name in stored.files}

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    states = window.astype(np.float64)
    for layer in range(3):
        hidden, memory, outputs = np.zeros(256), np.zeros(256), []
        for frame in states:
            driven = weights[f"lstm.weight_ih_l{layer}"] @ frame + weights[f"lstm.bias_ih_l{layer}"]
            driven += weights[f"lstm.weight_hh_l{layer}"] @ hidden + weights[f"lstm.bias_hh_l{layer}"]
            enter, keep, fresh, leave = np.split(driven, 4)
            memory = sigmoid(keep) * memory + sigmoid(enter) * np.tanh(fresh)
            hidden = sigmoid(leave) * np.tanh(memory)
            outputs.append(hidden)
        states = np.array(outputs)
    embedding = np.maximum(weights["linear.weight"] @ states[-1] + weights["linear.bias"], 0)
    return embedding / np.linalg.norm(embedding)


@pytest.fixture(scope="module")
def encoder() -> LstmEncoder:
    loaded = load_encoder()
    assert isinstance(loaded, LstmEncoder)
    return loaded


@pytest.fixture
def windows() -> np.ndarray:
    return (np.random.default_rng(1).random((3, 160, 40)) ** 4).astype(np.float32)


def test_windows_are_embedded_as_the_network_is_defined(encoder: LstmEncoder, windows: np.ndarray) -> None:
    assert np.allclose(encoder.embed_windows(windows)[1], run_plain_lstm(windows[1]), atol=2e-5)


def test_batching_changes_nothing(encoder: LstmEncoder, windows: np.ndarray) -> None:
    together = encoder.embed_windows(windows)
    apart = np.concatenate([encoder.embed_windows(window[None]) for window in windows])
    assert np.allclose(together, apart, atol=1e-5)


def test_the_embedding_ignores_the_level(encoder: LstmEncoder) -> None:
    speech = np.random.default_rng(2).standard_normal(32_000).astype(np.float32)
    loud, quiet = encoder.encode(speech * np.float32(0.2)), encoder.encode(speech * np.float32(0.002))
    assert np.allclose(loud, quiet, atol=1e-5)
    assert np.linalg.norm(loud) == pytest.approx(1, abs=1e-5)


def test_mel_energies_are_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    signal = np.random.default_rng(3).standard_normal(20_000).astype(np.float32)
    expected = librosa.feature.melspectrogram(y=signal, sr=16_000, n_fft=400, hop_length=160, n_mels=40).T
    assert np.allclose(mel_energies(signal), expected, rtol=1e-4)
    assert np.allclose(mel_bands(80, 512), librosa.filters.mel(sr=16_000, n_fft=512, n_mels=80), atol=1e-7)


def test_windows_cover_every_frame_and_short_speech_is_repeated() -> None:
    frames = np.arange(400, dtype=np.float32)[:, None]
    cut = cut_windows(frames, 160, 96)
    assert cut[:, 0, 0].tolist() == [0, 96, 192, 240]
    assert set(cut.ravel()) == set(range(400))
    assert cut_windows(frames[:100], 160, 96)[0, [0, 99, 100, 159], 0].tolist() == [0, 99, 0, 59]


def test_silence_keeps_its_level() -> None:
    assert set_level(np.zeros(10, np.float32)).tolist() == [0] * 10


def test_an_encoder_is_printed_by_name_only(encoder: LstmEncoder) -> None:
    assert repr(encoder) == f"LstmEncoder('{encoder.version}')"
    assert encoder.version.startswith("resemblyzer-f16-")


def test_a_missing_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"No speaker encoder at .*none\.onnx'.*\nHint: Give the path of an \.onnx file"
    ):
        load_encoder(tmp_path / "none.onnx")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.npz"
    file.write_bytes(SHIPPED_ENCODER.read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be read"):
        load_encoder(file)
    np.savez(file, other=np.zeros(3))
    with pytest.raises(ModelError, match="cannot be read: KeyError"):
        load_encoder(file)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **{"linear.weight": np.array([{}], dtype=object)})
    with pytest.raises(ModelError, match="cannot be read: ValueError"):
        load_encoder(tmp_path / "w.npz")


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "x.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="is not an ONNX graph that can be run"):
        load_encoder(tmp_path / "x.onnx")


def field(number: int, value: int | str | bytes) -> bytes:
    """Encode one field of a protocol buffer: a small integer, or text and messages with their length."""
    if isinstance(value, int):
        return encode(number << 3) + encode(value)
    body = value.encode() if isinstance(value, str) else value
    return encode(number << 3 | 2) + encode(len(body)) + body


def encode(value: int) -> bytes:
    head = b""
    while value > 127:
        head, value = head + bytes([value & 127 | 128]), value >> 7
    return head + bytes([value])


def make_graph(path: Path, shape: list[int | str], axis: int) -> None:
    """Write an ONNX graph that averages its input over one axis: the simplest thing with the shape of an encoder."""
    axes = field(1, "axes") + field(8, axis) + field(20, 7)
    flag = field(1, "keepdims") + field(3, 0) + field(20, 2)
    node = field(1, "x") + field(2, "y") + field(4, "ReduceMean") + field(5, axes) + field(5, flag)
    sides = b"".join(field(1, field(1 if isinstance(side, int) else 2, side)) for side in shape)
    takes = field(1, "x") + field(2, field(1, field(1, 1) + field(2, sides)))
    gives = field(1, "y") + field(2, field(1, field(1, 1)))
    graph = field(1, node) + field(2, "mean") + field(11, takes) + field(12, gives)
    path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(2, 13)))


def test_an_onnx_encoder_over_mel_energies(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    make_graph(tmp_path / "mean.onnx", ["batch", "frames", 24], 1)
    (tmp_path / "mean.json").write_text(json.dumps({"mels": 24, "window": 50, "step": 50}))
    encoder = load_encoder(tmp_path / "mean.onnx")
    assert isinstance(encoder, OnnxEncoder)
    assert encoder.mel == MelInput(mels=24, window=50, step=50)
    assert encoder.encode(np.random.default_rng(4).standard_normal(16_000).astype(np.float32)).shape == (24,)
    assert encoder.version.startswith("mean-")


def test_an_onnx_encoder_is_described_by_allowed_keys_only(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    make_graph(tmp_path / "mean.onnx", ["batch", "frames", 24], 1)
    (tmp_path / "mean.json").write_text('{"melz": 24}')
    with pytest.raises(ModelError, match=r"does not describe the input.*melz.*\nHint: Allowed keys: mels, fft, hop"):
        load_encoder(tmp_path / "mean.onnx")


def test_an_onnx_encoder_over_a_waveform(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    make_graph(tmp_path / "wave.onnx", ["batch", "samples"], 1)
    encoder = load_encoder(tmp_path / "wave.onnx")
    assert isinstance(encoder, OnnxEncoder)
    assert encoder.mel is None
    assert encoder.encode(np.full(16_000, 0.1, np.float32)).tolist() == [1.0]
