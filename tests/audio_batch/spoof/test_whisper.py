"""The frozen encoder, on a file of CTranslate2 that the tests write: small, but with every part of the real one."""

from __future__ import annotations

import hashlib
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from audio_batch.errors import ModelError
from audio_batch.spoof.kernel import Kernel
from audio_batch.spoof.listening import FILE_VARIABLE, PARTS, Listener, find_encoder, flatten
from audio_batch.spoof.whisper import RATE, draw_mels, load_whisper

WIDTH, LAYERS = 64, 2


def make_weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.05).astype(np.float16)

    weights = {"decoder/embeddings/weight": draw(3, 2), "encoder/num_heads": np.array(1, np.int16)}
    weights |= {"encoder/conv1/weight": draw(WIDTH, 80, 3), "encoder/conv1/bias": draw(WIDTH)}
    weights |= {"encoder/conv2/weight": draw(WIDTH, WIDTH, 3), "encoder/conv2/bias": draw(WIDTH)}
    weights |= {"encoder/position_encodings/encodings": draw(1500, WIDTH)}
    for layer in range(LAYERS):
        for part, inner, outer in (("self_attention", 3 * WIDTH, WIDTH), ("ffn", 4 * WIDTH, 4 * WIDTH)):
            name = f"encoder/layer_{layer}/{part}"
            weights |= {f"{name}/layer_norm/gamma": draw(WIDTH) + np.float16(1), f"{name}/layer_norm/beta": draw(WIDTH)}
            weights |= {f"{name}/linear_0/weight": draw(inner, WIDTH), f"{name}/linear_0/bias": draw(inner)}
            weights |= {f"{name}/linear_1/weight": draw(WIDTH, outer), f"{name}/linear_1/bias": draw(WIDTH)}
    return weights


def write_model(path: Path, weights: dict[str, np.ndarray], *, version: int = 6, kind: str = "WhisperSpec") -> Path:
    def word(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    document = struct.pack("<I", version) + word(kind) + struct.pack("<II", 3, len(weights))
    for name, array in weights.items():
        shape = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        number = 4 if array.dtype == np.float16 else 2
        document += word(name) + shape + struct.pack("<BI", number, array.nbytes) + array.tobytes()
    path.write_bytes(document + struct.pack("<I", 0))
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("encoder") / "model.bin", make_weights())


def make_signal(seconds: float = 2.0, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(int(seconds * RATE)) * 0.1).astype(np.float32)


def convolve_slowly(signal: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    padded = np.pad(signal, ((1, 1), (0, 0)))
    rows = [np.einsum("ti,oit->o", padded[at : at + 3], kernel) + bias for at in range(0, len(signal), stride)]
    values = np.array(rows)
    return 0.5 * values * (1 + np.tanh(0.7978845608 * (values + 0.044715 * values**3)))


def test_what_enters_the_first_layer_is_two_convolutions_and_the_place_in_time(file: Path) -> None:
    weights = {name: array.astype(np.float64) for name, array in make_weights().items()}
    mels = draw_mels(make_signal(0.3))
    first = convolve_slowly(mels, weights["encoder/conv1/weight"], weights["encoder/conv1/bias"], 1)
    second = convolve_slowly(first, weights["encoder/conv2/weight"], weights["encoder/conv2/bias"], 2)
    expected = second + weights["encoder/position_encodings/encodings"][: len(second)]
    found = load_whisper(file).describe(make_signal(0.3))[0]
    assert found[0] == pytest.approx(expected.mean(axis=0), abs=1e-4)
    assert found[1] == pytest.approx(expected.std(axis=0), abs=1e-4)


def test_every_layer_is_described_and_fewer_if_fewer_are_wanted(file: Path) -> None:
    whole, first = load_whisper(file), load_whisper(file, layers=1)
    assert whole.describe(make_signal()).shape == (LAYERS + 1, 2, WIDTH)
    assert np.array_equal(first.describe(make_signal()), whole.describe(make_signal())[:2])


def test_mels_are_those_of_whisper() -> None:
    mels = draw_mels(make_signal(3.0))
    assert mels.shape == (300, 80)
    assert mels.max() - mels.min() <= 2.0
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    librosa = pytest.importorskip("librosa")
    power = np.abs(librosa.stft(tone, n_fft=400, hop_length=160, pad_mode="reflect"))[:, :-1] ** 2
    expected = np.log10(np.maximum(librosa.filters.mel(sr=RATE, n_fft=400, n_mels=80) @ power, 1e-10))
    expected = (np.maximum(expected, expected.max() - 8) + 4) / 4
    assert draw_mels(tone) == pytest.approx(expected.T, abs=1e-4)


def test_another_file_than_the_one_of_training_is_refused(file: Path) -> None:
    right = hashlib.sha256(file.read_bytes()).hexdigest()
    assert load_whisper(file, sha256=right).sha256 == right
    with pytest.raises(ModelError, match="the model was trained with 0000000000000000"):
        load_whisper(file, sha256="0" * 64)


@pytest.mark.parametrize("change", ["version", "kind", "cut", "name", "text"])
def test_files_that_are_no_encoder_are_refused(file: Path, tmp_path: Path, change: str) -> None:
    path = tmp_path / "model.bin"
    if change == "version":
        write_model(path, make_weights(), version=7)
    elif change == "kind":
        write_model(path, make_weights(), kind="TransformerSpec")
    elif change == "cut":
        path.write_bytes(file.read_bytes()[:50_000])
    elif change == "name":
        path.write_bytes(file.read_bytes()[:26] + b"\xff\xff" + b"x" * 1000)
    else:
        path.write_text("not a model at all")
    with pytest.raises(ModelError, match="is no Whisper model of CTranslate2"):
        load_whisper(path)


def test_the_encoder_is_found_in_its_package_or_where_the_environment_says(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    assert find_encoder() == (file,)
    monkeypatch.delenv(FILE_VARIABLE)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="is not installed") as refused:
        find_encoder()
    assert "sentinel-batch[encoder]" in refused.value.hint
    with pytest.raises(ModelError, match="No encoder at"):
        load_whisper(file.with_name("none.bin"))


def test_a_listener_scores_chosen_layers(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(file))
    width = 2 * 2 * WIDTH
    places = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    turn = np.eye(width, 2, dtype=np.float32)
    kernel = Kernel(
        np.zeros(width, np.float32), np.ones(width, np.float32), turn, places, np.array([-1, 2], np.float32)
    )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    signal = make_signal(2.0)[::2]
    states = flatten(load_whisper(file).describe(_double(signal)), (0, 2))
    here = np.clip(states[:2], -5, 5)
    expected = 2 * np.exp(-0.25 * np.sum((here - 1) ** 2)) - np.exp(-0.25 * np.sum(here**2))
    assert Listener(digest, (0, 2), kernel).score([signal], 8000) == pytest.approx([expected], rel=1e-4)


def _double(signal: np.ndarray) -> np.ndarray:
    from audio_batch.decoding import resample

    return resample(signal, 8000, RATE)


def test_an_encoder_cut_into_parts_is_the_whole_one_and_a_missing_part_is_named(file: Path, tmp_path: Path) -> None:
    document = file.read_bytes()
    parts = [tmp_path / "part1", tmp_path / "part2"]
    for part, piece in zip(parts, (document[:70_000], document[70_000:]), strict=True):
        part.write_bytes(piece)
    whole, joined = load_whisper(file), load_whisper(*parts)
    assert joined.sha256 == whole.sha256
    assert np.array_equal(joined.describe(make_signal()), whole.describe(make_signal()))
    parts[1].unlink()
    with pytest.raises(ModelError, match=r"No encoder at .*part2"):
        load_whisper(*parts)


def test_layers_that_are_not_run_are_not_kept(file: Path) -> None:
    names = {name.split("/")[0] for name in load_whisper(file, layers=1).weights}
    assert "layer_0" in names and "layer_1" not in names and "conv2" in names


def test_the_parts_of_the_installed_packages_are_found_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    for package, _ in PARTS:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        # Another test may have imported the real one.
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_encoder() == tuple(tmp_path / package / file for package, file in PARTS)
