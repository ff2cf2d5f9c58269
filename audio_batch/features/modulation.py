"""Modulation family: how fast the envelopes of the acoustic bands swing.

Speech swings at the rate of its syllables, about 4 Hz (Houtgast and Steeneken, 1985; Greenberg, 2004); synthesis often
swings more evenly, and frame-wise vocoding adds fast ripple. Magnitude envelopes of 8 mel bands below 4 kHz, one value
per frame of the shared transform (66.7 Hz), are transformed over blocks of 64 frames (0.96 s), half overlapping.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import rfft

from audio_batch.features.cepstral import make_mel_filters
from audio_batch.features.spectrum import Floats, Spectrum
from audio_batch.features.statistics import NAN

ACOUSTIC_BANDS = 8
LOW_BANDS = 3
"""Bands of the mel filter bank that lie below 1 kHz."""
UPPER_FREQUENCY = 4000.0
BLOCK_FRAMES = 64
EDGES = (0.5, 2.0, 4.0, 8.0, 16.0, 40.0)
NAMES = ("1_2", "2_4", "4_8", "8_16", "16_32")


def measure_modulation(spectrum: Spectrum) -> dict[str, float]:
    """Return shares of the modulation power in five ranges for all, low and high bands, centroid (Hz) and depth.

    The mean of a block is taken out, so shares sum to 1 for each group of bands. NaN for less than 0.98 s of
    signal, and for silence.
    """
    powers, frequencies, depth = transform_envelopes(spectrum)
    groups = {"": slice(None), "_low": slice(LOW_BANDS), "_high": slice(LOW_BANDS, None)}
    summary: dict[str, float] = {}
    for suffix, group in groups.items():
        shares = _share_ranges(powers[group], frequencies)
        summary |= {f"modulation_{name}{suffix}": share for name, share in zip(NAMES, shares, strict=True)}
    mean = powers.mean(axis=0)
    total = float(mean.sum())
    return summary | {
        "modulation_centroid": float(mean @ frequencies) / total if total > 0 else NAN,
        "modulation_depth": depth,
    }


def transform_envelopes(spectrum: Spectrum) -> tuple[Floats, Floats, float]:
    """Return modulation power relative to each band's own, its frequencies, and the depth of modulation.

    Returns
    -------
    tuple
        Power, shape (bands, modulation bins), each band summing to 1, over all blocks;
        frequencies in Hz, shape (modulation bins,), the constant left out; standard deviation over mean of the
        envelopes, averaged.
    """
    rate = spectrum.sampling_rate / spectrum.hop
    frequencies = np.fft.rfftfreq(BLOCK_FRAMES, 1 / rate)[1:].astype(np.float32)
    if len(spectrum.frames) < BLOCK_FRAMES:
        return np.zeros((ACOUSTIC_BANDS, len(frequencies)), dtype=np.float32), frequencies, NAN
    bank = make_mel_filters(spectrum.sampling_rate, spectrum.fft_length, ACOUSTIC_BANDS, UPPER_FREQUENCY)
    envelopes = np.sqrt(spectrum.power @ bank)
    blocks = np.lib.stride_tricks.sliding_window_view(envelopes, BLOCK_FRAMES, axis=0)[:: BLOCK_FRAMES // 2]
    centre = blocks.mean(axis=2, keepdims=True)
    window = np.hanning(BLOCK_FRAMES).astype(np.float32)
    power = np.square(np.abs(rfft((blocks - centre) * window)))[:, :, 1:].sum(axis=0)
    total = power.sum(axis=1, keepdims=True)
    mean = float(centre.mean())
    depth = float(blocks.std(axis=2).mean()) / mean if mean > 0 else NAN
    return power / np.maximum(total, np.float32(1e-20)), frequencies, depth


def _share_ranges(powers: Floats, frequencies: Floats) -> list[float]:
    mean = powers.mean(axis=0)
    total = float(mean.sum())
    places = np.searchsorted(EDGES, frequencies) - 1
    return [float(mean[places == i].sum()) / total if total > 0 else NAN for i in range(len(NAMES))]
