"""What a call centre does to a recording: the agent's side, hold music, automatic gain.

Every function takes a mono float32 signal of shape (samples,), full scale +-1, and gives one of the same shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError

Signal = NDArray[np.float32]

BLOCK_SECONDS = 0.01
AGC_TARGET_DBFS, AGC_GATE_DBFS = -20.0, -55.0
"""Level that the automatic gain strives for, and below which it holds still, so that pauses are not blown up."""
_BEAT_SECONDS = (0.2, 0.5)
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 5, 9), (2, 7, 11))
_PARTIALS = 5


def add_agent(
    signal: Signal, agent: Signal, *, share: tuple[float, float], below_db: float, rng: np.random.Generator
) -> Signal:
    """Let a second voice be heard in a stretch: as a leak of the other side, or talking at the same time.

    Parameters
    ----------
    signal
        The caller.
    agent
        The other voice at the same rate, any length; a random part of it is taken, repeated where it is too short.
    share
        Begin and end of the stretch, as shares of the signal.
    below_db
        How far below the caller it lies, RMS against RMS, dB.
    """
    if agent.size == 0:
        raise AudioUsageError("The agent's voice holds no samples.", hint="Pass speech of a second or more.")
    start, stop = (round(edge * signal.size) for edge in share)
    part = np.resize(np.roll(agent, -int(rng.integers(agent.size))), stop - start)
    return _mix(signal, part, start, below_db)


def add_music(
    signal: Signal, sampling_rate: int, *, share: tuple[float, float], below_db: float, rng: np.random.Generator
) -> Signal:
    """Let hold music be heard in a stretch; parameters as `add_agent`."""
    start, stop = (round(edge * signal.size) for edge in share)
    return _mix(signal, make_music(stop - start, sampling_rate, rng=rng), start, below_db)


def make_music(samples: int, sampling_rate: int, *, rng: np.random.Generator) -> Signal:
    """Make hold music: broken chords of plucked tones over a random key and tempo, RMS 0.1."""
    beat = max(1, round(float(rng.uniform(*_BEAT_SECONDS)) * sampling_rate))
    key, decay = float(rng.uniform(110, 330)), float(rng.uniform(2, 8))
    weights = rng.uniform(0.2, 1.0, _PARTIALS) / np.arange(1, _PARTIALS + 1)
    music = np.zeros(samples + 4 * beat, np.float32)
    for index, start in enumerate(range(0, samples, beat)):
        chord = _CHORDS[index // 8 % len(_CHORDS)]
        hertz = key * 2 ** ((chord[int(rng.integers(3))] + 12 * int(rng.integers(2))) / 12)
        music[start : start + 4 * beat] += _pluck(4 * beat, hertz, weights, decay, sampling_rate)
    music = music[:samples]
    return np.asarray(music * (0.1 / max(float(np.sqrt(np.mean(music**2))) if samples else 1.0, 1e-9)), np.float32)


def control_gain(
    signal: Signal, sampling_rate: int, *, attack_seconds: float, release_seconds: float, most_db: float
) -> Signal:
    """Level a signal as an automatic gain control does: towards -20 dBFS, faster downwards than upwards.

    Parameters
    ----------
    attack_seconds, release_seconds
        Time constants with which the gain falls and rises.
    most_db
        Largest gain, up or down.
    """
    block = max(1, round(BLOCK_SECONDS * sampling_rate))
    count = signal.size // block
    if count < 2:
        return signal
    power = np.mean(np.square(signal[: count * block].reshape(count, block), dtype=np.float64), axis=1)
    level = 10 * np.log10(power + 1e-12)
    fall, rise = (np.exp(-BLOCK_SECONDS / seconds) for seconds in (attack_seconds, release_seconds))
    gains, gain = np.empty(count), float(np.clip(AGC_TARGET_DBFS - np.quantile(level, 0.9), -most_db, most_db))
    for index, found in enumerate(level):
        if found > AGC_GATE_DBFS:
            wanted = float(np.clip(AGC_TARGET_DBFS - found, -most_db, most_db))
            kept = fall if wanted < gain else rise
            gain = kept * gain + (1 - kept) * wanted
        gains[index] = gain
    places = (np.arange(count) + 0.5) * block
    factor = 10 ** (np.interp(np.arange(signal.size), places, gains) / 20)
    return np.asarray(np.clip(signal * factor, -1.0, 1.0), np.float32)


def _mix(signal: Signal, part: Signal, start: int, below_db: float) -> Signal:
    """Add a part from a sample on, faded at its edges, so many dB below the signal."""
    power = float(np.mean(np.square(part, dtype=np.float64))) if part.size else 0.0
    if power == 0.0:
        return signal
    gain = np.sqrt(float(np.mean(np.square(signal, dtype=np.float64))) / power) * 10 ** (-below_db / 20)
    edge = min(part.size // 2, 400)
    shape = np.ones(part.size, np.float32)
    shape[:edge] = np.linspace(0, 1, edge)
    shape[part.size - edge :] = np.linspace(1, 0, edge)
    mixed = signal.copy()
    mixed[start : start + part.size] += np.float32(gain) * shape * part
    return np.clip(mixed, -1.0, 1.0)


def _pluck(samples: int, hertz: float, weights: NDArray[np.float64], decay: float, sampling_rate: int) -> Signal:
    seconds = np.arange(samples) / sampling_rate
    partials = [(number, weight) for number, weight in enumerate(weights, 1) if number * hertz < 0.45 * sampling_rate]
    tone = sum(weight * np.sin(2 * np.pi * number * hertz * seconds) for number, weight in partials)
    # The last part fades to nothing, so that no tone ends in a click.
    fade = np.minimum(1.0, (samples - np.arange(samples)) / (0.1 * samples))
    return np.asarray(tone * np.exp(-decay * seconds) * fade, np.float32)
