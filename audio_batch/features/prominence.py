"""Cepstral peak prominence (Hillenbrand et al., 1994): how far the pitch stands out of the cepstrum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from audio_batch.features.pitch import BLOCK_FRAMES, Doubles
from audio_batch.features.spectrum import Floats, check_signal

WINDOW_SECONDS = 0.050
LOWEST_PITCH, HIGHEST_PITCH = 60.0, 333.3
TREND_FROM = 0.001
"""Seconds of quefrency from which the straight line is fitted; shorter ones hold the vocal tract."""


def measure_prominence(signal: npt.ArrayLike, sampling_rate: int, times: Doubles) -> Doubles:
    """Return the cepstral peak prominence at given times.

    The peak of the cepstrum, in dB, between 1/333.3 and 1/60 s, over the straight line fitted by least squares to the
    cepstrum from 1 ms to half its length, of Hann frames of 50 ms. No smoothing over time or quefrency.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1.
    sampling_rate
        Hertz.
    times
        Middles of the frames in seconds, shape (frames,); best the voiced ones.

    Returns
    -------
    numpy.ndarray
        dB, shape (frames,); NaN where the frame does not fit the signal.
    """
    samples = check_signal(signal, sampling_rate)
    length = round(WINDOW_SECONDS * sampling_rate)
    starts = np.rint(times * sampling_rate - length / 2).astype(np.intp)
    chosen = np.flatnonzero((starts >= 0) & (starts + length <= len(samples)))
    prominence = np.full(len(times), np.nan)
    for block in np.array_split(chosen, -(-len(chosen) // BLOCK_FRAMES) or 1):
        prominence[block] = _measure_frames(samples[starts[block][:, None] + np.arange(length)], sampling_rate)
    return prominence


def _measure_frames(frames: Floats, sampling_rate: int) -> Floats:
    length = frames.shape[1]
    size = 1 << (length - 1).bit_length()
    power = np.square(np.abs(rfft(frames * np.hanning(length).astype(np.float32), size)))
    power = np.maximum(power, power.max(axis=1, keepdims=True, initial=1e-20) * np.float32(1e-12))
    cepstrum = irfft(np.log(power), size)[:, : size // 2]
    level = 20 * np.log10(np.maximum(np.abs(cepstrum), np.float32(1e-10)))
    first, last = int(np.ceil(sampling_rate / HIGHEST_PITCH)), int(sampling_rate / LOWEST_PITCH)
    place = first + level[:, first : last + 1].argmax(axis=1)
    grid = np.arange(round(TREND_FROM * sampling_rate), size // 2, dtype=np.float32)
    centred = grid - grid.mean()
    tail = level[:, int(grid[0]) :]
    slope = tail @ (centred / np.square(centred).sum())
    trend = tail.mean(axis=1) + slope * (place - grid.mean())
    prominence: Floats = level[np.arange(len(level)), place] - trend
    return prominence
