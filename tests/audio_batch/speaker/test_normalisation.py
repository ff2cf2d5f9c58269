"""Normalisation and calibration against known truth, and the shipped cohort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_batch.errors import ModelError
from audio_batch.speaker.encoder import load_encoder, unit
from audio_batch.speaker.normalisation import (
    SHIPPED_BACKEND,
    Backend,
    Calibration,
    common_class,
    fit_calibration,
    load_backend,
    name_comparison,
    to_probability,
    write_backend,
)
from audio_batch.speaker.voice import compand


def draw(count: int, seed: int, centre: float = 0.0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, 32)).astype(np.float32) + np.float32(centre))


@pytest.fixture
def backend() -> Backend:
    line = dict.fromkeys(("narrowband", "wideband", "crossed"), Calibration(2.0, -3.0))
    return Backend("test", 10, line, 1.0, 2.0, {"narrowband": draw(50, 0), "wideband": draw(50, 1)})


def test_scores_are_as_defined(backend: Backend) -> None:
    left, right = draw(2, 2), draw(3, 3)
    scores = backend.compare(left, right, "narrowband")
    nearest = [np.sort(backend.cohort["narrowband"] @ voice)[-10:] for voice in (left[1], right[2])]
    cosine = left[1] @ right[2]
    expected = np.mean([(cosine - one.mean()) / one.std() for one in nearest])
    assert scores.shape == (2, 3)
    assert scores[1, 2] == pytest.approx(expected, rel=1e-4)


def test_scores_do_not_depend_on_the_side(backend: Backend) -> None:
    left, right = draw(4, 2), draw(3, 3)
    there, back = backend.compare(left, right, "wideband"), backend.compare(right, left, "wideband")
    assert np.allclose(there, back.T, atol=1e-4)
    assert not np.allclose(there, backend.compare(left, right, "narrowband"), atol=1e-2)


def test_calibration_finds_the_true_ratio() -> None:
    """Of two normal distributions with one spread, the log-likelihood ratio is a known straight line."""
    rng = np.random.default_rng(7)
    scores = np.concatenate([rng.normal(3, 1, 20_000), rng.normal(0, 1, 60_000)]).astype(np.float32)
    line = fit_calibration(scores, np.arange(80_000) < 20_000)
    assert line.slope == pytest.approx(3.0, abs=0.1)
    assert line.offset == pytest.approx(-4.5, abs=0.15)


def test_calibration_stays_finite_where_trials_separate() -> None:
    line = fit_calibration(np.array([5, 6, 0, 1], np.float32), np.array([True, True, False, False]))
    assert np.isfinite([line.slope, line.offset]).all()
    assert line.slope * 0.5 + line.offset < 0 < line.slope * 5.5 + line.offset


def test_probabilities_stay_in_range() -> None:
    assert to_probability(0.0) == 0.5
    assert to_probability(0.0, prior=0.01) == pytest.approx(0.01)
    assert to_probability(1e9) == 1.0
    assert 0 <= to_probability(-1e9) < 1e-300


def test_voices_meet_in_the_widest_common_class() -> None:
    one, both = {"narrowband": draw(1, 0)}, {"narrowband": draw(1, 0), "wideband": draw(1, 1)}
    assert common_class(both, both) == "wideband"
    assert common_class(both, one) == common_class(one, one) == "narrowband"
    assert name_comparison("wideband", "narrowband") == "crossed"
    assert name_comparison("narrowband", "narrowband") == "narrowband"


def test_a_backend_comes_back_as_it_was(backend: Backend, tmp_path: Path) -> None:
    write_backend(backend, tmp_path / "b.npz", about={"speakers": 3})
    encoder = load_encoder()
    with pytest.raises(
        ModelError, match=r"'b\.npz' belongs to the encoder 'test', not to 'resemblyzer-f16-.*\nHint: Fit"
    ):
        load_backend(encoder, tmp_path / "b.npz")
    same = type("Encoder", (), {"version": "test"})()
    found = load_backend(same, tmp_path / "b.npz")
    assert found.calibrations == backend.calibrations
    assert np.allclose(found.cohort["wideband"], backend.cohort["wideband"], atol=1e-3)


def test_a_damaged_backend_is_refused(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "b.npz"
    with pytest.raises(ModelError, match="cannot be read: FileNotFoundError"):
        load_backend(load_encoder(), path)
    write_backend(backend, path, about={})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be read: BadZipFile"):
        load_backend(load_encoder(), path)


def test_the_shipped_cohort_belongs_to_the_shipped_encoder() -> None:
    backend = load_backend(load_encoder())
    assert set(backend.calibrations) == {"narrowband", "wideband", "crossed"}
    assert all(line.slope > 0 for line in backend.calibrations.values())
    assert 0 < backend.accept_llr < backend.duplicate_llr
    for voices in backend.cohort.values():
        assert len(voices) >= 3 * backend.nearest
        assert np.allclose(np.linalg.norm(voices, axis=1), 1, atol=1e-3)
    assert SHIPPED_BACKEND.stat().st_size < 1_000_000


def test_companding_is_that_of_g711() -> None:
    soundfile = pytest.importorskip("soundfile")
    from io import BytesIO

    signal = (0.3 * np.sin(np.arange(4000) * 0.37)).astype(np.float32)
    file = BytesIO()
    soundfile.write(file, signal, 8000, format="WAV", subtype="ULAW")
    file.seek(0)
    coded = soundfile.read(file, dtype="float32")[0]
    noise = [np.mean((version - signal) ** 2) for version in (compand(signal), coded)]
    assert 0.5 < noise[0] / noise[1] < 2
