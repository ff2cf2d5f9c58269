"""Frames, their spectra and their moments: what the measures of a stretch of speech have in common."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

Array = NDArray[np.float32]
Rows = NDArray[np.intp]

FRAME_SECONDS, PITCH_FRAME_SECONDS, HOP_SECONDS = 0.032, 0.064, 0.010
NARROW_BAND_HZ, WIDE_BAND_HZ = (200.0, 3600.0), (200.0, 7400.0)
SUB_BANDS = 4
CHANGE = 1e-6
"""Share of a frame's energy from which a change could be more than rounding."""
EPS = np.float32(1e-10)


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


def transform(signal: Array, sampling_rate: int, seconds: float) -> NDArray[np.complex64]:
    frames, window = cut_frames(signal, sampling_rate, seconds)
    return np.asarray(rfft(frames * window, axis=1), dtype=np.complex64)


def cut_frames(signal: Array, sampling_rate: int, seconds: float) -> tuple[Array, Array]:
    """Return a view of the frames of a signal, shape (frames, samples), and their window."""
    size, hop = int(seconds * sampling_rate), int(HOP_SECONDS * sampling_rate)
    return np.lib.stride_tricks.sliding_window_view(signal, size)[::hop], make_hann(size)


@cache
def make_hann(size: int) -> Array:
    return np.hanning(size + 1)[:-1].astype(np.float32)


def shift_power(low: NDArray[np.complex64], size: int, mean: float) -> Array:
    """Return by how much the power of the first two bins changes when a mean is taken off, shape (frames, 2)."""
    return measure_power(take_off(low, size, mean)) - measure_power(low)


def take_off(low: NDArray[np.complex64], size: int, mean: float) -> NDArray[np.complex64]:
    """Take a mean off the first two bins of frames of a size: the Hann window lets a constant through to no others."""
    return low - np.array([0.5, -0.25], np.float32) * np.float32(size * mean)
