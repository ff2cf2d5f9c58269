"""Spectral family: where the power lies, how it is spread, how it changes.

Centroid, bandwidth, rolloff, flatness, slope and contrast are computed by librosa (``librosa.feature``) from the shared
transform; it has no flux of spectra of unit length and no shares of bands. Arrays have shape (frames,) unless said.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from audio_batch.features.library import load_librosa
from audio_batch.features.spectrum import Floats, Spectrum
from audio_batch.features.statistics import NAN, summarize, summarize_columns

BAND_EDGES = (0, 300, 1000, 2000, 3000, 3400, 4000, 6000, 8000)
"""Hz. 300 and 3400 bound the telephone band; power outside it tells wideband audio from upsampled audio."""
CONTRAST_EDGES = (200, 400, 800, 1600, 3200)
"""Hz, between six bands: the first begins at 0 Hz, the last ends at Nyquist."""
SLOPE_BAND = (300.0, 3400.0)
ROLLOFF_SHARE = 0.85
TINY = np.float32(1e-10)
SHAPES = (
    *("spectral_centroid", "spectral_bandwidth", "spectral_rolloff", "spectral_flatness", "spectral_slope"),
    *(f"spectral_contrast_{i}" for i in range(len(CONTRAST_EDGES) + 1)),
)


def measure_spectral(spectrum: Spectrum) -> dict[str, float]:
    """Return mean and standard deviation of every spectral feature over the active frames.

    Bands that lie above the Nyquist frequency are NaN; a signal without active frame gives NaN everywhere.
    """
    active = spectrum.active
    summary = summarize_columns(list(SHAPES), measure_shapes(spectrum))
    summary |= summarize("spectral_flux", measure_flux(spectrum)[active])
    shares = measure_band_shares(spectrum)[active]
    summary |= summarize_columns([f"band_{a}_{b}" for a, b in _list_bands()], shares)
    return summary | summarize("low_high_ratio", measure_low_high_ratio(spectrum)[active])


def measure_shapes(spectrum: Spectrum) -> Floats:
    """Return what librosa measures, a column for each of `SHAPES`, shape (active frames, 11).

    Centroid and bandwidth (Hz) weight with the magnitude, rolloff is the frequency (Hz) under which 85 % of the
    magnitude lies, flatness the geometric over the arithmetic mean of the power (0, a tone … 1), slope that of a
    straight line through the levels from 300 to 3,400 Hz (dB per kHz), contrast as `measure_contrast`.
    """
    active = spectrum.active
    if not active.any():
        return np.empty((0, len(SHAPES)), dtype=np.float32)
    library = load_librosa().feature
    magnitude, power, frequencies = spectrum.magnitude[active].T, spectrum.power[active].T, spectrum.frequencies
    centroid = library.spectral_centroid(S=magnitude, freq=frequencies)
    band = spectrum.find_bins(*SLOPE_BAND)
    line = library.poly_features(S=spectrum.decibels[active, band].T, freq=frequencies[band] / 1000, order=1)
    rows = [
        centroid,
        library.spectral_bandwidth(S=magnitude, freq=frequencies, centroid=centroid),
        library.spectral_rolloff(S=magnitude, freq=frequencies, roll_percent=ROLLOFF_SHARE),
        library.spectral_flatness(S=power, power=1.0),
        line[:1],
        measure_contrast(spectrum),
    ]
    return np.concatenate(rows).T.astype(np.float32)


def measure_contrast(spectrum: Spectrum) -> Floats:
    """Return peak over valley in dB in each octave band of the active frames, shape (6, frames); Jiang et al. (2002).

    Peak and valley are the means of the upper and the lower 2 % of the bins of a band, one bin at least. Peaks more
    than 80 dB below the highest peak of the signal are raised to that level, valleys likewise. A band above Nyquist
    is NaN.
    """
    rate, power = spectrum.sampling_rate, spectrum.power[spectrum.active].T
    bands = sum(edge < rate / 2 for edge in CONTRAST_EDGES)
    measure = load_librosa().feature.spectral_contrast
    contrast = measure(S=power, sr=rate, freq=spectrum.frequencies, fmin=CONTRAST_EDGES[0], n_bands=bands)
    missing = len(CONTRAST_EDGES) - bands
    return np.pad(contrast, ((0, missing), (0, 0)), constant_values=NAN)


def measure_flux(spectrum: Spectrum) -> Floats:
    """Return the Euclidean distance to the frame before, spectra scaled to unit length; NaN in the first frame."""
    flux = np.full(len(spectrum.magnitude), NAN, dtype=np.float32)
    unit = spectrum.magnitude / np.maximum(np.sqrt(spectrum.power.sum(axis=1, keepdims=True)), TINY)
    cosine = np.einsum("ij,ij->i", unit[1:], unit[:-1])
    flux[1:] = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    return flux


def measure_band_shares(spectrum: Spectrum) -> Floats:
    """Return the share of the power in each band of `BAND_EDGES`, shape (frames, bands); NaN above Nyquist."""
    total = np.maximum(spectrum.power.sum(axis=1), TINY)
    nyquist = spectrum.sampling_rate / 2
    columns = [
        spectrum.power[:, spectrum.find_bins(low, high)].sum(axis=1) / total
        if low < nyquist
        else np.full_like(total, NAN)
        for low, high in _list_bands()
    ]
    return np.stack(columns, axis=1)


def measure_low_high_ratio(spectrum: Spectrum) -> Floats:
    """Return the power below 1 kHz over the power from 1 to 4 kHz, in dB."""
    low = spectrum.power[:, spectrum.find_bins(0, 1000)].sum(axis=1)
    high = spectrum.power[:, spectrum.find_bins(1000, 4000)].sum(axis=1)
    ratio: Floats = 10 * np.log10(np.maximum(low, TINY) / np.maximum(high, TINY))
    return ratio


def _list_bands() -> list[tuple[int, int]]:
    return list(pairwise(BAND_EDGES))
