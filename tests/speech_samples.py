"""Speech-like signals for the audio tests: pulse trains through formants, with syllables, phrases and pauses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VOWELS = (
    (730, 1090, 2440, 3400),
    (270, 2290, 3010, 3600),
    (300, 870, 2240, 3300),
    (530, 1840, 2480, 3500),
    (570, 840, 2410, 3350),
)
BANDWIDTHS = (80, 100, 140, 200)


def speak(seconds: float, sampling_rate: int, seed: int) -> NDArray[np.float32]:
    """Return a voice-like signal: voiced syllables of 120-280 ms, some with a hiss before them, phrases with pauses.

    Parameters
    ----------
    seconds
        Length; about four fifths of it is speech.
    sampling_rate
        In Hz.
    seed
        Chooses the voice (pitch, vocal-tract length) and what it says.

    Returns
    -------
    ndarray
        float32, shape (samples,), peak 0.5 over a noise floor of about -70 dBFS.
    """
    from scipy.signal import lfilter

    rng = np.random.default_rng(seed)
    voice = {"pitch": rng.uniform(90, 230), "tract": rng.uniform(0.9, 1.15)}
    length = round(seconds * sampling_rate)
    pieces: list[NDArray[np.float64]] = [np.zeros(round(0.1 * sampling_rate))]
    while sum(map(len, pieces)) < length:
        for _ in range(int(rng.integers(4, 10))):
            pieces.append(_syllable(rng, sampling_rate, **voice))
            pieces.append(np.zeros(round(rng.uniform(0.01, 0.05) * sampling_rate)))
        pieces.append(np.zeros(round(rng.uniform(0.15, 0.35) * sampling_rate)))
    # A voice has no constant part: the first difference of lip radiation takes it out.
    signal = lfilter([1.0, -1.0], [1.0, -0.97], np.concatenate(pieces)[:length])
    signal *= 0.5 / max(1e-9, float(np.abs(signal).max(initial=0)))
    return (signal + rng.normal(0, 3e-4, length)).astype(np.float32)


def _syllable(rng: np.random.Generator, rate: int, *, pitch: float, tract: float) -> NDArray[np.float64]:
    from scipy.signal import lfilter

    count = round(rng.uniform(0.12, 0.28) * rate)
    f0 = pitch * rng.uniform(0.85, 1.2) * np.linspace(1.05, 0.92, count) * (1 + 0.01 * rng.standard_normal())
    phase = np.cumsum(f0 / rate) + rng.uniform()
    source = np.diff(np.floor(phase), prepend=np.floor(phase[0])) + 0.01 * rng.standard_normal(count)
    source = lfilter([1.0], [1.0, -0.9], source)
    for formant, bandwidth in zip(VOWELS[rng.integers(len(VOWELS))], BANDWIDTHS, strict=True):
        if formant * tract < 0.48 * rate:
            radius, angle = np.exp(-np.pi * bandwidth / rate), 2 * np.pi * formant * tract / rate
            source = lfilter([1 - radius], [1.0, -2 * radius * np.cos(angle), radius**2], source)
    voiced = source / np.abs(source).max() * np.sin(np.linspace(0, np.pi, count)) ** 0.5
    if rng.random() < 0.35:
        hiss = np.diff(rng.standard_normal(round(0.06 * rate)), prepend=0.0)
        voiced = np.concatenate([hiss * np.hanning(len(hiss)) * 0.05, voiced])
    return np.asarray(voiced * rng.uniform(0.6, 1.0))
