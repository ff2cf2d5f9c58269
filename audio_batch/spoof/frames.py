"""What is measured frame by frame over a stretch of speech, once for all segments that overlap in it.

Everything is measured at first use and kept. Frames lie 10 ms apart; those of 32 ms serve all measures but the pitch,
which has frames of 64 ms. Arrays have one row per frame, unless said. No measure knows the level of the stretch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.periods import LongFrames
from audio_batch.spoof.picture import step_phases
from audio_batch.spoof.prediction import measure_residuals
from audio_batch.spoof.transforms import (
    EPS,
    FRAME_SECONDS,
    HOP_SECONDS,
    SUB_BANDS,
    Array,
    Rows,
    get_band,
    measure_power,
    shift_power,
    transform,
)

FILTERS = 40


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
        return transform(self.signal, self.sampling_rate, FRAME_SECONDS)

    @cached_property
    def power(self) -> Array:
        """Power of the short frames, shape (frames, bins)."""
        return measure_power(self.short)

    @cached_property
    def _total(self) -> Array:
        return np.asarray(self.power.sum(axis=1), dtype=np.float32)

    def measure_level(self, rows: slice, mean: float) -> Array:
        """Return the level of short frames in dB, after a mean is taken off the signal."""
        total = self._total[rows] + shift_power(self.short[rows, :2], 2 * (self.short.shape[1] - 1), mean).sum(axis=1)
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
        """Return `prediction.measure_residuals` of segments: their rows among the short frames, and their means."""
        return measure_residuals(self.short, self.power, asked)

    def track_pitches(self, asked: Sequence[tuple[slice, float]]) -> list[tuple[Array, Array, Array]]:
        """Return `LongFrames.track_pitches` of segments: their long frames, and their means."""
        return self._long.track_pitches(asked)

    @cached_property
    def _long(self) -> LongFrames:
        return LongFrames.of(self.signal, self.sampling_rate)


@cache
def _filterbank(sampling_rate: int, bins: int) -> Array:
    low, high = get_band(sampling_rate)
    edges = np.linspace(low, high, FILTERS + 2)
    hz = np.linspace(0, sampling_rate / 2, bins)[:, None]
    rising, falling = (hz - edges[:-2]) / (edges[1] - edges[0]), (edges[2:] - hz) / (edges[1] - edges[0])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), dtype=np.float32)


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
