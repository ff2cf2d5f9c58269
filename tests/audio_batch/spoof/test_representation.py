"""Statistics of segments: the same whether a segment is measured alone or shares its frames with its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from speech_samples import speak

from audio_batch.spoof import representation
from audio_batch.spoof.representation import Spectra, describe_segment, list_names, measure_values

RATE = 8000


def make_call(seconds: float = 30.0) -> NDArray[np.float32]:
    """Return speech with pauses, an offset that drifts, and levels that change."""
    call = np.concatenate([np.pad(speak(4.0, RATE, seed), (0, RATE // 2)) for seed in range(8)])[: int(seconds * RATE)]
    noise = np.random.default_rng(0).standard_normal(call.size) * 2e-4
    drift = 0.01 * np.sin(np.arange(call.size) / RATE)
    return (call * np.linspace(0.05, 1.0, call.size) + noise + drift).astype(np.float32)


def cut(call: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [call[start : start + 4 * RATE] for start in range(0, call.size - 4 * RATE + 1, 2 * RATE)]


def test_segments_that_share_frames_measure_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    segments = cut(make_call())
    made = []
    monkeypatch.setattr(representation, "Frames", lambda *of: made.append(of[0].size) or Frames(*of), raising=True)
    shared = measure_values(list(Spectra.over(segments, RATE)))
    assert made == [4 * RATE + 2 * RATE * (len(segments[:12]) - 1), 6 * RATE] or len(made) < len(segments) / 2
    alone = measure_values([Spectra.of(segment, RATE) for segment in segments])
    assert np.array_equal(np.isnan(shared), np.isnan(alone))
    scale = np.nanstd(alone, axis=0) + 1e-3
    away = np.abs(shared - alone) / scale
    assert np.nanmedian(away) < 1e-4
    # A frame at the edge of a pause may fall on either side; no measure moves by more than a share of its spread.
    assert np.nanquantile(away, 0.99) < 0.05


def test_only_neighbours_share() -> None:
    call = make_call(20.0)
    first, second, third = call[: 4 * RATE], call[2 * RATE : 6 * RATE], call[10 * RATE : 14 * RATE]
    spectra = list(Spectra.over([first, second, third, third[:RATE]], RATE))
    assert spectra[0].frames is spectra[1].frames
    assert spectra[2].frames is not spectra[1].frames
    assert [s.frames.signal.size for s in spectra] == [6 * RATE, 6 * RATE, 4 * RATE, RATE]


def test_values_come_in_the_order_of_their_names() -> None:
    segment = speak(4.0, RATE, 3)
    described = describe_segment(segment, RATE)
    assert tuple(described) == list_names(RATE)
    assert np.allclose(list(described.values()), measure_values([Spectra.of(segment, RATE)])[0], equal_nan=True)


def test_quantiles_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).standard_normal((37, 5))
    at = (0.0, 0.05, 0.5, 0.95, 1.0)
    assert np.allclose(representation._quantiles(values, at), np.quantile(values, at, axis=0))


def test_rows_of_a_stretch_are_summed_up_per_segment() -> None:
    values = (np.random.default_rng(0).standard_normal((200, 3)) + 40).astype(np.float32)
    rows = [np.arange(50), np.array([3, 70, 199]), np.array([], dtype=np.intp)]
    means, spreads = representation._summarize_rows(values, rows)
    for place, chosen in enumerate(rows[:2]):
        assert means[place] == pytest.approx(values[chosen].mean(axis=0), rel=1e-6)
        assert spreads[place] == pytest.approx(values[chosen].std(axis=0), rel=1e-4)
    assert np.isnan(means[2]).all() and np.isnan(spreads[2]).all()


def test_segments_of_several_stretches_are_measured_in_order() -> None:
    call = make_call(20.0)
    segments = [call[: 4 * RATE], call[2 * RATE : 6 * RATE], call[9 * RATE : 12 * RATE], call[14 * RATE : 18 * RATE]]
    together = measure_values(list(Spectra.over(segments, RATE)))
    alone = np.concatenate([measure_values([Spectra.of(segment, RATE)]) for segment in segments])
    scale = np.nanstd(alone, axis=0) + 1e-3
    assert np.nanmedian(np.abs(together - alone) / scale) < 1e-4
    assert np.allclose(together[2:], alone[2:], equal_nan=True)


Frames = representation.Frames
