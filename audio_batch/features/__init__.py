"""Acoustic features of speech: versioned sets of named figures, and the frame-level functions they are made from.

`extract(signal, sampling_rate)` gives one figure per feature; the frame-level functions (`lfcc`, `mfcc`,
`track_pitch` …) give arrays over time. All spectral families read one shared short-time Fourier transform, `Spectrum`.
Definitions, units, sources and measured agreement: ``docs/audio-features.md``.
"""

from __future__ import annotations

from audio_batch.features.cepstral import lfcc, mfcc
from audio_batch.features.extraction import FEATURE_SET_VERSION, Features, extract, list_families, list_features
from audio_batch.features.formants import track_formants
from audio_batch.features.harmonicity import measure_harmonicity
from audio_batch.features.pitch import Pitch, track_pitch
from audio_batch.features.pulses import find_pulses, measure_jitter, measure_shimmer
from audio_batch.features.spectrum import Spectrum

__all__ = [
    "FEATURE_SET_VERSION",
    "Features",
    "Pitch",
    "Spectrum",
    "extract",
    "find_pulses",
    "lfcc",
    "list_families",
    "list_features",
    "measure_harmonicity",
    "measure_jitter",
    "measure_shimmer",
    "mfcc",
    "track_formants",
    "track_pitch",
]
