"""Fundamental frequency by autocorrelation, after Boersma (1993), with the defaults of Praat's "To Pitch (raw ac)".

Each 40 ms Hann frame is autocorrelated, divided by the autocorrelation of its window, and interpolated to at least
32 kHz by zero-padding its spectrum; its peaks are candidates, and the cheapest path through the candidates of all
frames, voiceless included, is the pitch track.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft

from audio_batch.features.spectrum import Floats, Mask, check_signal

PITCH_FLOOR, PITCH_CEILING = 75.0, 600.0
TIME_STEP = 0.01
PERIODS_PER_WINDOW = 3
CANDIDATES = 15
SILENCE_THRESHOLD, VOICING_THRESHOLD = 0.03, 0.45
OCTAVE_COST, OCTAVE_JUMP_COST, VOICING_COST = 0.01, 0.35, 0.14
INTERPOLATED_RATE = 32_000
"""Hz, at least, at which the autocorrelation is computed, so that parabolas fit its peaks."""
BLOCK_FRAMES = 256
"""Frames handled at a time: bounds memory and keeps the arrays in the cache."""

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Pitch:
    """A pitch track.

    Attributes
    ----------
    times
        Middle of each frame in seconds, shape (frames,), 10 ms apart.
    frequency
        Fundamental frequency in Hz, NaN in voiceless frames, shape (frames,).
    """

    times: Doubles
    frequency: Doubles

    @property
    def voiced(self) -> Mask:
        """Frames that are voiced, shape (frames,)."""
        return ~np.isnan(self.frequency)


def track_pitch(signal: npt.ArrayLike, sampling_rate: int) -> Pitch:
    """Follow the fundamental frequency from 75 to 600 Hz.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1.
    sampling_rate
        Hertz.

    Returns
    -------
    Pitch
        No frame at all for a signal shorter than 40 ms.

    Raises
    ------
    AudioUsageError
        As `Spectrum`.
    """
    samples = check_signal(signal, sampling_rate)
    times, starts = place_frames(len(samples), sampling_rate, PERIODS_PER_WINDOW / PITCH_FLOOR)
    if not len(times):
        return Pitch(times, times)
    peak = float(np.abs(samples - samples.mean()).max())
    if peak == 0:
        return Pitch(times, np.full(len(times), np.nan))
    blocks = [
        _find_candidates(samples, block, sampling_rate, peak)
        for block in np.array_split(starts, -(-len(starts) // BLOCK_FRAMES))
    ]
    frequencies, strengths = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return Pitch(times, _find_path(frequencies, strengths))


def place_frames(samples: int, sampling_rate: int, window_seconds: float) -> tuple[Doubles, Indices]:
    """Return middles (s) and first samples of the frames, 10 ms apart, that fit a signal, centred in it."""
    duration = samples / sampling_rate
    count = int(np.floor((duration - window_seconds) / TIME_STEP + 1e-9)) + 1
    if count < 1:
        return np.zeros(0), np.zeros(0, dtype=np.intp)
    times = 0.5 * (duration - (count - 1) * TIME_STEP) + np.arange(count) * TIME_STEP
    length = round(window_seconds * sampling_rate)
    starts = np.rint(times * sampling_rate - length / 2).astype(np.intp)
    return times.astype(np.float64), np.clip(starts, 0, samples - length).astype(np.intp)


def measure_unvoiced_strength(peaks: Floats, silence: float, voicing: float) -> Floats:
    """Return how well "voiceless" explains frames with these peaks, relative to the signal's peak; (frames,)."""
    strength: Floats = voicing + np.maximum(0, 2 - peaks * np.float32((1 + voicing) / silence))
    return strength


def interpolate_peaks(curve: Floats, rows: Indices, columns: Indices) -> tuple[Floats, Floats]:
    """Return position (columns) and height of the parabola through each local maximum and its two neighbours."""
    before, middle, after = (curve[rows, columns + step] for step in (-1, 0, 1))
    bend = 2 * middle - before - after
    shift = 0.5 * (after - before) / np.maximum(bend, np.float32(1e-12))
    return columns + shift, middle + 0.25 * (after - before) * shift


def _find_candidates(samples: Floats, starts: Indices, sampling_rate: int, peak: float) -> tuple[Doubles, Doubles]:
    """Return frequency (0 = voiceless) and strength of the candidates of each frame, shape (frames, candidates)."""
    length = round(PERIODS_PER_WINDOW / PITCH_FLOOR * sampling_rate)
    period = int(sampling_rate / PITCH_FLOOR)
    frames = samples[starts[:, None] + np.arange(length)]
    middle = length // 2
    # The local mean, over the periods in the middle: an offset would correlate at every lag.
    frames = frames - frames[:, middle - period : middle + period].mean(axis=1, keepdims=True)
    frames = frames * np.hanning(length + 2)[1:-1].astype(np.float32)
    half = period // 2 + 1
    peaks = np.abs(frames[:, middle - half : middle + half]).max(axis=1) / np.float32(peak)
    curve, rate = _autocorrelate(frames, sampling_rate)
    rows, columns = _find_maxima(curve, rate)
    lags, heights = interpolate_peaks(curve, rows, columns)
    inside = lags > rate / PITCH_CEILING
    rows, lags, heights = rows[inside], lags[inside], heights[inside]
    frequency = np.zeros((len(starts), CANDIDATES))
    strength = np.full((len(starts), CANDIDATES), -np.inf)
    strength[:, 0] = measure_unvoiced_strength(peaks, SILENCE_THRESHOLD, VOICING_THRESHOLD)
    rows, places, kept = _rank_candidates(rows, heights, lags)
    pitch = rate / lags[kept].astype(np.float64)
    height = heights[kept].astype(np.float64)
    frequency[rows, places] = pitch
    # Interpolation can push a peak past 1; such a peak is as suspect as one that falls short by as much.
    strength[rows, places] = np.minimum(height, 1 / height) - OCTAVE_COST * np.log2(PITCH_CEILING / pitch)
    return frequency, strength


def _autocorrelate(frames: Floats, sampling_rate: int) -> tuple[Floats, int]:
    """Return the autocorrelation of Hann-windowed frames over that of the window, and its own sampling rate."""
    length = frames.shape[1]
    factor = -(-INTERPOLATED_RATE // sampling_rate)
    # Half a frame of zeros is enough: lags beyond half the frame are not looked at.
    size = 1 << (int(1.5 * length) - 1).bit_length()
    power = np.square(np.abs(rfft(frames, size)))
    rate = factor * sampling_rate
    lags = int(rate / PITCH_FLOOR) + 2
    # A longer inverse transform interpolates the correlation exactly, as the signal is band-limited.
    curve = irfft(power, factor * size)[:, :lags].astype(np.float32, copy=False)
    place = np.arange(lags) / (factor * length)
    # The autocorrelation of a Hann window in closed form. Dividing by it undoes the taper, so that a perfect period
    # gives 1 at every lag.
    window = (1 - place) * (2 + np.cos(2 * np.pi * place)) / 3 + np.sin(2 * np.pi * place) / (2 * np.pi)
    return curve / (np.maximum(curve[:, :1], np.float32(1e-20)) * window.astype(np.float32)), rate


def _find_maxima(curve: Floats, rate: int) -> tuple[Indices, Indices]:
    first = int(rate / PITCH_CEILING)
    inner = curve[:, first:-1]
    maxima = (inner > curve[:, first - 1 : -2]) & (inner >= curve[:, first + 1 :]) & (inner > 0.5 * VOICING_THRESHOLD)
    rows, columns = np.nonzero(maxima)
    return rows, columns + first


def _rank_candidates(rows: Indices, heights: Floats, lags: Floats) -> tuple[Indices, Indices, Indices]:
    """Return row, place (from 1) and index of the best candidates of each row; short lags win near ties."""
    order = np.lexsort((OCTAVE_COST * np.log2(lags) - heights, rows))
    ordered = rows[order]
    places = np.arange(len(order)) - np.searchsorted(ordered, ordered) + 1
    kept = places < CANDIDATES
    return ordered[kept], places[kept], order[kept]


def _find_path(frequency: Doubles, strength: Doubles) -> Doubles:
    """Return the frequencies (NaN = voiceless) of the path that wins most strength after the cost of its jumps.

    The first candidate of each frame is the voiceless one, as in `_find_candidates`.
    """
    # Most frames have few candidates, and most columns nobody.
    used = int(np.isfinite(strength).any(axis=0).sum())
    frequency, strength = frequency[:, :used], strength[:, :used]
    octaves = np.log2(np.where(frequency > 0, frequency, 1.0))
    # From frame to frame: to the candidate of the row, from that of the column.
    costs = octaves[1:, :, None] - octaves[:-1, None, :]
    np.multiply(OCTAVE_JUMP_COST, np.abs(costs, out=costs), out=costs)
    # Voiceless to voiceless costs nothing; changing between the two has a fixed price, whatever the pitch.
    costs[:, 0], costs[:, :, 0] = VOICING_COST, VOICING_COST
    costs[:, 0, 0] = 0
    reached = np.empty_like(costs)
    total, highest = strength[0].copy(), np.maximum.reduce
    # In place: this is done for each frame.
    for cost, gained, ways in zip(costs, strength[1:], reached, strict=True):
        np.subtract(total, cost, ways)
        highest(ways, 1, None, total)
        np.add(total, gained, total)
    path = [int(total.argmax())]
    # Viterbi: each frame remembers where its best path came from, and the path is read backwards.
    for origin in reached.argmax(axis=2)[::-1].tolist():
        path.append(origin[path[-1]])
    chosen = frequency[np.arange(len(path)), path[::-1]]
    return np.where(chosen > 0, chosen, np.nan)
