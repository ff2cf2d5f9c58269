"""Spectral family: where the power lies, how it is spread, how it changes.

Centroid, bandwidth, rolloff, flatness, slope and contrast are those of librosa (``librosa.feature``, a test compares),
computed here from the shared transform in a quarter of its time. Arrays have shape (frames,) unless said.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from audio_batch.features.spectrum import Floats, Spectrum
from audio_batch.features.statistics import NAN, summarize, summarize_columns

BAND_EDGES = (0, 300, 1000, 2000, 3000, 3400, 4000, 6000, 8000)
"""Hz. 300 and 3400 bound the telephone band; power outside it tells wideband audio from upsampled audio."""
CONTRAST_EDGES = (200, 400, 800, 1600, 3200)
"""Hz, between six bands: the first begins at 0 Hz, the last ends at Nyquist."""
CONTRAST_SHARE, CONTRAST_RANGE_DB = 0.02, 80.0
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
    magnitude, power, frequencies = spectrum.magnitude[active], spectrum.power[active], spectrum.frequencies
    moments = magnitude.astype(np.float64) @ np.vander(frequencies.astype(np.float64), 3, increasing=True)
    mass, first, second = np.maximum(moments, 1e-30).T
    centroid = first / mass
    sums = np.cumsum(magnitude, axis=1)
    band = spectrum.find_bins(*SLOPE_BAND)
    kilohertz = frequencies[band] / 1000
    line = (kilohertz - kilohertz.mean()) / np.square(kilohertz - kilohertz.mean()).sum()
    floored = np.maximum(power, TINY)
    columns = [
        centroid,
        np.sqrt(np.maximum(second / mass - np.square(centroid), 0)),
        frequencies[(sums >= np.float32(ROLLOFF_SHARE) * sums[:, -1:]).argmax(axis=1)],
        np.exp(np.log(floored).mean(axis=1)) / floored.mean(axis=1),
        spectrum.decibels[:, band][active] @ line,
    ]
    return np.concatenate([np.stack(columns, axis=1), measure_contrast(spectrum).T], axis=1).astype(np.float32)


def measure_contrast(spectrum: Spectrum) -> Floats:
    """Return peak over valley in dB in each octave band of the active frames, shape (6, frames); Jiang et al. (2002).

    Peak and valley are the means of the upper and the lower 2 % of the bins of a band, one bin at least. Peaks more
    than 80 dB below the highest peak of the signal are raised to that level, valleys likewise. A band above Nyquist
    is NaN.
    """
    power = spectrum.power[spectrum.active]
    contrast = np.full((2, len(CONTRAST_EDGES) + 1, len(power)), NAN, dtype=np.float32)
    for band, (bins, count) in enumerate(_list_contrast_bins(spectrum)):
        last = bins.stop - bins.start - count
        # A whole sort takes a tenth of the time of a partition at two places here.
        ordered = np.sort(power[:, bins], axis=1)
        contrast[:, band] = ordered[:, last:].mean(axis=1), ordered[:, :count].mean(axis=1)
    levels = 10 * np.log10(np.maximum(contrast, TINY))
    peaks, valleys = np.maximum(levels, np.nanmax(levels, axis=(1, 2), keepdims=True) - CONTRAST_RANGE_DB)
    difference: Floats = peaks - valleys
    return difference


def _list_contrast_bins(spectrum: Spectrum) -> list[tuple[slice, int]]:
    """Return the bins of each octave band below Nyquist and how many of them make a peak; after librosa.

    A band begins one bin below its edge, as librosa's do, and the last one ends at Nyquist.
    """
    edges = [0.0, *(edge for edge in CONTRAST_EDGES if edge < spectrum.sampling_rate / 2)]
    firsts = [max(0, int(np.searchsorted(spectrum.frequencies, edge)) - (edge > 0)) for edge in edges]
    lasts = [int(np.searchsorted(spectrum.frequencies, edge, side="right")) for edge in edges[1:]]
    lasts = [*lasts, len(spectrum.frequencies)]
    bands = []
    for number, (first, last) in enumerate(zip(firsts, lasts, strict=True), start=1):
        count = max(1, int(np.rint(CONTRAST_SHARE * (last - first))))
        # The bin at a band's upper edge counts for its width, but is the next band's.
        bands.append((slice(first, last - (number < len(firsts))), count))
    return bands


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
