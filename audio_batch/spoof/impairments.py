"""What happens to speech before and after the codec: rooms, noise, filters, lost packets, levels, cuts.

Every function takes a mono float32 signal of shape (samples,), full scale +-1, and gives one of the same shape
(only `trim_silence` shortens). Levels are RMS over the whole signal, dB relative to full scale.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, oaconvolve, sosfilt

from audio_batch.errors import AudioUsageError

Signal = NDArray[np.float32]

NOISES = ("white", "pink", "babble", "hum")
PACKET_SECONDS = 0.02


def trim_silence(signal: Signal, sampling_rate: int, *, lead: float, trail: float) -> Signal:
    """Cut leading and trailing silence down to `lead` and `trail` seconds (never adding any)."""
    block = max(1, round(0.01 * sampling_rate))
    count = signal.size // block
    if count == 0:
        return signal
    power = np.mean(signal[: count * block].reshape(count, block) ** 2, axis=1)
    loud = np.flatnonzero(power > power.max() * 10.0**-3.5)
    if loud.size == 0:
        return signal
    first = max(0, loud[0] * block - round(lead * sampling_rate))
    return signal[first : (loud[-1] + 1) * block + round(trail * sampling_rate)]


def set_level(signal: Signal, level_dbfs: float) -> Signal:
    """Scale to an RMS of `level_dbfs`, or as near to it as leaves 99.9 % of the samples below full scale."""
    power = float(np.mean(signal.astype(np.float64) ** 2))
    if power == 0.0:
        return signal
    gain = 10.0 ** (level_dbfs / 20.0) / np.sqrt(power)
    peak = float(np.percentile(np.abs(signal), 99.9))
    scaled = signal * np.float32(min(gain, 1.0 / max(peak, 1e-9)))
    return np.asarray(np.clip(scaled, -1.0, 1.0), np.float32)


def fade_edges(signal: Signal, sampling_rate: int, *, seconds: float) -> Signal:
    """Fade in and out linearly over `seconds`."""
    count = min(round(seconds * sampling_rate), signal.size // 2)
    faded = signal.copy()
    ramp = np.linspace(0.0, 1.0, count, dtype=np.float32)
    faded[:count] *= ramp
    faded[faded.size - count :] *= ramp[::-1]
    return faded


def add_noise(signal: Signal, sampling_rate: int, kind: str, snr_db: float, *, rng: np.random.Generator) -> Signal:
    """Add noise at a signal-to-noise ratio taken over the whole signal.

    Parameters
    ----------
    kind
        ``white``, ``pink`` (1/f power), ``babble`` (six speech-shaped noises, each with a syllable-like envelope) or
        ``hum`` (50 or 60 Hz and harmonics).
    snr_db
        dB.

    Raises
    ------
    AudioUsageError
        Unknown kind.
    """
    if kind not in NOISES:
        raise AudioUsageError(f"noise {kind!r} is not known", hint=f"Choose one of {', '.join(NOISES)}.")
    noise = make_noise(kind, signal.size, sampling_rate, rng=rng)
    power, noise_power = float(np.mean(signal**2)), float(np.mean(noise**2))
    gain = np.sqrt(power / max(noise_power, 1e-20)) * 10.0 ** (-snr_db / 20.0)
    return signal + np.float32(gain) * noise


def make_noise(kind: str, samples: int, sampling_rate: int, *, rng: np.random.Generator) -> Signal:
    """Make noise of a kind of `NOISES`; the level is arbitrary."""
    if kind == "hum":
        return _make_hum(samples, sampling_rate, rng)
    if kind == "babble":
        return _make_babble(samples, sampling_rate, rng)
    white = rng.standard_normal(samples, dtype=np.float32)
    return white if kind == "white" else _shape(white, sampling_rate, slope_db=-3.0)


def add_reverb(
    signal: Signal, sampling_rate: int, *, seconds: float, ratio_db: float, rng: np.random.Generator
) -> Signal:
    """Add a room: white noise that decays by 60 dB in `seconds`, `ratio_db` below the direct sound in energy.

    Direct sound and timing stay; so does the RMS. The model is that of Polack (1988).
    """
    count = max(2, round(seconds * sampling_rate))
    tail = rng.standard_normal(count) * 10.0 ** (-3.0 * np.arange(count) / count)
    tail[: round(0.002 * sampling_rate)] = 0.0
    tail *= 10.0 ** (-ratio_db / 20.0) / max(float(np.sqrt(np.sum(tail**2))), 1e-12)
    tail[0] = 1.0
    wet = oaconvolve(signal, tail.astype(np.float32))[: signal.size]
    return _match_rms(wet, signal)


def filter_band(signal: Signal, sampling_rate: int, low_hz: float | None, high_hz: float | None) -> Signal:
    """Filter to a band (Butterworth, fourth order on each side); None leaves a side open. The RMS stays."""
    if high_hz is not None and high_hz >= 0.49 * sampling_rate:
        high_hz = None
    if low_hz is None and high_hz is None:
        return signal
    return _match_rms(sosfilt(_design_band(low_hz, high_hz, sampling_rate), signal), signal)


def lose_packets(
    signal: Signal, sampling_rate: int, *, share: float, burst: float, conceal: str, rng: np.random.Generator
) -> Signal:
    """Lose 20 ms packets in bursts (Gilbert model) and conceal them.

    Parameters
    ----------
    share
        Expected share of lost packets, 0 to 1.
    burst
        Expected length of a burst, packets, at least 1.
    conceal
        ``zero`` (digital silence) or ``repeat`` (the packet before, 6 dB lower with each loss in a row).
    """
    size = round(PACKET_SECONDS * sampling_rate)
    kept = signal.copy()
    for index, run in _draw_losses(signal.size // size, share, burst, rng):
        here = slice(index * size, (index + 1) * size)
        if conceal == "repeat" and index:
            kept[here] = kept[here.start - size : here.start] * np.float32(0.5 if run > 1 else 1.0)
        else:
            kept[here] = 0.0
    return kept


def _draw_losses(packets: int, share: float, burst: float, rng: np.random.Generator) -> list[tuple[int, int]]:
    leave = 1.0 / max(burst, 1.0)
    enter = min(1.0, leave * share / max(1.0 - share, 1e-6))
    draws = rng.random(packets)
    losses, run = [], 0
    for index in range(packets):
        run = run + 1 if draws[index] < (1.0 - leave if run else enter) else 0
        if run:
            losses.append((index, run))
    return losses


def _match_rms(changed: NDArray[np.floating], reference: Signal) -> Signal:
    before, after = float(np.mean(reference**2)), float(np.mean(changed**2))
    return np.asarray(changed * np.sqrt(before / max(after, 1e-20)), np.float32)


@lru_cache(maxsize=256)
def _design_band(low_hz: float | None, high_hz: float | None, rate: int) -> Signal:
    edges = [edge for edge in (low_hz, high_hz) if edge is not None]
    kind = "bandpass" if len(edges) == 2 else "lowpass" if low_hz is None else "highpass"
    return np.asarray(butter(4, edges if len(edges) == 2 else edges[0], kind, fs=rate, output="sos"), np.float32)


def _shape(white: Signal, rate: int, *, slope_db: float, corner_hz: float = 20.0) -> Signal:
    """Give white noise a slope in dB per octave above a corner."""
    spectrum = np.fft.rfft(white)
    octaves = np.log2(np.maximum(np.linspace(0.0, rate / 2, spectrum.size) / corner_hz, 1.0))
    return np.fft.irfft(spectrum * 10.0 ** (slope_db * octaves / 20.0), white.size).astype(np.float32)


def _make_babble(samples: int, rate: int, rng: np.random.Generator) -> Signal:
    """Six talkers with 4 Hz syllables; flat to 500 Hz, then -9 dB an octave (after ITU-T P.50)."""
    babble = np.zeros(samples, np.float32)
    knots = max(4, round(samples / rate * 8))
    for _ in range(6):
        envelope = np.interp(np.linspace(0, knots - 1, samples), np.arange(knots), rng.exponential(1.0, knots))
        babble += rng.standard_normal(samples, dtype=np.float32) * envelope.astype(np.float32)
    return _shape(babble, rate, slope_db=-9.0, corner_hz=500.0)


def _make_hum(samples: int, rate: int, rng: np.random.Generator) -> Signal:
    base = float(rng.choice((50.0, 60.0)))
    phase = 2.0 * np.pi * base / rate * np.arange(samples)
    hum = sum(np.sin(k * phase + rng.uniform(0, 6.28)) / k for k in (1, 2, 3, 5, 7))
    return np.asarray(hum, np.float32)
