"""Signals that a speech detector takes for speech."""

from __future__ import annotations

import numpy as np


def speak(seconds: float, sampling_rate: int, seed: int = 0, pitch: float = 130.0) -> np.ndarray:
    """Syllables of changing pitch and formants, four a second: enough like speech for a detector."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    syllable = (time * 4).astype(int)
    formants = rng.uniform([300, 900, 2300], [800, 2200, 3000], (syllable[-1] + 1, 3))[syllable]
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * time))) / sampling_rate
    harmonics = np.arange(1, int(3600 / (pitch * 1.15)) + 1)
    weight = sum(1 / (1 + ((harmonics * pitch - formants[:, [k]]) / 120) ** 2) for k in range(3))
    voice = (weight * np.sin(phase[:, None] * harmonics)).sum(axis=1)
    envelope = np.clip(1.6 * np.sin(np.pi * ((time * 4) % 1)), 0, 1)
    return (0.05 * envelope * voice / np.sqrt(np.mean(voice**2))).astype(np.float32)
