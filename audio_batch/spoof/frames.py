"""What is measured frame by frame over a stretch of speech, once for all segments that overlap in it.

Everything is measured at first use and kept. Frames lie 10 ms apart; those of 32 ms serve all measures but the pitch,
which has frames of 64 ms. Arrays have one row per frame, unless said. No measure knows the level of the stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from audio_batch.spoof.picture import step_phases

Array = NDArray[np.float32]
Rows = NDArray[np.intp]

FRAME_SECONDS, PITCH_FRAME_SECONDS, HOP_SECONDS = 0.032, 0.064, 0.010
VOICED_PERIODICITY = 0.45  # share of energy that repeats after one period; Boersma 1993 takes 0.45 as well
PITCH_HZ = (65.0, 400.0)
NARROW_BAND_HZ, WIDE_BAND_HZ = (200.0, 3600.0), (200.0, 7400.0)
SUB_BANDS, LPC_ORDER, FILTERS = 4, 10, 40
CHANGE = 1e-6
"""Share of a frame's energy from which a change could be more than rounding."""
EPS = np.float32(1e-10)
BLOCK, LONG_BLOCK = 512, 200
"""Frames that are predicted, and long ones that are transformed, at a time: more would leave the processor's cache."""


class Frames:
    """The frames of a stretch.

    Parameters
    ----------
    signal
        Mono, shape (samples,), at least 0.3 s; any level.
    sampling_rate
        8000 or 16000.

    Attributes
    ----------
    signal
        The same with zero mean and RMS 1.
    """

    def __init__(self, signal: NDArray[np.floating], sampling_rate: int) -> None:
        mono = np.asarray(signal, dtype=np.float32)
        mono = mono - mono.mean()
        # Level says how the line was set up, not who speaks; no measure may see it.
        self.signal: Array = mono / np.float32(max(float(np.sqrt(np.mean(mono**2))), 1e-9))
        self.sampling_rate = sampling_rate
        self.hop = int(HOP_SECONDS * sampling_rate)

    @cached_property
    def short(self) -> NDArray[np.complex64]:
        """Complex spectra of Hann frames of 32 ms, shape (frames, bins)."""
        return _transform(self.signal, self.sampling_rate, FRAME_SECONDS)

    @cached_property
    def power(self) -> Array:
        """Power of the short frames, shape (frames, bins)."""
        return measure_power(self.short)

    @cached_property
    def _total(self) -> Array:
        return np.asarray(self.power.sum(axis=1), dtype=np.float32)

    def measure_level(self, rows: slice, mean: float) -> Array:
        """Return the level of short frames in dB, after a mean is taken off the signal."""
        total = self._total[rows] + _shift_power(self.short[rows, :2], 2 * (self.short.shape[1] - 1), mean).sum(axis=1)
        return np.asarray(10 * np.log10(np.maximum(total, 0) + EPS), dtype=np.float32)

    @cached_property
    def energies(self) -> Array:
        """Energies of 40 linear filters in the short frames, shape (frames, 40)."""
        return self.power @ _filterbank(self.sampling_rate, self.power.shape[1])

    @cached_property
    def band(self) -> slice:
        """Bins of the short spectra inside the analysed band."""
        low, high = get_band(self.sampling_rate)
        per_hz = (self.short.shape[1] - 1) / (self.sampling_rate / 2)
        return slice(round(low * per_hz), round(high * per_hz) + 1)

    @cached_property
    def inside(self) -> Array:
        """Power of the bins inside the band, shape (frames, bins inside)."""
        return np.ascontiguousarray(self.power[:, self.band])

    @cached_property
    def magnitude(self) -> Array:
        """Magnitude of the bins inside the band."""
        return np.asarray(np.sqrt(self.inside) + EPS, dtype=np.float32)

    @cached_property
    def turns(self) -> tuple[Array, Array]:
        """How well the two frames before predict the phase, and how evenly it runs over the bins.

        Cosines of the phase's second difference over time (0 in the first two frames) and over bins (0 at the edges).
        """
        steadiness, evenness = np.zeros_like(self.inside), np.zeros_like(self.inside)
        real, imaginary = self._unit
        # The turn of the phase from frame to frame: unit[1:] * conj(unit[:-1]), in real numbers, which is faster.
        over_time = _turn(real[1:], imaginary[1:], real[:-1], imaginary[:-1])
        steadiness[2:] = over_time[0][1:] * over_time[0][:-1] + over_time[1][1:] * over_time[1][:-1]
        cosine, sine = self._delay
        evenness[:, 1:-1] = cosine[:, 1:] * cosine[:, :-1] + sine[:, 1:] * sine[:, :-1]
        return steadiness, evenness

    @cached_property
    def steps(self) -> NDArray[np.float32]:
        """`turns` in the whole steps of a picture, shape (frames, 2, bins inside)."""
        return step_phases(*self.turns)

    @cached_property
    def _unit(self) -> tuple[Array, Array]:
        inside = self.short[:, self.band]
        return inside.real / self.magnitude, inside.imag / self.magnitude

    @cached_property
    def _delay(self) -> tuple[Array, Array]:
        """Cosine and sine of the turn of the phase from bin to bin, shape (frames, bins inside - 1)."""
        real, imaginary = self._unit
        return _turn(real[:, 1:], imaginary[:, 1:], real[:, :-1], imaginary[:, :-1])

    @cached_property
    def phase(self) -> tuple[Array, Array, Array]:
        """Phase prediction, group delay and its bend, weighted means of four sub-bands, each of shape (frames, 4)."""
        cosine, sine = self._delay
        # The signs take out the turn by π from bin to bin that the middle of a frame has when phase is counted from
        # its start.
        delay = np.arctan2(-sine, -cosine)
        bend = np.abs(delay[:, 1:] - delay[:, :-1])
        bend = np.minimum(bend, np.float32(2 * np.pi) - bend)
        prediction = _weigh_bands(self.turns[0], self.magnitude)
        return (
            prediction,
            _weigh_bands(np.abs(delay), self.magnitude[:, 1:]),
            _weigh_bands(bend, self.magnitude[:, 2:]),
        )

    @cached_property
    def flatness(self) -> Array:
        """Logarithm of the geometric over the arithmetic mean of the power in four sub-bands, shape (frames, 4)."""
        power = self.inside + EPS
        means = _sum_bands(power) / _count_bands(power.shape[1])
        return np.asarray(_sum_bands(np.log(power)) / _count_bands(power.shape[1]) - np.log(means), dtype=np.float32)

    @cached_property
    def amplitude(self) -> Array:
        """Magnitudes inside the band, scaled to unit length."""
        power = self.inside + EPS
        return np.asarray(np.sqrt(power / power.sum(axis=1, keepdims=True)), dtype=np.float32)

    def measure_residuals(self, asked: Sequence[tuple[Rows, float]]) -> list[tuple[Array, Array]]:
        """Return what linear prediction leaves over of short frames, after a mean is taken off the signal.

        Parameters
        ----------
        asked
            Of each segment, its rows among the short frames and its mean.

        Returns
        -------
        list of tuple
            Of each segment: skewness (magnitude), logarithm of kurtosis + 4, log of peak over deviation, prediction
            gain (log), shape (rows, 4); reflection coefficients, shape (rows, 10).
        """
        size, emphasis = 2 * (self.short.shape[1] - 1), _emphasis(self.short.shape[1])
        energy = self.power @ emphasis
        lows = [_take_off(self.short[rows, :2], size, mean) for rows, mean in asked]
        changes = [measure_power(low) - self.power[rows, :2] for low, (rows, _) in zip(lows, asked, strict=True)]
        shared = _Shared.of(
            [rows for rows, _ in asked],
            [np.abs(c) @ emphasis[:2] > CHANGE * energy[rows] for c, (rows, _) in zip(changes, asked, strict=True)],
            len(energy),
        )
        spectra = self.short[shared.rows]
        spectra[shared.kept :, :2] = shared.join(lows)
        blocks = [_predict(spectra[first : first + BLOCK]) for first in range(0, max(1, len(spectra)), BLOCK)]
        shapes, reflection = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        return [(shapes[place], reflection[place]) for place in shared.places]

    def track_pitches(self, asked: Sequence[tuple[slice, float]]) -> list[tuple[Array, Array, Array]]:
        """Return the pitch of long frames, after a mean is taken off the signal.

        Parameters
        ----------
        asked
            Of each segment, its long frames and its mean.

        Returns
        -------
        list of tuple
            Of each segment: period in samples and periodicity 0 … 1, each of shape (long frames,); strength of the
            period in four sub-bands, shape (long frames, 4), NaN where nothing is voiced.
        """
        power, correlation = self._long.power, self._long.correlation
        size = 2 * (power.shape[1] - 1)
        # One-sided: the first bin counts once in the correlation, the second twice.
        weights = np.array([1, 2], np.float32) / np.float32(size)
        lows = [_take_off(self._long.low[rows], size, mean) for rows, mean in asked]
        shifts = [(measure_power(low) - power[rows, :2]) * weights for low, (rows, _) in zip(lows, asked, strict=True)]
        shared = _Shared.of(
            [np.arange(rows.start, rows.stop) for rows, _ in asked],
            [np.abs(s).sum(axis=1) > CHANGE * correlation[rows, 0] for s, (rows, _) in zip(shifts, asked, strict=True)],
            len(correlation),
        )
        correlation = correlation[shared.rows]
        correlation[shared.kept :] += shared.join(shifts) @ _ripple(self.sampling_rate)
        period, strength = _find_period(correlation, self.sampling_rate)
        bands = _measure_periodicity(power, shared.rows, period, strength, self.sampling_rate)
        return [(period[place], strength[place], bands[place]) for place in shared.places]

    @cached_property
    def _long(self) -> _Long:
        return _Long.of(self.signal, self.sampling_rate)


@dataclass(frozen=True)
class _Long:
    """What the pitch is found from.

    Attributes
    ----------
    low
        The first two bins of the complex spectra of Hann frames of 64 ms, shape (long frames, 2).
    power
        Their power, shape (long frames, bins).
    correlation
        At lag 0 and at those of the pitch, shape (long frames, 1 + lags).
    """

    low: NDArray[np.complex64]
    power: Array
    correlation: Array

    @classmethod
    def of(cls, signal: Array, sampling_rate: int) -> _Long:
        """Transform a signal, some frames at a time: all of them would leave the processor's cache."""
        shortest, longest = _lags(sampling_rate)
        frames, window = _cut_frames(signal, sampling_rate, PITCH_FRAME_SECONDS)
        count, bins = len(frames), len(window) // 2 + 1
        low, power = np.empty((count, 2), np.complex64), np.empty((count, bins), np.float32)
        correlation = np.empty((count, longest - shortest + 2), np.float32)
        for first in range(0, count, LONG_BLOCK):
            block = slice(first, first + LONG_BLOCK)
            spectra = rfft(frames[block] * window, axis=1)
            low[block], power[block] = spectra[:, :2], measure_power(spectra)
            whole = irfft(power[block], axis=1)
            correlation[block, 0], correlation[block, 1:] = whole[:, 0], whole[:, shortest : longest + 1]
        return cls(low, power, correlation)


@dataclass(frozen=True)
class _Shared:
    """Rows of a stretch that are worked on once for all segments that have them.

    Attributes
    ----------
    rows
        Those that no mean changes, then those that the mean of a segment changes, segment by segment.
    kept
        How many of the first kind.
    moved
        Which rows of each segment its mean changes.
    places
        Where the rows of each segment lie among `rows`.
    """

    rows: Rows
    kept: int
    moved: list[NDArray[np.bool_]]
    places: list[Rows]

    @classmethod
    def of(cls, asked: Sequence[Rows], moved: list[NDArray[np.bool_]], count: int) -> _Shared:
        """Make it from the rows of each segment, out of so many."""
        needed = np.zeros(count, dtype=bool)
        for rows, moves in zip(asked, moved, strict=True):
            needed[rows[~moves]] = True
        kept, place = np.flatnonzero(needed), np.cumsum(needed) - 1
        places, changed, reached = [], [], len(kept)
        for rows, moves in zip(asked, moved, strict=True):
            found, own = place[rows], rows[moves]
            found[moves] = np.arange(reached, reached + len(own))
            reached += len(own)
            places.append(found)
            changed.append(own)
        return cls(np.concatenate([kept, *changed]), len(kept), moved, places)

    def join(self, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return what there is for the changed rows of each segment, one after the other."""
        return np.concatenate([part[moves] for part, moves in zip(parts, self.moved, strict=True)])


def measure_power(spectrum: NDArray[np.complex64]) -> Array:
    """Return the squared magnitude."""
    return np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)


def measure_moments(values: Array, axis: int = 0) -> tuple[Array, Array, Array]:
    """Standard deviation, skewness and excess kurtosis along an axis."""
    centred = values - average(values, axis, keepdims=True)
    if values.ndim > 1:
        return shape_moments(centred, axis)
    squared, share = centred * centred, np.float32(1 / values.size)
    # Products of two vectors are sums already.
    variance = np.dot(centred, centred) * share + 1e-12
    third, fourth = np.dot(squared, centred) * share, np.dot(squared, squared) * share
    return np.sqrt(variance), third / variance**1.5, fourth / variance**2 - 3


def shape_moments(centred: Array, axis: int = 0) -> tuple[Array, Array, Array]:
    """Return the same of values whose mean is 0."""
    squared = centred * centred
    variance = average(squared, axis) + 1e-12
    skewness = average(squared * centred, axis) / variance**1.5
    return np.sqrt(variance), skewness, average(np.square(squared, out=squared), axis) / variance**2 - 3


def average(values: Array, axis: int = 0, *, keepdims: bool = False) -> Array:
    """Return means along an axis: those of numpy without what it looks up each time."""
    total: Array = np.add.reduce(values, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]
    return np.asarray(total / np.float32(values.shape[axis]))


def get_band(sampling_rate: int) -> tuple[float, float]:
    """Return the analysed band in Hz."""
    return NARROW_BAND_HZ if sampling_rate < 12000 else WIDE_BAND_HZ


def count_frames(samples: int, sampling_rate: int, seconds: float) -> int:
    """Return how many frames of that length lie inside so many samples."""
    return (samples - int(seconds * sampling_rate)) // int(HOP_SECONDS * sampling_rate) + 1


def _transform(signal: Array, sampling_rate: int, seconds: float) -> NDArray[np.complex64]:
    frames, window = _cut_frames(signal, sampling_rate, seconds)
    return np.asarray(rfft(frames * window, axis=1), dtype=np.complex64)


def _cut_frames(signal: Array, sampling_rate: int, seconds: float) -> tuple[Array, Array]:
    """Return a view of the frames of a signal, shape (frames, samples), and their window."""
    size, hop = int(seconds * sampling_rate), int(HOP_SECONDS * sampling_rate)
    return np.lib.stride_tricks.sliding_window_view(signal, size)[::hop], _hann(size)


@cache
def _filterbank(sampling_rate: int, bins: int) -> Array:
    low, high = get_band(sampling_rate)
    edges = np.linspace(low, high, FILTERS + 2)
    hz = np.linspace(0, sampling_rate / 2, bins)[:, None]
    rising, falling = (hz - edges[:-2]) / (edges[1] - edges[0]), (edges[2:] - hz) / (edges[1] - edges[0])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), dtype=np.float32)


@cache
def _hann(size: int) -> Array:
    return np.hanning(size + 1)[:-1].astype(np.float32)


def _turn(real: Array, imaginary: Array, other_real: Array, other_imaginary: Array) -> tuple[Array, Array]:
    """Real and imaginary part of one number times the conjugate of another."""
    return real * other_real + imaginary * other_imaginary, imaginary * other_real - real * other_imaginary


def _weigh_bands(values: Array, weights: Array) -> Array:
    """Return the weighted means of four sub-bands, shape (frames, 4)."""
    return np.asarray(_sum_bands(values * weights) / _sum_bands(weights), dtype=np.float32)


def _sum_bands(values: Array) -> Array:
    # Bands of neighbouring bins, the first ones wider by one where the bins do not go up.
    return values @ _indicate(values.shape[1])


@cache
def _indicate(bins: int) -> Array:
    """Return which bins belong to which sub-band, shape (bins, 4)."""
    places = np.arange(bins)[:, None]
    edges = _split(bins)
    return ((places >= edges[:-1]) & (places < edges[1:])).astype(np.float32)


def _count_bands(bins: int) -> Array:
    return np.diff(_split(bins)).astype(np.float32)


@cache
def _split(bins: int) -> NDArray[np.intp]:
    return np.array([part[0] for part in np.array_split(np.arange(bins), SUB_BANDS)] + [bins])


@cache
def _emphasis(bins: int) -> Array:
    """Power response of the pre-emphasis 1 - 0.9 z^-1."""
    response = np.abs(1 - 0.9 * np.exp(-1j * np.linspace(0, np.pi, bins))) ** 2
    return np.asarray(response, dtype=np.float32)


@cache
def _lag_basis(bins: int) -> NDArray[np.float64]:
    """Turn a power spectrum into the autocorrelation at lags 0 to 10 after pre-emphasis, shape (bins, lags)."""
    weights = np.full(bins, 2.0)
    weights[[0, -1]] = 1.0
    angles = np.pi / (bins - 1) * np.arange(bins)[:, None] * np.arange(LPC_ORDER + 1)
    return np.asarray((weights * _emphasis(bins))[:, None] * np.cos(angles) / (2 * (bins - 1)))


@cache
def _filter_basis(bins: int) -> Array:
    """Turn 11 coefficients into their frequency response times that of the pre-emphasis.

    Shape (11, 2 bins): real and imaginary parts in turns.
    """
    angles = np.pi / (bins - 1) * np.arange(LPC_ORDER + 1)[:, None] * np.arange(bins)
    return np.asarray((np.exp(-1j * angles) * np.sqrt(_emphasis(bins))).astype(np.complex64).view(np.float32))


def _solve_prediction(
    correlation: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Run the Levinson-Durbin recursion on all frames at once: predictors, reflection coefficients, errors."""
    # One row for each lag: what is done to all frames at once lies side by side in memory.
    lags = np.ascontiguousarray(correlation.T)
    order = len(lags) - 1
    # A little white noise keeps the recursion stable on pure tones and digital silence.
    error = lags[0] * (1 + 1e-6) + 1e-9
    predictor = np.zeros_like(lags)
    predictor[0] = 1
    reflection = np.empty_like(lags[1:])
    for i in range(1, order + 1):
        k = -np.einsum("if,if->f", predictor[:i], lags[i:0:-1]) / error
        reflection[i - 1] = k
        predictor[1 : i + 1] += k * predictor[i - 1 :: -1][:i]
        # Rounding can push a reflection past 1, after which the error would turn negative.
        error = error * np.maximum(1 - k * k, 1e-9)
    return predictor.T, reflection.T, error


def _predict(spectra: NDArray[np.complex64]) -> tuple[Array, Array]:
    """Return what `Frames.measure_residuals` says of spectra, shape (frames, bins)."""
    bins = spectra.shape[1]
    correlation = measure_power(spectra).astype(np.float64) @ _lag_basis(bins)
    coefficients, reflection, error = _solve_prediction(correlation)
    filtered = spectra * (coefficients.astype(np.float32) @ _filter_basis(bins)).view(np.complex64)
    # The mean of what is left, which need not be taken off when it is left out.
    mean = filtered[:, 0].real / np.float32(2 * (bins - 1))
    filtered[:, 0] = 0
    left = irfft(filtered, axis=1)
    highest, lowest = left.max(axis=1) + mean, left.min(axis=1) + mean
    spread, skewness, kurtosis = shape_moments(left, axis=1)
    peaks = np.log(np.maximum(highest, -lowest) / spread + EPS)
    gain = np.log(correlation[:, 0] / (error + EPS) + EPS)
    shapes = np.stack([np.abs(skewness), np.log(kurtosis + 4), peaks, gain], axis=1)
    return shapes.astype(np.float32), reflection.astype(np.float32)


def _shift_power(low: NDArray[np.complex64], size: int, mean: float) -> Array:
    """Return by how much the power of the first two bins changes when a mean is taken off, shape (frames, 2)."""
    return measure_power(_take_off(low, size, mean)) - measure_power(low)


def _take_off(low: NDArray[np.complex64], size: int, mean: float) -> NDArray[np.complex64]:
    """Take a mean off the first two bins of frames of a size: the Hann window lets a constant through to no others."""
    return low - np.array([0.5, -0.25], np.float32) * np.float32(size * mean)


def _find_period(correlation: Array, sampling_rate: int) -> tuple[Array, Array]:
    """Return period and strength from correlations at lag 0 and at those of the pitch, shape (frames, 1 + lags)."""
    shortest, longest = _lags(sampling_rate)
    window = _window_autocorrelation(int(PITCH_FRAME_SECONDS * sampling_rate))[shortest : longest + 1]
    searched = (correlation[:, :1] + EPS) * window
    np.divide(correlation[:, 1:], searched, out=searched)
    # Twice the period correlates as well as the period; the slight penalty makes the shorter one win.
    penalty = (0.01 * np.log2(np.arange(shortest, longest + 1) / shortest)).astype(np.float32)
    peak = np.clip(np.argmax(searched - penalty, axis=1), 1, searched.shape[1] - 2)
    rows = np.arange(len(peak))
    before, at, after = searched[rows, peak - 1], searched[rows, peak], searched[rows, peak + 1]
    bend = before - 2 * at + after
    # The top of the parabola through three points; where they do not bend downwards there is none.
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0)
    return (peak + shortest + np.clip(shift, -1, 1)).astype(np.float32), np.clip(at, -1, 1).astype(np.float32)


def _measure_periodicity(power: Array, places: Rows, period: Array, strength: Array, sampling_rate: int) -> Array:
    """Return the normalised autocorrelation of four sub-bands at one lag per frame, straight from their power.

    Parameters
    ----------
    power
        Of long frames, shape (frames, bins).
    places
        Which of them has each period.
    """
    bins = power.shape[1]
    low, high = (int(edge / (sampling_rate / 2) * (bins - 1)) for edge in get_band(sampling_rate))
    edges = np.linspace(low, high, SUB_BANDS + 1).astype(int)[:-1] - low
    rows = np.flatnonzero(strength > VOICED_PERIODICITY)
    inside, lag = power[places[rows], low:high], np.rint(period[rows]).astype(int)
    whole = np.add.reduceat(inside, edges, axis=1)
    turned = np.add.reduceat(np.multiply(inside, _cosines_by_lag(sampling_rate, bins)[lag], out=inside), edges, axis=1)
    found = np.full((len(period), SUB_BANDS), np.nan, dtype=np.float32)
    found[rows] = turned / (whole + EPS) / _window_autocorrelation(2 * (bins - 1))[lag][:, None]
    return found


def _lags(sampling_rate: int) -> tuple[int, int]:
    return int(sampling_rate / PITCH_HZ[1]), int(sampling_rate / PITCH_HZ[0])


@cache
def _cosines_by_lag(sampling_rate: int, bins: int) -> Array:
    """Cosines of the angles that bins inside the band turn by in so many samples, shape (lags, bins inside)."""
    lags = np.arange(_lags(sampling_rate)[1] + 2)[:, None]
    low, high = (int(edge / (sampling_rate / 2) * (bins - 1)) for edge in get_band(sampling_rate))
    return np.asarray(np.cos(np.pi / (bins - 1) * lags * np.arange(low, high)), dtype=np.float32)


@cache
def _ripple(sampling_rate: int) -> Array:
    """How the first two bins of long frames show in `Frames._correlation`, shape (2, 1 + lags)."""
    shortest, longest = _lags(sampling_rate)
    lags = np.array([0, *range(shortest, longest + 1)])
    angles = 2 * np.pi / int(PITCH_FRAME_SECONDS * sampling_rate) * lags
    return np.stack([np.ones(len(lags)), np.cos(angles)]).astype(np.float32)


@cache
def _window_autocorrelation(size: int) -> Array:
    """Autocorrelation of the window as the circular transform sees it, so that a perfect period gives about 1."""
    correlation = irfft(measure_power(rfft(_hann(size))[None, :]), axis=1)
    return np.asarray(np.maximum(correlation[0] / (correlation[0, 0] + EPS), 0.05), dtype=np.float32)
