"""Formants: resonances of the linear predictor of short frames, with the settings of Praat's "To Formant (burg)".

The signal is lowered to twice the formant ceiling (without a transition band, which would bend the prediction),
pre-emphasised from 50 Hz, cut into Gaussian frames of 50 ms (25 ms effective), and predicted by Burg's method with two
poles per formant; the angles of the poles are the formant frequencies, their radii the bandwidths.
"""

from __future__ import annotations

from math import gcd

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from audio_batch.features.pitch import BLOCK_FRAMES, Doubles
from audio_batch.features.spectrum import Floats, check_signal

CEILING = 5500.0
SPACING = 1100.0
"""Hz of ceiling per formant: five formants below 5,500 Hz, four below 4,000 Hz (telephone)."""
WINDOW_SECONDS = 0.050
PREEMPHASIS_FROM = 50.0
EDGE = 50.0
"""Hz from 0 and from the ceiling within which a pole is the slope of the spectrum, not a formant."""
FORMANTS = 4


def track_formants(signal: npt.ArrayLike, sampling_rate: int, times: Doubles) -> tuple[Doubles, Doubles]:
    """Return the first four formants at given times.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1.
    sampling_rate
        Hertz. Below 11,000 the ceiling is Nyquist instead of 5,500 Hz.
    times
        Middles of the frames in seconds, shape (frames,); best the voiced ones.

    Returns
    -------
    tuple of numpy.ndarray
        Frequencies and bandwidths in Hz, each shape (frames, 4), lowest first; NaN where fewer are found, or where
        the 50 ms frame does not fit the signal.
    """
    samples, rate = _lower_rate(check_signal(signal, sampling_rate), sampling_rate)
    length = int(WINDOW_SECONDS * rate)
    starts = np.rint(times * rate - length / 2).astype(np.intp)
    inside = (starts >= 0) & (starts + length <= len(samples))
    emphasised = samples.copy()
    emphasised[1:] -= np.float32(np.exp(-2 * np.pi * PREEMPHASIS_FROM / rate)) * samples[:-1]
    order = 2 * max(FORMANTS, int(rate / 2 / SPACING + 0.5))
    tracks = np.full((2, len(times), FORMANTS), np.nan)
    chosen = np.flatnonzero(inside)
    for block in np.array_split(chosen, -(-len(chosen) // BLOCK_FRAMES) or 1):
        frames = emphasised[starts[block][:, None] + np.arange(length)] * _make_gaussian(length)
        tracks[:, block] = _sort_formants(find_roots(predict_burg(frames, order)), rate)
    return tracks[0], tracks[1]


def predict_burg(frames: Floats, order: int) -> Doubles:
    """Return the prediction-error filters of frames by Burg's method, shape (frames, order + 1), first column 1."""
    filters = np.zeros((len(frames), order + 1))
    filters[:, 0] = 1
    forward, backward = frames[:, 1:], frames[:, :-1]
    for step in range(1, order + 1):
        cross = np.einsum("ij,ij->i", forward, backward)
        energy = np.einsum("ij,ij->i", forward, forward) + np.einsum("ij,ij->i", backward, backward)
        reflection = -2 * cross / np.maximum(energy, np.float32(1e-30))
        previous = filters[:, : step + 1].copy()
        filters[:, : step + 1] += reflection[:, None] * previous[:, ::-1]
        weight = reflection[:, None]
        forward, backward = (
            forward[:, 1:] + weight * backward[:, 1:],
            backward[:, :-1] + weight * forward[:, :-1],
        )
    return filters


def find_roots(polynomials: Doubles) -> npt.NDArray[np.complex128]:
    """Return the roots of monic polynomials, highest power first, shape (frames, order)."""
    order = polynomials.shape[1] - 1
    # Roots are the eigenvalues of the companion matrix; numpy.roots does the same for one polynomial at a time.
    companion = np.zeros((len(polynomials), order, order))
    companion[:, 0] = -polynomials[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1
    return np.linalg.eigvals(companion).astype(np.complex128, copy=False)


def _lower_rate(samples: Floats, sampling_rate: int) -> tuple[Floats, int]:
    if sampling_rate <= 2 * CEILING:
        return samples, sampling_rate
    rate = int(2 * CEILING)
    # Lengths are chosen so that both transforms have whole lengths, or the rate would not be exactly that asked for.
    step = sampling_rate // gcd(sampling_rate, rate)
    padded = -(-(len(samples) + rate // 100) // step) * step
    lowered = padded // step * (rate * step // sampling_rate)
    spectrum = rfft(samples, padded)[: lowered // 2 + 1]
    count = len(samples) * rate // sampling_rate
    return irfft(spectrum, lowered)[:count].astype(np.float32) * np.float32(lowered / padded), rate


def _make_gaussian(length: int) -> Floats:
    place = (np.arange(1, length + 1) - 0.5 * (length + 1)) / (length + 1)
    edge = np.exp(-12.0)
    window: Floats = ((np.exp(-48 * np.square(place)) - edge) / (1 - edge)).astype(np.float32)
    return window


def _sort_formants(roots: npt.NDArray[np.complex128], rate: int) -> Doubles:
    """Return frequencies and bandwidths of the poles in the upper half plane, shape (2, frames, formants)."""
    frequency = np.angle(roots) * rate / (2 * np.pi)
    # A pole of radius r rings off as r^n; its width at half power is -ln(r) · rate / π.
    bandwidth = np.abs(np.log(np.maximum(np.abs(roots), 1e-12))) * rate / np.pi
    valid = (frequency > EDGE) & (frequency < rate / 2 - EDGE)
    frequency = np.where(valid, frequency, np.nan)
    order = np.argsort(frequency, axis=1)[:, :FORMANTS]
    pairs = np.stack([frequency, np.where(valid, bandwidth, np.nan)])
    return np.take_along_axis(pairs, order[None], axis=2)
