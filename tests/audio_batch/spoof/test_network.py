"""The network of the scorer: its pictures and its file."""

from __future__ import annotations

import numpy as np
import pytest

from audio_batch.errors import ModelError
from audio_batch.spoof.network import FRAMES, frame_picture, load_network
from audio_batch.spoof.picture import LEVELS_PER_UNIT
from audio_batch.spoof.representation import Spectra
from audio_batch.spoof.texture import BANDS, measure_texture, word_texture

RATE = 8000


def make_spectra(seconds: float = 4.0, seed: int = 0, gain: float = 1.0) -> Spectra:
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(7 * time))
    return Spectra.of(gain * (0.1 * voice + 0.001 * rng.normal(size=time.size)), RATE)


def test_pictures_have_one_shape_and_ignore_the_level():
    loud, quiet = frame_picture(make_spectra().picture), frame_picture(make_spectra(gain=0.02).picture)
    assert (loud.shape[0], loud.shape[2], loud.dtype) == (3, FRAMES, np.int8)
    assert np.abs(loud.astype(int) - quiet).max() <= 1


def test_short_segments_are_repeated():
    spectra = make_spectra(1.0)
    picture, frames = frame_picture(spectra.picture), spectra.layers.shape[2]
    assert picture.shape[2] == FRAMES
    assert np.array_equal(picture[:, :, :frames], picture[:, :, frames : 2 * frames])


def test_a_steady_voice_predicts_its_phase_and_noise_does_not():
    noise = Spectra.of(np.random.default_rng(1).normal(size=4 * RATE), RATE)
    steady, random = (spectra.picture[1].mean() / LEVELS_PER_UNIT for spectra in (make_spectra(), noise))
    assert steady > random + 0.2


def test_files_that_are_no_network(tmp_path):
    with pytest.raises(ModelError, match="No network at"):
        load_network(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ModelError, match=r"text\.onnx. is not a network in ONNX form"):
        load_network(tmp_path / "text.onnx")


def field(number: int, value: bytes | int) -> bytes:
    """Return one field of a protocol buffer message; short values only."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    size = [len(value)] if len(value) < 128 else [len(value) & 127 | 128, len(value) >> 7]
    return bytes([number << 3 | 2, *size]) + value


def make_onnx(name: str) -> bytes:
    """Return the smallest network that onnxruntime takes: the mean of its input, written by hand."""

    def tensor(name: str, sizes: list[int]) -> bytes:
        shape = b"".join(field(1, field(1, size)) for size in sizes)
        return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, shape)))

    def attribute(name: str, kind: int, *values: int) -> bytes:
        numbers = b"".join(field(8 if kind == 7 else 3, value) for value in values)
        return field(5, field(1, name.encode()) + numbers + bytes([20 << 3 & 127 | 128, 1, kind]))

    attributes = attribute("axes", 7, 1, 2, 3) + attribute("keepdims", 2, 0)
    node = field(1, name.encode()) + field(2, b"log_odds") + field(4, b"ReduceMean") + attributes
    graph = field(1, node) + field(2, b"g") + field(11, tensor(name, [1, 3, 4, 5])) + field(12, tensor("log_odds", [1]))
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 17))


def test_a_network_for_something_else_is_refused(tmp_path):
    (tmp_path / "other.onnx").write_bytes(make_onnx("waveform"))
    with pytest.raises(ModelError, match="takes 'waveform', not the picture of a segment"):
        load_network(tmp_path / "other.onnx")


def test_a_network_scores_each_picture_alone_and_always_alike(tmp_path):
    (tmp_path / "mean.onnx").write_bytes(make_onnx("picture"))
    network = load_network(tmp_path / "mean.onnx")
    pictures = np.random.default_rng(0).integers(-90, 90, size=(7, 3, 4, 5)).astype(np.int8)
    assert network.score(pictures) == pytest.approx(pictures.mean(axis=(1, 2, 3)), abs=1e-4)
    assert np.array_equal(network.score(pictures)[3:], network.score(pictures[3:]))
    network.save(tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "mean.onnx").read_bytes()


def test_texture_tells_a_steady_voice_from_noise_and_says_what_it_measures():
    noise = Spectra.of(np.random.default_rng(1).normal(size=4 * RATE), RATE)
    steady, random = measure_texture(make_spectra().picture), measure_texture(noise.picture)
    assert len(steady) == 40
    assert {rows.shape for rows in steady.values()} == {(BANDS,)}
    assert np.isfinite([*steady.values(), *random.values()]).all()
    assert steady["texture_memory4_level"][1] > 0.5 > abs(random["texture_memory4_level"][1])
    assert steady["texture_loud_steadiness"][1] > random["texture_loud_steadiness"][1]
    assert all(word_texture(stem) for stem in steady)
    assert word_texture("band_range_up") is None
