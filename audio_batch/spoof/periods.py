"""The pitch of a stretch of speech, and how strongly it repeats in sub-bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from audio_batch.spoof.sharing import Shared
from audio_batch.spoof.transforms import (
    CHANGE,
    EPS,
    PITCH_FRAME_SECONDS,
    SUB_BANDS,
    Array,
    Rows,
    cut_frames,
    get_band,
    make_hann,
    measure_power,
    take_off,
)

VOICED_PERIODICITY = 0.45  # share of energy that repeats after one period; Boersma 1993 takes 0.45 as well
PITCH_HZ = (65.0, 400.0)
LONG_BLOCK = 200
"""Frames that are transformed at a time: more would leave the processor's cache."""


@dataclass(frozen=True)
class LongFrames:
    """The long frames of a stretch, from which the pitch is found.

    Attributes
    ----------
    low
        The first two bins of the complex spectra of Hann frames of 64 ms, shape (long frames, 2).
    power
        Their power, shape (long frames, bins).
    correlation
        At lag 0 and at those of the pitch, shape (long frames, 1 + lags).
    sampling_rate
        Hz.
    """

    low: NDArray[np.complex64]
    power: Array
    correlation: Array
    sampling_rate: int

    @classmethod
    def of(cls, signal: Array, sampling_rate: int) -> LongFrames:
        """Transform a signal, some frames at a time: all of them would leave the processor's cache."""
        shortest, longest = _lags(sampling_rate)
        frames, window = cut_frames(signal, sampling_rate, PITCH_FRAME_SECONDS)
        count, bins = len(frames), len(window) // 2 + 1
        low, power = np.empty((count, 2), np.complex64), np.empty((count, bins), np.float32)
        correlation = np.empty((count, longest - shortest + 2), np.float32)
        for first in range(0, count, LONG_BLOCK):
            block = slice(first, first + LONG_BLOCK)
            spectra = rfft(frames[block] * window, axis=1)
            low[block], power[block] = spectra[:, :2], measure_power(spectra)
            whole = irfft(power[block], axis=1)
            correlation[block, 0], correlation[block, 1:] = whole[:, 0], whole[:, shortest : longest + 1]
        return cls(low, power, correlation, sampling_rate)

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
        power, correlation = self.power, self.correlation
        size = 2 * (power.shape[1] - 1)
        # One-sided: the first bin counts once in the correlation, the second twice.
        weights = np.array([1, 2], np.float32) / np.float32(size)
        lows = [take_off(self.low[rows], size, mean) for rows, mean in asked]
        shifts = [(measure_power(low) - power[rows, :2]) * weights for low, (rows, _) in zip(lows, asked, strict=True)]
        shared = Shared.of(
            [np.arange(rows.start, rows.stop) for rows, _ in asked],
            [np.abs(s).sum(axis=1) > CHANGE * correlation[rows, 0] for s, (rows, _) in zip(shifts, asked, strict=True)],
            len(correlation),
        )
        correlation = correlation[shared.rows]
        correlation[shared.kept :] += shared.join(shifts) @ _ripple(self.sampling_rate)
        period, strength = _find_period(correlation, self.sampling_rate)
        bands = _measure_periodicity(power, shared.rows, period, strength, self.sampling_rate)
        return [(period[place], strength[place], bands[place]) for place in shared.places]


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

    `places` are the rows of `power`, shape (frames, bins), that have these periods.
    """
    bins = power.shape[1]
    low, high = _bound_band(sampling_rate, bins)
    edges = np.linspace(low, high, SUB_BANDS + 1).astype(int)[:-1] - low
    rows = np.flatnonzero(strength > VOICED_PERIODICITY)
    inside, lag = power[places[rows], low:high], np.rint(period[rows]).astype(int)
    whole = np.add.reduceat(inside, edges, axis=1)
    turned = np.add.reduceat(np.multiply(inside, _cosines_by_lag(sampling_rate, bins)[lag], out=inside), edges, axis=1)
    found = np.full((len(period), SUB_BANDS), np.nan, dtype=np.float32)
    found[rows] = turned / (whole + EPS) / _window_autocorrelation(2 * (bins - 1))[lag][:, None]
    return found


def _bound_band(sampling_rate: int, bins: int) -> tuple[int, int]:
    """Return the first bin of the analysed band, and the first one beyond it."""
    low, high = get_band(sampling_rate)
    return int(low / (sampling_rate / 2) * (bins - 1)), int(high / (sampling_rate / 2) * (bins - 1))


def _lags(sampling_rate: int) -> tuple[int, int]:
    return int(sampling_rate / PITCH_HZ[1]), int(sampling_rate / PITCH_HZ[0])


@cache
def _cosines_by_lag(sampling_rate: int, bins: int) -> Array:
    """Cosines of the angles that bins inside the band turn by in so many samples, shape (lags, bins inside)."""
    lags = np.arange(_lags(sampling_rate)[1] + 2)[:, None]
    low, high = _bound_band(sampling_rate, bins)
    return np.asarray(np.cos(np.pi / (bins - 1) * lags * np.arange(low, high)), dtype=np.float32)


@cache
def _ripple(sampling_rate: int) -> Array:
    """How the first two bins of long frames show in `LongFrames.correlation`, shape (2, 1 + lags)."""
    shortest, longest = _lags(sampling_rate)
    lags = np.array([0, *range(shortest, longest + 1)])
    angles = 2 * np.pi / int(PITCH_FRAME_SECONDS * sampling_rate) * lags
    return np.stack([np.ones(len(lags)), np.cos(angles)]).astype(np.float32)


@cache
def _window_autocorrelation(size: int) -> Array:
    """Autocorrelation of the window as the circular transform sees it, so that a perfect period gives about 1."""
    correlation = irfft(measure_power(rfft(make_hann(size))[None, :]), axis=1)
    return np.asarray(np.maximum(correlation[0] / (correlation[0, 0] + EPS), 0.05), dtype=np.float32)
