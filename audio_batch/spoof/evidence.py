"""How much a recording tells: its speech, its noise, its bandwidth, and what follows for confidence and abstention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from audio_batch.segmentation import Segment
from audio_batch.validation import Limit, load_profile
from audio_batch.validation.quality import estimate_snr, find_bandwidth
from audio_batch.verdict import SegmentScore

WIDE_FROM_HZ = 4500.0
"""Bandwidth from which a recording is wideband: telephone audio ends at 4000 Hz."""
UNLIMITED_SPEECH_SECONDS, UNLIMITED_SNR_DB = 10.0, 20.0


@dataclass(frozen=True)
class Limits:
    """Where evidence is too little (abstain) and where it is weak (confidence below 0.6)."""

    speech_none: float
    speech_weak: float
    snr_none: float
    snr_weak: float


@dataclass(frozen=True)
class Evidence:
    """What a verdict can rest on.

    Attributes
    ----------
    speech_seconds
        Net speech of the channel that decides.
    snr_db
        Signal-to-noise ratio, or None where it cannot be told.
    outside
        Share of features outside of the training range, relative to the share at which the model gives up: 1 is there.
    """

    speech_seconds: float
    snr_db: float | None
    outside: float

    def abstain(self, limits: Limits) -> str | None:
        """Return why no label can be given, or None."""
        if self.speech_seconds < limits.speech_none:
            return "too_little_speech"
        if self.snr_db is not None and self.snr_db < limits.snr_none:
            return "low_snr"
        return "out_of_domain" if self.outside > 1 else None

    def rate_confidence(self, limits: Limits) -> float:
        """Return 0 … 1: the weakest of speech, noise and likeness to the training data decides."""
        speech = [0, limits.speech_none, limits.speech_weak, UNLIMITED_SPEECH_SECONDS]
        parts = [np.interp(self.speech_seconds, speech, [0, 0.3, 0.6, 1])]
        if self.snr_db is not None:
            parts.append(
                np.interp(self.snr_db, [0, limits.snr_none, limits.snr_weak, UNLIMITED_SNR_DB], [0, 0.3, 0.6, 1])
            )
        parts.append(np.interp(self.outside, [0.5, 1, 2], [1, 0.5, 0]))
        return round(float(min(parts)), 3)


def load_limits(profile: str) -> Limits:
    """Read the limits of speech and noise from a validation profile."""
    loaded = load_profile(profile)
    speech, snr = loaded.get_limit("too_little_speech"), loaded.get_limit("low_snr")
    return Limits(*_read_levels(speech, 1.0, 3.0), *_read_levels(snr, 5.0, 10.0))


def _read_levels(limit: Limit | None, none: float, weak: float) -> tuple[float, float]:
    levels = dict(limit.thresholds) if limit else {}
    return float(levels.get("error", none)), float(levels.get("warning", weak))


def classify_channel(segments: Sequence[Segment]) -> str:
    """Return ``narrowband`` or ``wideband`` by the bandwidth that the first segments of a recording really fill."""
    rate = segments[0].sampling_rate
    if rate / 2 <= WIDE_FROM_HZ:
        return "narrowband"
    power = np.mean([_measure_spectrum(segment.signal) for segment in segments], axis=0)
    bandwidth = find_bandwidth(power, rate)
    return "wideband" if bandwidth is not None and bandwidth > WIDE_FROM_HZ else "narrowband"


def _measure_spectrum(signal: NDArray[np.float32]) -> NDArray[np.float64]:
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(signal, (0, 512)), 512)[::512]
    return np.asarray((np.abs(rfft(frames * np.hanning(512), axis=1)) ** 2).mean(axis=0) / 512**2)


def measure_powers(signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
    """Return the variance of each frame of 20 ms."""
    size = max(1, int(0.02 * sampling_rate))
    frames = signal[: len(signal) // size * size].reshape(-1, size)
    return np.asarray(frames.var(axis=1), dtype=np.float32)


def estimate_noise(powers: Sequence[NDArray[np.float32]]) -> float | None:
    """Return the signal-to-noise ratio in dB of the stretches that were scored, or None."""
    joined = np.concatenate(powers).astype(np.float64) if powers else np.zeros(0)
    return estimate_snr(joined, joined > 0.1 * joined.mean() if joined.size else joined > 0)


def count_speech(segments: Sequence[SegmentScore]) -> float:
    """Return seconds of speech of one channel without counting overlaps twice."""
    total = reached = 0.0
    for segment in sorted(segments, key=lambda s: s.start):
        fresh = segment.end - max(reached, segment.start)
        if fresh > 0:
            total += segment.speech_seconds * fresh / (segment.end - segment.start)
            reached = segment.end
    return round(total, 3)
