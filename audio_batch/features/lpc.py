"""LPC family: what linear prediction leaves over.

Each frame of the shared transform is predicted from its last p samples (p = 2 + kHz of sampling rate; autocorrelation
method, Makhoul 1975), the autocorrelation coming from the power spectrum that exists already. The residual is the
source of the voice as far as an all-pole filter explains the rest: glottal pulses in human voiced speech, whatever
drives the synthesis in vocoded speech. Arrays have shape (frames,) unless said.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, rfft

from audio_batch.features.spectrum import Floats, Spectrum
from audio_batch.features.statistics import summarize, summarize_columns

REFLECTIONS = 4
SHORTEST_LAG, LONGEST_LAG = 0.002, 0.0133
"""Seconds: periods of 500 to 75 Hz."""
NOISE_FLOOR = 1 + 1e-5
"""White noise at -50 dB added to the autocorrelation, so that digital tones do not make the equations singular."""
TINY = np.float32(1e-20)


def measure_lpc(spectrum: Spectrum) -> dict[str, float]:
    """Return prediction gain, reflection coefficients and statistics of the residual over the active frames."""
    active = spectrum.active
    frames, power = spectrum.frames[active], spectrum.power[active]
    filters, reflections, gain = predict_frames(power, spectrum.fft_length, choose_order(spectrum.sampling_rate))
    residual = filter_frames(frames, filters)
    summary = summarize("lpc_gain", gain)
    names = [f"lpc_reflection_{i + 1}" for i in range(REFLECTIONS)]
    summary |= summarize_columns(names, reflections[:, :REFLECTIONS])
    shape = measure_shape(residual)
    summary |= summarize_columns([f"lpc_residual_{name}" for name in ("kurtosis", "skewness", "crest")], shape)
    flatness, periodicity = measure_periodicity(residual, spectrum.sampling_rate)
    summary |= summarize("lpc_residual_flatness", flatness)
    return summary | summarize("lpc_residual_periodicity", periodicity)


def choose_order(sampling_rate: int) -> int:
    """Return the order of prediction: a pole pair per kHz of bandwidth and one for the slope."""
    return 2 + sampling_rate // 1000


def predict_frames(power: Floats, fft_length: int, order: int) -> tuple[Floats, Floats, Floats]:
    """Solve for the predictors of all frames at once (Levinson-Durbin).

    Parameters
    ----------
    power
        Power spectra, shape (frames, bins).
    fft_length
        Points of the transform, at least twice the frame.
    order
        Order of prediction.

    Returns
    -------
    tuple of numpy.ndarray
        Prediction-error filters (frames, order + 1), first column 1; reflection coefficients (frames, order),
        negative first for low-pass speech; prediction gain in dB (frames,).
    """
    correlation = _correlate_power(power, fft_length, order)
    filters = np.zeros((len(power), order + 1))
    filters[:, 0] = 1
    reflections = np.zeros((len(power), order))
    error = correlation[:, 0].copy()
    for step in range(1, order + 1):
        drive = np.einsum("ij,ij->i", filters[:, :step], correlation[:, step:0:-1])
        reflection = -drive / error
        filters[:, 1 : step + 1] += reflection[:, None] * filters[:, step - 1 :: -1][:, :step]
        error *= 1 - np.square(reflection)
        reflections[:, step - 1] = reflection
    gain = 10 * np.log10(correlation[:, 0] / error)
    return filters.astype(np.float32), reflections.astype(np.float32), gain.astype(np.float32)


def filter_frames(frames: Floats, filters: Floats) -> Floats:
    """Return the residual of each frame, shape (frames, window - order): no sample before the frame is guessed."""
    order = filters.shape[1] - 1
    length = frames.shape[1]
    residual = np.zeros((len(frames), length - order), dtype=np.float32)
    for lag in range(order + 1):
        residual += filters[:, lag, None] * frames[:, order - lag : length - lag]
    return residual


def measure_shape(residual: Floats) -> Floats:
    """Return kurtosis (3 for Gaussian noise), absolute skewness and crest factor (dB), shape (frames, 3).

    The sign of the skewness is that of the microphone's wiring, hence the absolute value.
    """
    centred = residual - residual.mean(axis=1, keepdims=True)
    square = np.square(centred)
    variance = np.maximum(square.mean(axis=1), TINY)
    kurtosis = np.square(square).mean(axis=1) / np.square(variance)
    skewness = np.abs((square * centred).mean(axis=1)) / variance**1.5
    crest = 10 * np.log10(np.maximum(square.max(axis=1, initial=0), TINY) / variance)
    return np.stack([kurtosis, skewness, crest], axis=1)


def measure_periodicity(residual: Floats, sampling_rate: int) -> tuple[Floats, Floats]:
    """Return spectral flatness, 0 … 1, and highest normalised autocorrelation at lags of 2 to 13.3 ms, -1 … 1."""
    size = 1 << (2 * residual.shape[1] - 1).bit_length()
    power = np.square(np.abs(rfft(residual, size))) + TINY
    flatness = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    curve = irfft(power, size)
    lags = slice(round(SHORTEST_LAG * sampling_rate), round(LONGEST_LAG * sampling_rate) + 1)
    return flatness, curve[:, lags].max(axis=1) / np.maximum(curve[:, 0], TINY)


def _correlate_power(power: Floats, fft_length: int, order: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    bins = np.arange(power.shape[1])
    # Half a spectrum: every bin but the first and the last stands for its mirror image as well.
    weights = np.where((bins == 0) | (bins == fft_length // 2), 1.0, 2.0) / fft_length
    cosines = np.cos(2 * np.pi / fft_length * np.outer(bins, np.arange(order + 1))) * weights[:, None]
    correlation: np.ndarray[tuple[int, int], np.dtype[np.float64]] = power.astype(np.float64) @ cosines
    correlation[:, 0] = np.maximum(correlation[:, 0], 1e-20) * NOISE_FLOOR
    return correlation
