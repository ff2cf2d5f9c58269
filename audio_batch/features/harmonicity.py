"""Harmonics-to-noise ratio by cross-correlation, with the defaults of Praat's "To Harmonicity (cc)".

One longest period (13.3 ms) of signal is compared with the signal one lag later, for all lags up to the longest
period; the highest local maximum r of the normalised correlation is the harmonic share: HNR = 10·log10(r / (1 - r)).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from audio_batch.features.pitch import (
    BLOCK_FRAMES,
    PITCH_FLOOR,
    Doubles,
    Indices,
    measure_unvoiced_strength,
    place_frames,
)
from audio_batch.features.spectrum import Floats, check_signal

SILENCE_THRESHOLD = 0.1
FINE_RATE = 32_000
"""Hz from which the correlation need not be computed between the samples."""
SHORTEST_LAG = 2
"""Samples."""
CONTENDERS = 0.8
"""Share of the highest point of a curve that a maximum needs to be worth interpolation."""
SINC_REACH, SINC_STEPS = 8, 4
LARGEST = 1 - 1e-6
"""Correlation above which rounding, not noise, is measured: HNR ends at 60 dB."""


def measure_harmonicity(signal: npt.ArrayLike, sampling_rate: int) -> Doubles:
    """Return the harmonics-to-noise ratio of frames 10 ms apart.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1.
    sampling_rate
        Hertz.

    Returns
    -------
    numpy.ndarray
        dB, shape (frames,), NaN in frames that are silent or show no periodicity; empty for less than 26.7 ms.

    Raises
    ------
    AudioUsageError
        As `Spectrum`.
    """
    samples = check_signal(signal, sampling_rate)
    _, starts = place_frames(len(samples), sampling_rate, 2 / PITCH_FLOOR)
    peak = float(np.abs(samples - samples.mean()).max()) if len(samples) else 0.0
    if not len(starts) or peak == 0:
        return np.full(len(starts), np.nan)
    blocks = np.array_split(starts, -(-len(starts) // BLOCK_FRAMES))
    correlations = np.concatenate([_correlate_frames(samples, block, sampling_rate, peak) for block in blocks])
    ratio: Doubles = 10 * np.log10(correlations / (1 - correlations))
    return ratio


def _correlate_frames(samples: Floats, starts: Indices, sampling_rate: int, peak: float) -> Doubles:
    """Return the highest correlation of each frame at a lag, NaN where "voiceless" explains the frame better."""
    period = int(sampling_rate / PITCH_FLOOR)
    frames = samples[starts[:, None] + np.arange(2 * period)]
    frames = frames - frames.mean(axis=1, keepdims=True)
    half = period // 2 + 1
    peaks = np.abs(frames[:, period - half : period + half]).max(axis=1) / np.float32(peak)
    curve, factor = _cross_correlate(frames, period, sampling_rate)
    highest = _find_highest(curve, SHORTEST_LAG * factor)
    voiced = (highest > measure_unvoiced_strength(peaks, SILENCE_THRESHOLD, 0.0)) & (highest > 0)
    return np.where(voiced, np.minimum(highest, LARGEST), np.nan)


def _find_highest(curve: Floats, first: int) -> Doubles:
    """Return the height of the highest local maximum of each row from column `first` on, 0 if there is none."""
    inner = curve[:, first:-1]
    maxima = np.where((inner > curve[:, first - 1 : -2]) & (inner >= curve[:, first + 1 :]), inner, 0)
    rows, columns = np.nonzero(maxima > CONTENDERS * maxima.max(axis=1, keepdims=True))
    heights = _interpolate_heights(curve, rows, columns + first)
    highest = np.zeros(len(curve))
    np.maximum.at(highest, rows, heights)
    return highest


def _interpolate_heights(curve: Floats, rows: Indices, columns: Indices) -> Floats:
    """Return the height of each local maximum between its points: windowed sinc at 9 places, then a parabola."""
    reach = np.clip(columns[:, None] + np.arange(-SINC_REACH, SINC_REACH + 1), 0, curve.shape[1] - 1)
    fine = curve[rows[:, None], reach] @ _make_sinc()
    place = np.clip(fine.argmax(axis=1), 1, fine.shape[1] - 2)
    rows = np.arange(len(fine))
    before, middle, after = fine[rows, place - 1], fine[rows, place], fine[rows, place + 1]
    bend = np.maximum(2 * middle - before - after, np.float32(1e-6))
    heights: Floats = middle + np.float32(0.125) * np.square(after - before) / bend
    return heights


@lru_cache(maxsize=1)
def _make_sinc() -> Floats:
    # A tapered sinc at quarters of a sample: near 1, a small error in the height of the peak is a large one in dB.
    offsets = np.arange(-SINC_STEPS, SINC_STEPS + 1) / SINC_STEPS
    distance = offsets - np.arange(-SINC_REACH, SINC_REACH + 1)[:, None]
    weights = np.sinc(distance) * np.square(np.cos(np.pi * distance / (2 * SINC_REACH + 4)))
    sinc: Floats = (weights / weights.sum(axis=0)).astype(np.float32)
    return sinc


def _cross_correlate(frames: Floats, period: int, sampling_rate: int) -> tuple[Floats, int]:
    """Return normalised correlation of each frame's first period with the frame, and the factor of interpolation."""
    factor = 2 if sampling_rate < FINE_RATE else 1
    size = 1 << (2 * period - 1).bit_length()
    cross = np.conj(rfft(frames[:, :period], size)) * rfft(frames, size)
    curve = irfft(cross, factor * size)[:, : factor * period] * np.float32(factor)
    energy = np.cumsum(np.square(frames, dtype=np.float64), axis=1)
    first = energy[:, period - 1 : period]
    moving = energy[:, period - 1 : 2 * period].copy()
    moving[:, 1:] -= energy[:, :period]
    dense = np.empty((len(frames), period, factor))
    dense[:, :, 0] = moving[:, :-1]
    if factor == 2:
        # The energy between two samples is interpolated in a line: it changes slowly, unlike the correlation.
        dense[:, :, 1] = (moving[:, :-1] + moving[:, 1:]) / 2
    energies = first * dense.reshape(len(frames), -1)
    normalized: Floats = (curve / np.sqrt(np.maximum(energies, 1e-20))).astype(np.float32)
    return normalized, factor
