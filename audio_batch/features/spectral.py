"""Spectral family: where the power lies, how it is spread, how it changes.

Definitions of centroid, bandwidth, rolloff, flatness and contrast are librosa's (``librosa.feature``), computed on the
shared transform; flux, slope and band shares are stated in their functions. Arrays have shape (frames,) unless said.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from audio_batch.features.spectrum import Floats, Spectrum
from audio_batch.features.statistics import NAN, summarize, summarize_columns

BAND_EDGES = (0, 300, 1000, 2000, 3000, 3400, 4000, 6000, 8000)
"""Hz. 300 and 3400 bound the telephone band; power outside it tells wideband audio from upsampled audio."""
CONTRAST_EDGES = (0.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, np.inf)
CONTRAST_QUANTILE = 0.02
SLOPE_BAND = (300.0, 3400.0)
ROLLOFF_SHARE = 0.85
TINY = np.float32(1e-10)


def measure_spectral(spectrum: Spectrum) -> dict[str, float]:
    """Return mean and standard deviation of every spectral feature over the active frames.

    Bands that lie above the Nyquist frequency are NaN; a signal without active frame gives NaN everywhere.
    """
    active = spectrum.active
    centroid, bandwidth = measure_centroid(spectrum)
    summary = summarize("spectral_centroid", centroid[active])
    summary |= summarize("spectral_bandwidth", bandwidth[active])
    summary |= summarize("spectral_rolloff", measure_rolloff(spectrum)[active])
    summary |= summarize("spectral_flatness", measure_flatness(spectrum)[active])
    summary |= summarize("spectral_flux", measure_flux(spectrum)[active])
    summary |= summarize("spectral_slope", measure_slope(spectrum)[active])
    contrast = measure_contrast(spectrum)[active]
    summary |= summarize_columns([f"spectral_contrast_{i}" for i in range(contrast.shape[1])], contrast)
    shares = measure_band_shares(spectrum)[active]
    summary |= summarize_columns([f"band_{a}_{b}" for a, b in _list_bands()], shares)
    return summary | summarize("low_high_ratio", measure_low_high_ratio(spectrum)[active])


def measure_centroid(spectrum: Spectrum) -> tuple[Floats, Floats]:
    """Return the magnitude-weighted mean frequency and the spread about it, both in Hz."""
    weights = spectrum.magnitude / np.maximum(spectrum.magnitude.sum(axis=1, keepdims=True), TINY)
    frequencies = spectrum.frequencies
    centroid = weights @ frequencies
    variance = weights @ np.square(frequencies) - np.square(centroid)
    return centroid, np.sqrt(np.maximum(variance, 0))


def measure_rolloff(spectrum: Spectrum) -> Floats:
    """Return the frequency in Hz under which 85 % of the magnitude lies."""
    total = np.cumsum(spectrum.magnitude, axis=1)
    reached = total >= ROLLOFF_SHARE * total[:, -1:]
    rolloff: Floats = spectrum.frequencies[np.argmax(reached, axis=1)]
    return rolloff


def measure_flatness(spectrum: Spectrum) -> Floats:
    """Return geometric over arithmetic mean of the power, 0 (a tone) … 1 (white noise)."""
    power = np.maximum(spectrum.power, TINY)
    flatness: Floats = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    return flatness


def measure_flux(spectrum: Spectrum) -> Floats:
    """Return the Euclidean distance to the frame before, spectra scaled to unit length; NaN in the first frame."""
    flux = np.full(len(spectrum.magnitude), NAN, dtype=np.float32)
    unit = spectrum.magnitude / np.maximum(np.sqrt(spectrum.power.sum(axis=1, keepdims=True)), TINY)
    cosine = np.einsum("ij,ij->i", unit[1:], unit[:-1])
    flux[1:] = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    return flux


def measure_slope(spectrum: Spectrum) -> Floats:
    """Return the slope in dB per kHz of a straight line through the spectrum from 300 to 3,400 Hz."""
    band = spectrum.find_bins(*SLOPE_BAND)
    kilohertz = spectrum.frequencies[band] / 1000
    weights = kilohertz - kilohertz.mean()
    slope: Floats = spectrum.decibels[:, band] @ (weights / np.square(weights).sum())
    return slope


def measure_contrast(spectrum: Spectrum) -> Floats:
    """Return peak over valley in dB in each octave band, shape (frames, 6), after Jiang et al. (2002).

    Bands: 0-200, 200-400 … 1,600-3,200 Hz, and 3,200 Hz to Nyquist, each from the bin before its lower edge, as in
    librosa. Peak and valley are the means of the upper and the lower 2 % of the bins of a band, one bin at least.
    """
    bands = pairwise(CONTRAST_EDGES)
    return np.stack([_measure_contrast_band(spectrum, low, high) for low, high in bands], axis=1)


def _measure_contrast_band(spectrum: Spectrum, low: float, high: float) -> Floats:
    band = spectrum.find_bins(low, high)
    last = band.stop - 1 if high < spectrum.sampling_rate / 2 else band.stop
    levels = spectrum.power[:, max(0, band.start - 1) : last]
    bins = levels.shape[1]
    if not bins:
        return np.full(len(levels), NAN, dtype=np.float32)
    count = max(1, round(CONTRAST_QUANTILE * bins))
    ranked = np.partition(levels, [count - 1, bins - count], axis=1) if count > 1 else levels
    valley = ranked[:, :count].mean(axis=1) if count > 1 else levels.min(axis=1)
    peak = ranked[:, bins - count :].mean(axis=1) if count > 1 else levels.max(axis=1)
    contrast: Floats = 10 * np.log10(np.maximum(peak, TINY) / np.maximum(valley, TINY))
    return contrast


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
