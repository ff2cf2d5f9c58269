"""The first layers of the speech embedding, in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_batch.errors import ModelError
from audio_batch.spoof import ear
from audio_batch.spoof.ear import HOP, RATE, Ear, Hearing, load_ear, read_hearing, round_off
from audio_batch.spoof.kernel import fit_kernel

SHIPPED = Path(ear.__file__).parent / "models" / "telephone-5"


@pytest.fixture(scope="module")
def shipped() -> Ear:
    return read_hearing(SHIPPED, "narrowband").ear


def make_signal(seconds: float = 2.0) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(int(seconds * RATE)) * 0.1).astype(np.float32)


def test_layers_are_convolutions_with_padded_bands_and_the_largest_of_four_points_is_kept(shipped: Ear) -> None:
    hidden = shipped.draw_mels(make_signal())[:, :, None].astype(np.float64)
    for kernel, bias in zip(shipped.kernels, shipped.biases, strict=True):
        frames, bands, _, channels = kernel.shape
        padded = np.pad(hidden, ((0, 0), (bands // 2, bands // 2), (0, 0)))
        found = np.zeros((len(hidden) - frames + 1, hidden.shape[1], channels))
        for frame, band in np.ndindex(*found.shape[:2]):
            looked = padded[frame : frame + frames, band : band + bands]
            found[frame, band] = np.einsum("tfi,tfio->o", looked, kernel) + bias
        hidden = np.maximum(np.where(found > 0, found, 0.2 * found), -0.4)
    count = len(hidden) // 2
    largest = hidden[: 2 * count].reshape(count, 2, 16, 2, -1).max(axis=(1, 3))
    means, spreads = largest.mean(axis=0), largest.std(axis=0)
    scaled = ((largest - means) / (spreads + 0.05)).reshape(-1, 24)
    expected = (scaled.T @ scaled / len(scaled))[np.triu_indices(24)]
    assert shipped.describe(make_signal()) == pytest.approx(expected, abs=1e-4)


def test_the_level_does_not_matter_and_silence_is_no_fault(shipped: Ear) -> None:
    signal = make_signal()
    assert shipped.describe(signal * 0.01) == pytest.approx(shipped.describe(signal), abs=1e-3)
    assert np.isfinite(shipped.describe(np.zeros(RATE, np.float32))).all()


def test_short_segments_are_repeated_and_a_frame_is_ten_milliseconds(shipped: Ear) -> None:
    assert shipped.draw_mels(make_signal(0.3)).shape == shipped.draw_mels(make_signal(1.0)).shape
    assert len(shipped.draw_mels(make_signal(2.0))) - len(shipped.draw_mels(make_signal(1.0))) == RATE // HOP


def test_what_is_written_is_read_and_scores_the_same(shipped: Ear, tmp_path: Path) -> None:
    signals = [make_signal(seconds) for seconds in (1.0, 1.5, 2.0, 2.5)]
    heard = np.stack([round_off(shipped.describe(signal)) for signal in signals])
    hearing = Hearing(shipped, fit_kernel(np.tile(heard, (4, 1)), np.arange(16) % 2, np.ones(16)))
    hearing.save(tmp_path, "narrowband")
    again = read_hearing(tmp_path, "narrowband")
    assert again.score(signals) == pytest.approx(hearing.score(signals), abs=1e-4)


def test_a_damaged_ear_is_named(tmp_path: Path) -> None:
    place = tmp_path / "narrowband_ear.npz"
    with pytest.raises(ModelError):
        load_ear(place)
    place.write_bytes(b"no arrays")
    with pytest.raises(ModelError, match=r"narrowband_ear\.npz"):
        load_ear(place)


def test_an_ear_of_another_model_is_refused(shipped: Ear, tmp_path: Path) -> None:
    heard = np.zeros((4, 299), np.float32)
    Hearing(shipped, fit_kernel(heard, np.arange(4) % 2, np.ones(4))).save(tmp_path, "narrowband")
    with pytest.raises(ModelError, match="gives 300 values, and its kernel machine knows 299"):
        read_hearing(tmp_path, "narrowband")


def test_an_ear_with_weights_that_are_no_numbers_is_refused(shipped: Ear, tmp_path: Path) -> None:
    place = tmp_path / "narrowband_ear.npz"
    with np.load(SHIPPED / place.name) as stored:
        arrays = {name: stored[name].copy() for name in stored.files}
    arrays["kernel1"].flat[0] = np.nan
    np.savez(place, **arrays)
    with pytest.raises(ModelError, match=r"'kernel1' holds 1 values"):
        load_ear(place)
