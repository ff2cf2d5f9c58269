"""What the scorer looks at: statistics of one stretch of speech, in numpy only, made for speed.

A segment of a few seconds becomes one vector. Everything is measured over the band and the frames that a telephone
leaves intact, relative to the segment's own mean spectrum and level, because level, equaliser and noise floor tell
the channel and not the voice. The groups are families of their own files' kind (`audio_batch.features` holds the
full, documented set); here they share two short-time spectra per segment.

Sources: linear cepstra and their motion (Sahidullah et al. 2015), band correlations and modulation spectra (McDermott
and Simoncelli 2011), phase prediction (Bello et al. 2004), group delay (Yegnanarayana and Murthy 1992), LPC residual
(Makhoul 1975), band-wise periodicity (Yumoto et al. 1982, per band).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from audio_batch.spoof.picture import Picture, draw_picture
from audio_batch.spoof.texture import measure_texture

Array = NDArray[np.float32]
Values = dict[str, float]

REPRESENTATION_VERSION = "2"
FRAME_SECONDS, PITCH_FRAME_SECONDS, HOP_SECONDS = 0.032, 0.064, 0.010
SPEECH_RANGE_DB = 35.0  # frames this far below the loud ones are pauses, where the channel's noise rules
VOICED_PERIODICITY = 0.45  # share of energy that repeats after one period; Boersma 1993 takes 0.45 as well
PITCH_HZ = (65.0, 400.0)
NARROW_BAND_HZ, WIDE_BAND_HZ = (200.0, 3600.0), (200.0, 7400.0)
CEPSTRA, FILTERS, GROUPS, LPC_ORDER = 20, 40, 10, 10
MODULATION_HZ = (1.0, 2.5, 5.0, 10.0, 18.0, 30.0, 50.0)
EPS = np.float32(1e-10)


def describe_segment(signal: NDArray[np.floating], sampling_rate: int) -> Values:
    """Return the named statistics of one mono segment.

    Parameters
    ----------
    signal
        Shape (samples,), at least 0.3 s; any level.
    sampling_rate
        8000 (narrowband set) or 16000 (wideband set).

    Returns
    -------
    dict
        Feature name to value, always the same names in the same order for one rate; NaN where a measure does not
        exist (no voiced frame, say).
    """
    return describe_spectra(Spectra.of(signal, sampling_rate))


def describe_spectra(spectra: Spectra) -> Values:
    """Return the same from spectra that are there already."""
    values: Values = {}
    for measure in _MEASURES:
        values.update(measure(spectra))
    return values


@cache
def list_names(sampling_rate: int) -> tuple[str, ...]:
    """Return the names that `describe_segment` gives at a rate, in order."""
    noise = np.random.default_rng(0).standard_normal(sampling_rate).astype(np.float32)
    return tuple(describe_segment(noise, sampling_rate))


@dataclass(frozen=True)
class Spectra:
    """The short-time spectra of one segment, shared by all measures.

    Attributes
    ----------
    signal
        Shape (samples,), zero mean, RMS 1.
    short
        Complex spectra of Hann frames of 32 ms every 10 ms, shape (frames, bins).
    speech
        Which of these frames are speech rather than pause, shape (frames,).
    """

    signal: Array
    sampling_rate: int
    short: NDArray[np.complex64]
    speech: NDArray[np.bool_]

    @classmethod
    def of(cls, signal: NDArray[np.floating], sampling_rate: int) -> Spectra:
        """Make the spectra of a signal, padded with silence to 0.3 s if it is shorter."""
        mono = np.asarray(signal, dtype=np.float32)
        if mono.size < 0.3 * sampling_rate:
            mono = np.pad(mono, (0, int(0.3 * sampling_rate) - mono.size + 1))
        mono = mono - mono.mean()
        # Level says how the line was set up, not who speaks; no measure may see it.
        mono = mono / max(float(np.sqrt(np.mean(mono**2))), 1e-9)
        short = _transform(mono, sampling_rate, FRAME_SECONDS)
        level = 10 * np.log10(np.sum(_power(short), axis=1) + EPS)
        return cls(mono, sampling_rate, short, level > np.quantile(level, 0.95) - SPEECH_RANGE_DB)

    @cached_property
    def power(self) -> Array:
        """Power of the short frames, shape (frames, bins)."""
        return _power(self.short)

    @cached_property
    def band(self) -> slice:
        """Bins of the short spectra inside the analysed band."""
        low, high = _band_hz(self.sampling_rate)
        per_hz = (self.short.shape[1] - 1) / (self.sampling_rate / 2)
        return slice(round(low * per_hz), round(high * per_hz) + 1)

    @cached_property
    def picture(self) -> Picture:
        """Level and phase of the band in three layers, shape (3, bins, frames)."""
        return draw_picture(self.short[:, self.band])

    @cached_property
    def log_bands(self) -> Array:
        """Log energies of 40 linear filters in the speech frames, mean removed, shape (speech frames, 40)."""
        energies = self.power @ _filterbank(self.sampling_rate, self.short.shape[1])
        log_energies = np.log(energies + 1e-6 * energies.max() + EPS)[self.speech]
        return np.asarray(log_energies - log_energies.mean(axis=0), dtype=np.float32)

    @cached_property
    def groups(self) -> Array:
        """`log_bands` averaged to 10 neighbouring bands, shape (speech frames, 10)."""
        return np.asarray(self.log_bands.reshape(-1, GROUPS, FILTERS // GROUPS).mean(axis=2), dtype=np.float32)

    @cached_property
    def long(self) -> NDArray[np.complex64]:
        """Complex spectra of Hann frames of 64 ms every 10 ms, for pitch, shape (frames, bins)."""
        return _transform(self.signal, self.sampling_rate, PITCH_FRAME_SECONDS)

    @cached_property
    def pitch(self) -> tuple[Array, Array]:
        """Period in samples and periodicity 0 … 1 of each long frame, each of shape (frames,)."""
        return _find_period(_power(self.long), self.sampling_rate)


def _band_hz(sampling_rate: int) -> tuple[float, float]:
    return NARROW_BAND_HZ if sampling_rate < 12000 else WIDE_BAND_HZ


def _transform(signal: Array, sampling_rate: int, seconds: float) -> NDArray[np.complex64]:
    size, hop = int(seconds * sampling_rate), int(HOP_SECONDS * sampling_rate)
    frames = np.lib.stride_tricks.sliding_window_view(signal, size)[::hop]
    return np.asarray(rfft(frames * _hann(size), axis=1), dtype=np.complex64)


def _power(spectrum: NDArray[np.complex64]) -> Array:
    return np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)


@cache
def _hann(size: int) -> Array:
    return np.hanning(size + 1)[:-1].astype(np.float32)


@cache
def _filterbank(sampling_rate: int, bins: int) -> Array:
    low, high = _band_hz(sampling_rate)
    edges = np.linspace(low, high, FILTERS + 2)
    hz = np.linspace(0, sampling_rate / 2, bins)[:, None]
    rising, falling = (hz - edges[:-2]) / (edges[1] - edges[0]), (edges[2:] - hz) / (edges[1] - edges[0])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), dtype=np.float32)


@cache
def _cosines(size: int, count: int) -> Array:
    n = np.arange(size)[:, None]
    cosines = np.sqrt(2 / size) * np.cos(np.pi * (n + 0.5) * np.arange(count) / size)
    return np.asarray(cosines, dtype=np.float32)


def _find_period(power: Array, sampling_rate: int) -> tuple[Array, Array]:
    correlation = _autocorrelation(power) / _window_autocorrelation(int(PITCH_FRAME_SECONDS * sampling_rate))
    shortest, longest = int(sampling_rate / PITCH_HZ[1]), int(sampling_rate / PITCH_HZ[0])
    searched = correlation[:, shortest : longest + 1]
    # Twice the period correlates as well as the period; the slight penalty makes the shorter one win.
    penalty = (0.01 * np.log2(np.arange(shortest, longest + 1) / shortest)).astype(np.float32)
    peak = np.clip(np.argmax(searched - penalty, axis=1), 1, searched.shape[1] - 2)
    rows = np.arange(len(peak))
    before, at, after = searched[rows, peak - 1], searched[rows, peak], searched[rows, peak + 1]
    bend = before - 2 * at + after
    # The top of the parabola through three points; where they do not bend downwards there is none.
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0)
    return (peak + shortest + np.clip(shift, -1, 1)).astype(np.float32), np.clip(at, -1, 1).astype(np.float32)


def _autocorrelation(power: Array) -> Array:
    correlation = irfft(power, axis=1)
    return np.asarray(correlation / (correlation[:, :1] + EPS), dtype=np.float32)


@cache
def _window_autocorrelation(size: int) -> Array:
    """Autocorrelation of the window as the circular transform sees it, so that a perfect period gives about 1."""
    power = _power(np.fft.rfft(_hann(size))[None, :].astype(np.complex64))
    return np.asarray(np.maximum(_autocorrelation(power)[0], 0.05), dtype=np.float32)


def _moments(values: Array, axis: int = 0) -> tuple[Array, Array, Array]:
    """Standard deviation, skewness and excess kurtosis along an axis."""
    centred = values - values.mean(axis=axis, keepdims=True)
    squared = centred * centred
    variance = squared.mean(axis=axis) + 1e-12
    skewness = (squared * centred).mean(axis=axis) / variance**1.5
    return np.sqrt(variance), skewness, (squared * squared).mean(axis=axis) / variance**2 - 3


def _named(stem: str, values: NDArray[np.floating]) -> Values:
    return {f"{stem}_{i}": float(v) for i, v in enumerate(np.ravel(values), start=1)}


def _measure_cepstra(spectra: Spectra) -> Values:
    """Spread, tails and speed of the linear cepstra: vocoders smooth the motion of the envelope."""
    cepstra: Array = spectra.log_bands @ _cosines(FILTERS, CEPSTRA)
    velocity: Array = np.asarray((cepstra[2:] - cepstra[:-2]) / 2, dtype=np.float32)
    acceleration = cepstra[2:] - 2 * cepstra[1:-1] + cepstra[:-2]
    (spread, skewness, kurtosis), (speed, _, speed_kurtosis) = _moments(cepstra), _moments(velocity)
    jerk = _moments(acceleration)[0]
    return (
        _named("cepstrum_spread", np.log(spread))
        | _named("cepstrum_skewness", skewness)
        | _named("cepstrum_kurtosis", np.log(kurtosis + 4))
        | _named("cepstrum_speed", np.log(speed / spread))
        | _named("cepstrum_speed_kurtosis", np.log(speed_kurtosis + 4))
        | _named("cepstrum_roughness", np.log(jerk / speed))
    )


def _measure_bands(spectra: Spectra) -> Values:
    """Dynamic range, asymmetry and smoothness over time of ten bands, and how bands move together."""
    bands = spectra.groups
    low, middle, high = np.quantile(bands, [0.05, 0.5, 0.95], axis=0)
    motion = bands[1:] - bands[:-1]
    _, skewness, kurtosis = _moments(bands)
    upper = np.triu_indices(GROUPS, 1)
    return (
        _named("band_range_up", high - middle)
        | _named("band_range_down", middle - low)
        | _named("band_skewness", skewness)
        | _named("band_kurtosis", kurtosis)
        | _named("band_memory", _lagged(bands, (1, 2, 4, 8)))
        | _named("band_correlation", _correlate(bands)[upper])
        | _named("band_motion_correlation", _correlate(motion)[upper])
    )


def _lagged(bands: Array, lags: tuple[int, ...]) -> Array:
    variance = (bands * bands).mean(axis=0) + EPS
    return np.stack([(bands[lag:] * bands[:-lag]).mean(axis=0) / variance for lag in lags])


def _correlate(bands: Array) -> Array:
    centred = bands - bands.mean(axis=0)
    covariance = centred.T @ centred
    scale = np.sqrt(np.diag(covariance)) + EPS
    return np.asarray(covariance / np.outer(scale, scale), dtype=np.float32)


def _measure_modulation(spectra: Spectra) -> Values:
    """Share of each band's movement at syllable rate, phoneme rate and faster."""
    bands = spectra.groups[:, ::2] if GROUPS % 2 == 0 else spectra.groups
    window = np.hanning(len(bands)).astype(np.float32)[:, None]
    power = np.abs(np.fft.rfft((bands - bands.mean(axis=0)) * window, n=max(256, len(bands)), axis=0)) ** 2
    hz = np.linspace(0, 0.5 / HOP_SECONDS, len(power))
    edges = pairwise(MODULATION_HZ)
    shares = np.stack([power[(hz >= low) & (hz < high)].sum(axis=0) for low, high in edges])
    return _named("modulation", np.log(shares / (power.sum(axis=0) + EPS) + 1e-5))


def _measure_fine_structure(spectra: Spectra) -> Values:
    """Flatness per sub-band, spectral flux, and the cepstral peak of the voice."""
    power = spectra.power[spectra.speech][:, spectra.band] + EPS
    quarters = np.array_split(np.log(power), 4, axis=1)
    flatness = np.stack([q.mean(axis=1) - np.log(np.exp(q).mean(axis=1)) for q in quarters])
    amplitude = np.sqrt(power / power.sum(axis=1, keepdims=True))
    flux = 1 - (amplitude[1:] * amplitude[:-1]).sum(axis=1)
    return (
        _named("flatness_mean", flatness.mean(axis=1))
        | _named("flatness_spread", flatness.std(axis=1))
        | _named("flux", np.array([flux.mean(), flux.std(), *np.quantile(flux, [0.1, 0.5, 0.9])]))
    )


def _measure_pitch(spectra: Spectra) -> Values:
    """Pitch movement and its small irregularities, and the strength of the period in four sub-bands."""
    period, strength = spectra.pitch
    voiced = strength > VOICED_PERIODICITY
    values = {"voiced_share": float(voiced.mean())}
    steady = voiced[1:] & voiced[:-1] & (np.abs(np.log(period[1:] / period[:-1])) < 0.15)
    step = np.diff(np.log(period))[steady]
    turn = np.diff(step) if step.size > 2 else np.full(1, np.nan)
    step = step if step.size else np.full(1, np.nan)
    pitch = np.log(period[voiced]) if voiced.any() else np.full(1, np.nan)
    spread = float(np.subtract(*np.quantile(pitch, [0.9, 0.1])))
    quantiles = [*np.quantile(np.abs(step), [0.25, 0.5, 0.75]), *np.quantile(np.abs(turn), [0.25, 0.5, 0.75])]
    values |= {"pitch_range": spread} | _named("pitch_step", np.log(np.array(quantiles) + 1e-5))
    return values | _measure_periodicity(spectra, period, voiced)


def _measure_periodicity(spectra: Spectra, period: Array, voiced: NDArray[np.bool_]) -> Values:
    bins = spectra.long.shape[1]
    low, high = (int(edge / (spectra.sampling_rate / 2) * (bins - 1)) for edge in _band_hz(spectra.sampling_rate))
    edges = np.linspace(low, high, 5).astype(int)
    rows = np.flatnonzero(voiced)
    power, lag = _power(spectra.long[rows]), np.round(period[rows]).astype(int)
    window = _window_autocorrelation(2 * (bins - 1))[lag]
    statistics = np.full((4, 4), np.nan)
    for i, (start, stop) in enumerate(pairwise(edges)):
        if rows.size:
            strength = _correlation_at(power[:, start:stop], start, lag, bins) / window
            statistics[i] = [strength.mean(), strength.std(), *np.quantile(strength, [0.1, 0.9])]
    return _named("band_periodicity", statistics)


def _correlation_at(power: Array, first_bin: int, lag: NDArray[np.intp], bins: int) -> Array:
    """Return the normalised autocorrelation of a band at one lag per frame, straight from its power."""
    angle = np.pi / (bins - 1) * lag[:, None] * np.arange(first_bin, first_bin + power.shape[1])
    return np.asarray((power * np.cos(angle)).sum(axis=1) / (power.sum(axis=1) + EPS), dtype=np.float32)


def _measure_phase(spectra: Spectra) -> Values:
    """How well the last two frames predict the phase, and the spread of the group delay, per sub-band."""
    spectrum = spectra.short[:, spectra.band]
    magnitude = np.abs(spectrum) + EPS
    unit = spectrum / magnitude
    # A steady partial turns by the same angle from frame to frame, so the second difference of its phase is near 0 and
    # the real part near 1.
    agreement = (unit[2:] * unit[1:-1].conj() ** 2 * unit[:-2]).real
    # The factor -1 takes out the turn by π from bin to bin that the middle of a frame has when phase is counted from
    # its start.
    delay = np.angle(unit[:, 1:] * unit[:, :-1].conj() * -1)
    keep = spectra.speech
    prediction = _weighted_bands(agreement[keep[2:]], magnitude[2:][keep[2:]])
    delays = _weighted_bands(np.abs(delay[keep]), magnitude[keep, 1:])
    bend = np.abs(np.angle(np.exp(1j * np.diff(delay[keep], axis=1))))
    bends = _weighted_bands(bend, magnitude[keep, 2:])
    return _named("phase_prediction", prediction) | _named("group_delay", delays) | _named("delay_bend", bends)


def _weighted_bands(values: NDArray[np.floating], weights: Array) -> NDArray[np.floating]:
    """Mean and spread over frames of the weighted mean of four sub-bands, shape (2, 4)."""
    parts = zip(np.array_split(values, 4, axis=1), np.array_split(weights, 4, axis=1), strict=True)
    means = np.stack([(v * w).sum(axis=1) / w.sum(axis=1) for v, w in parts])
    return np.stack([means.mean(axis=1), means.std(axis=1)])


def _measure_residual(spectra: Spectra) -> Values:
    """Shape of the linear-prediction residual (the glottal source) and motion of the reflection coefficients."""
    power = spectra.power[spectra.speech]
    correlation = irfft(power * _emphasis(power.shape[1]), axis=1)[:, : LPC_ORDER + 1]
    coefficients, reflection, error = _solve_prediction(correlation.astype(np.float64))
    filters = np.fft.rfft(coefficients, n=2 * (power.shape[1] - 1), axis=1)
    emphasised = spectra.short[spectra.speech] * np.sqrt(_emphasis(power.shape[1]))
    residual = irfft(emphasised * filters, axis=1)
    spread, skewness, kurtosis = _moments(residual.astype(np.float32), axis=1)
    peaks = np.log(np.abs(residual).max(axis=1) / spread + EPS)
    gain = np.log(correlation[:, 0] / (error + EPS) + EPS)
    return (
        _spread_of("residual_skewness", np.abs(skewness))
        | _spread_of("residual_kurtosis", np.log(kurtosis + 4))
        | _spread_of("residual_peak", peaks)
        | _spread_of("prediction_gain", gain)
        | _named("reflection_spread", reflection.std(axis=0))
        | _named("reflection_speed", np.diff(reflection, axis=0).std(axis=0) / (reflection.std(axis=0) + 1e-6))
    )


@cache
def _emphasis(bins: int) -> Array:
    """Power response of the pre-emphasis 1 - 0.9 z^-1."""
    response = np.abs(1 - 0.9 * np.exp(-1j * np.linspace(0, np.pi, bins))) ** 2
    return np.asarray(response, dtype=np.float32)


def _spread_of(stem: str, values: NDArray[np.floating]) -> Values:
    return _named(stem, np.array([values.mean(), values.std(), *np.quantile(values, [0.1, 0.9])]))


def _solve_prediction(
    correlation: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Run the Levinson-Durbin recursion on all frames at once: predictors, reflection coefficients, errors."""
    frames, order = correlation.shape[0], correlation.shape[1] - 1
    # A little white noise keeps the recursion stable on pure tones and digital silence.
    error = correlation[:, 0] * (1 + 1e-6) + 1e-9
    predictor = np.zeros((frames, order + 1))
    predictor[:, 0] = 1
    reflection = np.zeros((frames, order))
    for i in range(1, order + 1):
        k = -np.einsum("fi,fi->f", predictor[:, :i], correlation[:, i:0:-1]) / error
        reflection[:, i - 1] = k
        predictor[:, 1 : i + 1] += k[:, None] * predictor[:, i - 1 :: -1][:, :i]
        # Rounding can push a reflection past 1, after which the error would turn negative.
        error = error * np.maximum(1 - k * k, 1e-9)
    return predictor, reflection, error


def _measure_waveform(spectra: Spectra) -> Values:
    """Asymmetry and tails of the samples and of their differences."""
    slope = np.diff(spectra.signal)
    (_, skewness, kurtosis), (_, slope_skewness, slope_kurtosis) = _moments(spectra.signal), _moments(slope)
    # The sign depends on how a microphone is wired.
    shape = np.abs([skewness, slope_skewness])
    return _named("wave_asymmetry", shape) | _named("wave_tails", np.log(np.array([kurtosis, slope_kurtosis]) + 4))


_MEASURES: tuple[Callable[[Spectra], Values], ...] = (
    _measure_cepstra,
    _measure_bands,
    _measure_modulation,
    _measure_fine_structure,
    _measure_pitch,
    _measure_phase,
    _measure_residual,
    _measure_waveform,
    lambda spectra: measure_texture(spectra.picture),
)
