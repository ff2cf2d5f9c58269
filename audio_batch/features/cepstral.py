"""Cepstral family: MFCC and LFCC, with differences.

LFCC follows the baseline of ASVspoof 2021 (Yamagishi et al., 2021; Todisco et al., 2016): 30 ms Hamming frames every
15 ms, 1024-point transform, 70 triangular filters spaced linearly from 0 to 4 kHz, logarithm, DCT-II, coefficients 0
to 19, then Δ and ΔΔ as plain differences over two frames.
MFCC is computed by librosa: Slaney mel filters of unit area, power in dB, orthonormal DCT-II.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from audio_batch.features.library import load_librosa
from audio_batch.features.spectrum import Floats, Spectrum, make_cosine_basis
from audio_batch.features.statistics import measure_moments, summarize_columns

LFCC_FILTERS = 70
LFCC_COEFFICIENTS = 20
MFCC_FILTERS = 40
MFCC_COEFFICIENTS = 13
UPPER_FREQUENCY = 4000.0
"""Hz. Both cepstra end here by default, so that a telephone and a studio recording give comparable figures."""
FLOOR = np.float32(1e-10)


def measure_cepstral(spectrum: Spectrum) -> dict[str, float]:
    """Return mean and deviation of 20 LFCC and 13 MFCC, and the deviation of the LFCC's Δ and ΔΔ; active frames.

    The mean of a difference over a whole signal says nothing but how it ends, so it is left out.
    """
    active = spectrum.active
    cepstra = measure_lfcc(spectrum)[active]
    static = cepstra[:, :LFCC_COEFFICIENTS]
    summary = summarize_columns([f"lfcc_{i:02d}" for i in range(LFCC_COEFFICIENTS)], static)
    _, deviations = measure_moments(cepstra[:, LFCC_COEFFICIENTS:])
    names = [f"lfcc_{order}_{i:02d}_std" for order in ("delta", "delta2") for i in range(LFCC_COEFFICIENTS)]
    summary |= dict(zip(names, deviations.tolist(), strict=True))
    names = [f"mfcc_{i:02d}" for i in range(MFCC_COEFFICIENTS)]
    return summary | summarize_columns(names, measure_mfcc(spectrum)[active])


def lfcc(
    signal: npt.ArrayLike,
    sampling_rate: int,
    *,
    high_frequency: float | None = UPPER_FREQUENCY,
    filters: int = LFCC_FILTERS,
    coefficients: int = LFCC_COEFFICIENTS,
    deltas: int = 2,
) -> Floats:
    """Return linear-frequency cepstra of every frame.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1.
    sampling_rate
        Hertz.
    high_frequency
        Upper edge of the highest filter in Hz, lowered to Nyquist; None means Nyquist.
    filters, coefficients
        Number of triangular filters, and of cepstral coefficients kept, the 0th included.
    deltas
        How many orders of differences to append: 0, 1 or 2.

    Returns
    -------
    numpy.ndarray
        float32, shape (frames, coefficients · (deltas + 1)); the natural logarithm of power is transformed.

    Raises
    ------
    AudioUsageError
        As `Spectrum`.
    """
    return measure_lfcc(Spectrum(signal, sampling_rate), high_frequency, filters, coefficients, deltas)


def mfcc(signal: npt.ArrayLike, sampling_rate: int, *, high_frequency: float | None = UPPER_FREQUENCY) -> Floats:
    """Return 13 mel-frequency cepstra of every frame, shape (frames, 13), float32; parameters as `lfcc`."""
    return measure_mfcc(Spectrum(signal, sampling_rate), high_frequency)


def measure_lfcc(
    spectrum: Spectrum,
    high_frequency: float | None = UPPER_FREQUENCY,
    filters: int = LFCC_FILTERS,
    coefficients: int = LFCC_COEFFICIENTS,
    deltas: int = 2,
) -> Floats:
    """Return LFCC from a spectrum that exists already; parameters and result as `lfcc`."""
    bank = make_linear_filters(spectrum.sampling_rate, spectrum.fft_length, filters, high_frequency)
    # The factor is the baseline's scaling of the periodogram; it moves the 0th coefficient only.
    energies = spectrum.power @ bank / np.float32(spectrum.fft_length)
    cepstra = [np.log(np.maximum(energies, FLOOR)) @ make_cosine_basis(filters, coefficients)]
    for _ in range(deltas):
        cepstra.append(difference_frames(cepstra[-1]))
    return np.concatenate(cepstra, axis=1)


def measure_mfcc(spectrum: Spectrum, high_frequency: float | None = UPPER_FREQUENCY) -> Floats:
    """Return MFCC from a spectrum that exists already; result as `mfcc`."""
    if not len(spectrum.frames):
        return np.empty((0, MFCC_COEFFICIENTS), dtype=np.float32)
    librosa = load_librosa()
    bank = make_mel_filters(spectrum.sampling_rate, spectrum.fft_length, MFCC_FILTERS, high_frequency)
    levels = librosa.power_to_db(spectrum.power @ bank, amin=FLOOR, top_db=None)
    cepstra: Floats = librosa.feature.mfcc(S=levels.T, n_mfcc=MFCC_COEFFICIENTS).T
    return cepstra


def difference_frames(values: Floats) -> Floats:
    """Return value of the next frame minus value of the frame before, edges repeated; shape as values."""
    # Edges are repeated, so that all three parts have the same number of frames.
    padded = np.concatenate([values[:1], values, values[-1:]])
    difference: Floats = padded[2:] - padded[:-2]
    return difference


@lru_cache(maxsize=16)
def make_linear_filters(sampling_rate: int, fft_length: int, filters: int, high_frequency: float | None) -> Floats:
    """Return triangular filters of unit height at equal spacing from 0 Hz, shape (bins, filters)."""
    edges = np.linspace(0, _limit_frequency(sampling_rate, high_frequency), filters + 2)
    frequencies = np.fft.rfftfreq(fft_length, 1 / sampling_rate)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


@lru_cache(maxsize=16)
def make_mel_filters(sampling_rate: int, fft_length: int, filters: int, high_frequency: float | None) -> Floats:
    """Return triangular filters of unit area at equal spacing on Slaney's mel scale, shape (bins, filters)."""
    top = _limit_frequency(sampling_rate, high_frequency)
    bank: Floats = load_librosa().filters.mel(sr=sampling_rate, n_fft=fft_length, n_mels=filters, fmax=top).T
    return np.ascontiguousarray(bank)


def _limit_frequency(sampling_rate: int, high_frequency: float | None) -> float:
    return min(high_frequency or np.inf, sampling_rate / 2)
