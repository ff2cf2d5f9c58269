"""What linear prediction leaves over of frames: the source of the voice, as far as an all-pole filter tells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft

from audio_batch.spoof.sharing import Shared
from audio_batch.spoof.transforms import CHANGE, EPS, Array, Rows, measure_power, shape_moments, take_off

LPC_ORDER = 10
BLOCK = 512
"""Frames that are predicted at a time: more would leave the processor's cache."""


def measure_residuals(
    spectra: NDArray[np.complex64], power: Array, asked: Sequence[tuple[Rows, float]]
) -> list[tuple[Array, Array]]:
    """Return what linear prediction leaves over of short frames, after a mean is taken off the signal.

    Parameters
    ----------
    spectra, power
        Of the short frames of a stretch, shape (frames, bins).
    asked
        Of each segment, its rows among the short frames and its mean.

    Returns
    -------
    list of tuple
        Of each segment: skewness (magnitude), logarithm of kurtosis + 4, log of peak over deviation, prediction
        gain (log), shape (rows, 4); reflection coefficients, shape (rows, 10).
    """
    size, emphasis = 2 * (spectra.shape[1] - 1), _emphasis(spectra.shape[1])
    energy = power @ emphasis
    lows = [take_off(spectra[rows, :2], size, mean) for rows, mean in asked]
    changes = [measure_power(low) - power[rows, :2] for low, (rows, _) in zip(lows, asked, strict=True)]
    shared = Shared.of(
        [rows for rows, _ in asked],
        [np.abs(c) @ emphasis[:2] > CHANGE * energy[rows] for c, (rows, _) in zip(changes, asked, strict=True)],
        len(energy),
    )
    chosen = spectra[shared.rows]
    chosen[shared.kept :, :2] = shared.join(lows)
    blocks = [_predict(chosen[first : first + BLOCK]) for first in range(0, max(1, len(chosen)), BLOCK)]
    shapes, reflection = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return [(shapes[place], reflection[place]) for place in shared.places]


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
