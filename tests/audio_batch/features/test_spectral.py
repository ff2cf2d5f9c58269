"""Spectral, cepstral, LPC, phase and modulation features against known truth and reference libraries."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from speech_samples import speak

from audio_batch.features import Spectrum, extract, lfcc, mfcc
from audio_batch.features.cepstral import difference_frames, make_mel_filters
from audio_batch.features.lpc import choose_order, filter_frames, predict_frames
from audio_batch.features.phase import PhaseView, measure_coherence, measure_group_delay
from audio_batch.features.spectral import SHAPES, measure_contrast, measure_shapes

RATES = (8000, 16_000)


def make_tone(frequency: float, rate: int, seconds: float = 2.0, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def make_noise(rate: int, seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_tone_has_its_frequency_and_is_not_flat(rate):
    values = extract(make_tone(1000, rate), rate, families=["spectral", "energy"]).values
    assert values["spectral_centroid_mean"] == pytest.approx(1000, rel=0.1)
    assert values["spectral_rolloff_mean"] == pytest.approx(1000, rel=0.1)
    assert values["spectral_flatness_mean"] < 0.01
    assert values["spectral_flux_mean"] < 0.02
    assert values["band_1000_2000_mean"] + values["band_300_1000_mean"] == pytest.approx(1, abs=0.01)
    assert values["rms_db_mean"] == pytest.approx(-9.03, abs=0.01)
    assert values["crest_factor"] == pytest.approx(3.01, abs=0.01)
    assert values["zero_crossing_rate_mean"] == pytest.approx(2000, rel=0.02)


@pytest.mark.parametrize("rate", RATES)
def test_white_noise_is_flat_and_even(rate):
    values = extract(make_noise(rate), rate, families=["spectral"]).values
    assert values["spectral_flatness_mean"] == pytest.approx(np.exp(-np.euler_gamma), abs=0.02)
    assert values["spectral_centroid_mean"] == pytest.approx(rate / 4, rel=0.02)
    assert values["band_1000_2000_mean"] == pytest.approx(1000 / (rate / 2), rel=0.05)
    assert values["spectral_slope_mean"] == pytest.approx(0, abs=0.2)


def test_low_pass_noise_slopes_down_by_six_decibels_an_octave():
    rate, samples = 8000, make_noise(8000, 20)
    transform = np.fft.rfft(samples) / np.maximum(np.fft.rfftfreq(len(samples), 1 / rate), 50)
    red = np.fft.irfft(transform)
    spectrum = Spectrum(red / np.abs(red).max(), rate)
    band = np.linspace(300, 3400, 1000)
    expected = np.polyfit(band / 1000, -20 * np.log10(band), 1)[0]
    slopes = measure_shapes(spectrum)[:, SHAPES.index("spectral_slope")]
    assert slopes.mean() == pytest.approx(expected, rel=0.05)


def test_clipping_is_a_share_and_telephone_full_scale_is_not_clipped():
    signal = make_tone(100, 8000)
    signal[:160] = 1.0
    assert extract(signal, 8000, families=["energy"]).values["clipping_rate"] == pytest.approx(160 / 16_000)
    assert extract(signal * 32_124 / 32_768, 8000, families=["energy"]).values["clipping_rate"] == 0


def define_shape(magnitude: np.ndarray, frequencies: np.ndarray, floor: float) -> list[float]:
    """Return centroid, bandwidth, rolloff, flatness and slope of one frame; the floor is that of the slope."""
    share = magnitude / magnitude.sum()
    centroid = float((share * frequencies).sum())
    rolloff = next(f for f, reached in zip(frequencies, np.cumsum(share), strict=True) if reached >= 0.85)
    power = np.maximum(magnitude**2, 1e-10)
    band = (frequencies >= 300) & (frequencies < 3400)
    level, kilohertz = 20 * np.log10(np.maximum(magnitude[band], floor)), frequencies[band] / 1000
    return [
        centroid,
        float(np.sqrt((share * (frequencies - centroid) ** 2).sum())),
        float(rolloff),
        float(np.exp(np.log(power).mean()) / power.mean()),
        float(np.cov(kilohertz, level)[0, 1] / np.var(kilohertz, ddof=1)),
    ]


@pytest.mark.parametrize("rate", RATES)
def test_shapes_follow_their_definitions(rate):
    spectrum = Spectrum(speak(3.0, rate, seed=1) + 0.01 * make_noise(rate, 3.0), rate)
    found = measure_shapes(spectrum)[:, :5]
    magnitudes = spectrum.magnitude[spectrum.active].astype(np.float64)
    frequencies, floor = spectrum.frequencies.astype(np.float64), 1e-5 * magnitudes.max()
    expected = np.array([define_shape(row, frequencies, floor) for row in magnitudes])
    assert SHAPES[:5] == tuple(f"spectral_{n}" for n in ("centroid", "bandwidth", "rolloff", "flatness", "slope"))
    np.testing.assert_allclose(found[:, 2], expected[:, 2], atol=1.01 * rate / spectrum.fft_length)
    others = [0, 1, 3, 4]
    np.testing.assert_allclose(found[:, others], expected[:, others], rtol=1e-3, atol=1e-3)


def define_contrast(power: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return peak over valley in dB of each octave, shape (6, frames), each octave from the bin before its edge."""
    edges = [0, 200, 400, 800, 1600, 3200, np.inf]
    peaks, valleys = np.zeros((6, len(power))), np.zeros((6, len(power)))
    for octave, (low, high) in enumerate(pairwise(edges)):
        first = max(0, np.flatnonzero(frequencies >= low)[0] - 1)
        last = np.flatnonzero(frequencies <= high)[-1] + (octave == 5)
        ranked, count = np.sort(power[:, first:last]), max(1, round(0.02 * (last - first + (octave < 5))))
        valleys[octave], peaks[octave] = ranked[:, :count].mean(axis=1), ranked[:, -count:].mean(axis=1)
    peaks, valleys = 10 * np.log10(peaks), 10 * np.log10(valleys)
    return np.maximum(peaks, peaks.max() - 80) - np.maximum(valleys, valleys.max() - 80)


@pytest.mark.parametrize("rate", RATES)
def test_contrast_follows_its_definition(rate):
    spectrum = Spectrum(speak(3.0, rate, seed=4) + 0.01 * make_noise(rate, 3.0), rate)
    expected = define_contrast(spectrum.power[spectrum.active].astype(np.float64), spectrum.frequencies)
    np.testing.assert_allclose(measure_contrast(spectrum), expected, rtol=1e-3, atol=1e-3)


def test_contrast_stands_out_in_the_octave_of_the_tone():
    values = extract(make_tone(1200, 8000) + make_noise(8000, 2.0), 8000, families=["spectral"]).values
    contrasts = [values[f"spectral_contrast_{octave}_mean"] for octave in range(6)]
    assert int(np.argmax(contrasts)) == 3
    assert contrasts[3] > 15 + max(contrasts[:3] + contrasts[4:])


@pytest.mark.parametrize(("rate", "missing"), [(4000, 1), (6000, 1), (6400, 1), (6402, 0)])
def test_octaves_above_nyquist_are_undefined(rate, missing):
    values = extract(make_noise(rate, 1.0), rate, families=["spectral"]).values
    contrasts = np.array([values[f"spectral_contrast_{octave}_mean"] for octave in range(6)])
    assert np.isnan(contrasts).tolist() == [False] * (6 - missing) + [True] * missing


def define_mel_filters(rate: int, fft_length: int, count: int, high: float) -> np.ndarray:
    """Return triangles of unit area, even on Slaney's scale: 200/3 Hz a mel below 1 kHz, 27 mel for a factor of 6.4."""
    step = np.log(6.4) / 27
    top = 15 + np.log(high / 1000) / step
    mels = np.linspace(0, top, count + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * step))
    frequencies = np.arange(fft_length // 2 + 1) * rate / fft_length
    triangles = [
        np.interp(frequencies, [low, centre, upper], [0, 1, 0]) * 2 / (upper - low)
        for low, centre, upper in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return np.stack(triangles, axis=1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("count", [8, 40])
def test_mel_filters_follow_slaney(rate, count):
    expected = define_mel_filters(rate, 1024, count, 4000)
    np.testing.assert_allclose(make_mel_filters(rate, 1024, count, 4000.0), expected, atol=1e-6 * expected.max())


@pytest.mark.parametrize("rate", RATES)
def test_mfcc_follow_their_definition(rate):
    signal = speak(2.0, rate, seed=2)
    power = Spectrum(signal, rate).power.astype(np.float64)
    levels = 10 * np.log10(np.maximum(power @ define_mel_filters(rate, 1024, 40, 4000), 1e-10))
    angles = np.pi * np.outer(np.arange(13), np.arange(40) + 0.5) / 40
    scale = np.array([np.sqrt(1 / 40)] + [np.sqrt(2 / 40)] * 12)
    np.testing.assert_allclose(mfcc(signal, rate), levels @ np.cos(angles).T * scale, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("rate", RATES)
def test_lfcc_are_those_of_spafe(rate):
    spafe = pytest.importorskip("spafe.features.lfcc")
    preprocessing = pytest.importorskip("spafe.utils.preprocessing")
    signal = speak(2.0, rate, seed=3) + 0.01 * make_noise(rate, 2.0)
    window = preprocessing.SlidingWindow(0.030, 0.015, "hamming")
    options = {"num_ceps": 20, "pre_emph": 0, "window": window, "nfilts": 70, "nfft": 1024}
    theirs = spafe.lfcc(signal.astype(np.float64), rate, **options)
    ours = lfcc(signal, rate, high_frequency=None, deltas=0)
    count = min(len(ours), len(theirs))
    assert count >= len(ours) - 1
    np.testing.assert_allclose(ours[:count], theirs[:count], rtol=1e-3, atol=2e-3)


def test_lfcc_have_three_orders_and_compare_over_rates():
    wide, narrow = lfcc(make_tone(500, 16_000), 16_000), lfcc(make_tone(500, 8000), 8000)
    assert wide.shape == narrow.shape
    assert wide.shape[1] == 60
    assert wide.dtype == np.float32
    assert lfcc(make_tone(500, 8000), 8000, deltas=0).shape[1] == 20


def test_differences_span_two_frames_and_repeat_the_edges():
    values = np.array([[0.0], [1.0], [4.0], [9.0]], dtype=np.float32)
    assert difference_frames(values)[:, 0].tolist() == [1.0, 4.0, 8.0, 5.0]


def test_linear_prediction_recovers_the_filter_of_an_autoregressive_process():
    rng, truth = np.random.default_rng(0), [1.0, -1.2, 0.8]
    signal = np.zeros(80_000)
    noise = rng.normal(0, 0.05, len(signal))
    for place in range(2, len(signal)):
        signal[place] = noise[place] + 1.2 * signal[place - 1] - 0.8 * signal[place - 2]
    spectrum = Spectrum(signal, 8000)
    filters, reflections, gain = predict_frames(spectrum.power, spectrum.fft_length, 2)
    np.testing.assert_allclose(filters.mean(axis=0), truth, atol=0.02)
    assert reflections.mean(axis=0) == pytest.approx([-1.2 / 1.8, 0.8], abs=0.02)
    assert gain.mean() == pytest.approx(10 * np.log10(signal.var() / noise.var()), abs=0.3)
    assert filter_frames(spectrum.frames, filters).std() == pytest.approx(0.05, rel=0.03)
    assert choose_order(8000) == 10


def test_pulses_leave_a_peaked_residual_and_noise_does_not():
    pulses = np.zeros(16_000)
    pulses[::80] = 1.0
    peaked = extract(pulses + 1e-3 * make_noise(8000, 2.0), 8000, families=["lpc"]).values
    plain = extract(make_noise(8000, 2.0), 8000, families=["lpc"]).values
    assert plain["lpc_residual_kurtosis_mean"] == pytest.approx(3, abs=0.3)
    assert peaked["lpc_residual_kurtosis_mean"] > 20
    assert peaked["lpc_residual_periodicity_mean"] > 0.5 > plain["lpc_residual_periodicity_mean"]


@pytest.mark.parametrize("rate", RATES)
def test_instantaneous_frequency_of_a_tone_is_its_own_in_every_loud_bin(rate):
    view = PhaseView(Spectrum(make_tone(1003, rate), rate))
    found = (view.deviation + view.frequencies)[:-1][view.loud[:-1]]
    assert view.tops.sum(axis=1).tolist() == [1] * len(view.tops)
    assert len(found) > 3 * len(view.loud)
    np.testing.assert_allclose(found, 1003, atol=5)


def test_phase_coheres_in_a_steady_voice_and_not_in_noise():
    voice = sum(make_tone(120 * k, 8000) / k for k in range(1, 30))
    steady, noise = (PhaseView(Spectrum(signal, 8000)) for signal in (voice / np.abs(voice).max(), make_noise(8000)))
    assert measure_coherence(steady)[:-1].min() > 0.97
    assert measure_coherence(noise).mean() < 0.7


@pytest.mark.parametrize(("shift", "low", "high"), [(-40, -3, -1), (0, -0.5, 0.5), (40, 1, 3)])
def test_group_delay_of_an_impulse_has_the_sign_of_its_place(shift, low, high):
    signal = np.zeros(240, dtype=np.float32)
    signal[120 + shift] = 1.0
    delay = measure_group_delay(PhaseView(Spectrum(signal, 8000)))[0]
    assert low < delay.mean() < high


@pytest.mark.parametrize(("rate", "swing"), [(8000, 3), (8000, 6), (16_000, 6), (16_000, 12)])
def test_modulation_shows_the_rate_of_the_swing(rate, swing):
    time = np.arange(4 * rate) / rate
    signal = make_noise(rate) * (1 + 0.9 * np.sin(2 * np.pi * swing * time))
    values = extract(signal, rate, families=["modulation"]).values
    ranges = {3: "2_4", 6: "4_8", 12: "8_16"}
    shares = {name: values[f"modulation_{name}"] for name in ("1_2", "2_4", "4_8", "8_16", "16_32")}
    assert max(shares, key=shares.__getitem__) == ranges[swing]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
