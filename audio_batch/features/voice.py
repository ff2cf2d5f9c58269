"""Voice-quality family: pitch, harmonicity, perturbation, cepstral peak, formants."""

from __future__ import annotations

import numpy as np

from audio_batch.features.formants import FORMANTS, track_formants
from audio_batch.features.harmonicity import measure_harmonicity
from audio_batch.features.pitch import Doubles, Pitch, track_pitch
from audio_batch.features.prominence import measure_prominence
from audio_batch.features.pulses import find_pulses, measure_jitter, measure_shimmer
from audio_batch.features.spectrum import Spectrum
from audio_batch.features.statistics import NAN, measure_median, measure_moments, summarize


def measure_voice(spectrum: Spectrum) -> dict[str, float]:
    """Return the voice-quality features of a signal; each is NaN where nothing is voiced, but for the voiced ratio."""
    signal, sampling_rate = spectrum.signal, spectrum.sampling_rate
    pitch = track_pitch(signal, sampling_rate)
    pulses = find_pulses(signal, sampling_rate, pitch)
    voiced = pitch.times[pitch.voiced]
    summary = summarize_pitch(pitch)
    summary |= summarize("hnr", measure_harmonicity(signal, sampling_rate))
    summary |= measure_jitter(pulses) | measure_shimmer(signal, sampling_rate, pulses)
    summary |= summarize("cpp", measure_prominence(signal, sampling_rate, voiced))
    frequencies, bandwidths = track_formants(signal, sampling_rate, voiced)
    return summary | _summarize_formants(frequencies, "f") | _summarize_formants(bandwidths, "b")


def summarize_pitch(pitch: Pitch) -> dict[str, float]:
    """Return mean, deviation, median (Hz), 5-95 % range (semitones) of F0, and the voiced ratio (of all frames)."""
    frequency = pitch.frequency[pitch.voiced]
    low, high = np.percentile(frequency, [5, 95]) if len(frequency) else (NAN, NAN)
    return summarize("f0", frequency) | {
        "f0_median": measure_median(frequency),
        "f0_range": float(12 * np.log2(high / low)),
        "voiced_ratio": float(pitch.voiced.mean()) if len(pitch.times) else NAN,
    }


def _summarize_formants(tracks: Doubles, letter: str) -> dict[str, float]:
    """Return median and deviation of each track, shape (frames, 4): medians shrug off a formant that was skipped."""
    _, deviations = measure_moments(tracks)
    summary: dict[str, float] = {}
    for index in range(FORMANTS):
        summary[f"{letter}{index + 1}_median"] = measure_median(tracks[:, index])
        summary[f"{letter}{index + 1}_std"] = float(deviations[index])
    return summary
