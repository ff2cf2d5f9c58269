"""Energy family: level, peaks, zero crossings, clipping."""

from __future__ import annotations

import numpy as np

from audio_batch.features.spectrum import SILENCE_POWER, Floats, Spectrum
from audio_batch.features.statistics import NAN, summarize

CLIPPING_LEVEL = 0.999
"""Share of full scale from which a sample counts as clipped: the top step of 8-bit G.711 (32,124/32,768) does not."""


def measure_energy(spectrum: Spectrum) -> dict[str, float]:
    """Return level (dBFS), crest factor (dB), zero crossings (per second), clipping rate, DC and active share.

    Level and zero crossings are taken over the active frames, the rest over the whole signal. NaN where there is
    no active frame; clipping rate, DC offset are NaN only for an empty signal.
    """
    active = spectrum.active
    summary = summarize("rms_db", measure_level(spectrum)[active])
    summary |= summarize("zero_crossing_rate", measure_zero_crossings(spectrum)[active])
    return summary | {
        "crest_factor": measure_crest_factor(spectrum.signal),
        "clipping_rate": measure_clipping(spectrum.signal),
        "dc_offset": float(spectrum.signal.mean()) if len(spectrum.signal) else NAN,
        "active_share": float(active.mean()) if len(active) else NAN,
    }


def measure_level(spectrum: Spectrum) -> Floats:
    """Return the level of each frame in dBFS (RMS 1 = 0 dB), shape (frames,)."""
    level: Floats = 10 * np.log10(np.maximum(spectrum.mean_square, np.float32(SILENCE_POWER)))
    return level


def measure_zero_crossings(spectrum: Spectrum) -> Floats:
    """Return the sign changes of each frame per second, shape (frames,)."""
    signs = spectrum.frames >= 0
    crossings = np.count_nonzero(signs[:, 1:] != signs[:, :-1], axis=1)
    rate: Floats = crossings.astype(np.float32) * np.float32(spectrum.sampling_rate / (spectrum.window_length - 1))
    return rate


def measure_crest_factor(signal: Floats) -> float:
    """Return peak over RMS in dB; NaN for silence."""
    power = float(np.mean(np.square(signal, dtype=np.float64))) if len(signal) else 0.0
    return float(20 * np.log10(np.abs(signal).max() / np.sqrt(power))) if power > SILENCE_POWER else NAN


def measure_clipping(signal: Floats) -> float:
    """Return the share of samples at 0.999 of full scale or above."""
    return float(np.mean(np.abs(signal) >= CLIPPING_LEVEL)) if len(signal) else NAN
