"""The cheap speech detector: level above an adaptive noise floor in bands, plus voicing.

Per 10 ms frame (32 ms Hann window) it compares eight mel-spaced bands between 100 and 3800 Hz with the lowest level
that each band has within 4 s on either side (the minimum statistics of Martin 2001, centred). Whatever is stationary
(hum, hiss, a tone) is therefore its own floor. Only frames near voiced ones count, a voiced frame being one
whose normalised autocorrelation peaks between 80 and 400 Hz and whose energy is not that of one or two tones. The
thresholds were set on telephone prompts and spoken digits in noise; docs/audio.md has the measurement.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, rfft
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from audio_batch.segmentation.grid import Frames, Signal, count_hop

_WINDOW_SECONDS = 0.032
_BANDS = 8
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 3800.0
_SILENT_DB = -85.0
_LOUDEST_BANDS = 3
_FLOOR_REACH = 400
_FLOOR_BIAS_DB = 3.0
_CORE_DB, _EDGE_DB = 5.5, 2.5
_EDGE_REACH = 12
_DYNAMIC_RANGE_DB = 40.0
_PERIODICITY = 0.45
_TONE_SHARE = 0.97
_VOICED_REACH = 30
_VOICED_FRAMES = 6
_SHORTEST_RUN, _LONGEST_GAP, _PADDING = 5, 25, 2
_AT_ONCE = 400
"""Frames that are transformed together: more would leave the processor's cache."""

_Array = npt.NDArray[np.float32]


def detect_frames(signal: Signal, sampling_rate: int) -> Frames:
    """Decide for each 10 ms frame whether it holds speech.

    Parameters
    ----------
    signal
        Mono, float32, shape (samples,).
    sampling_rate
        Hz.

    Returns
    -------
    array of bool, shape (ceil(samples / hop),)
    """
    if signal.size == 0:
        return np.zeros(0, dtype=np.bool_)
    parts = [_measure_frames(power, sampling_rate) for power in _measure_power(signal, sampling_rate)]
    bands, voiced = (np.concatenate(found) for found in zip(*parts, strict=True))
    levels, total = _measure_levels(bands)
    excess = _measure_excess(levels, total)
    return _join_frames(excess, _find_audible(total), voiced & (excess > _EDGE_DB))


def _measure_frames(power: _Array, sampling_rate: int) -> tuple[_Array, Frames]:
    """Return the power of the bands, shape (frames, bands), and which frames are voiced."""
    voiced = (_measure_periodicity(power, sampling_rate) > _PERIODICITY) & ~_find_tones(power, sampling_rate)
    return power @ _make_bands(sampling_rate), voiced


def _measure_power(signal: Signal, sampling_rate: int) -> Iterator[_Array]:
    """Yield the power spectrum below 4 kHz of some frames after the other, shape (frames, bins)."""
    hop, window = count_hop(sampling_rate), _make_window(sampling_rate)
    frames = -(-signal.size // hop)
    before = (window.size - hop) // 2
    padded = np.pad(signal, (before, frames * hop + window.size - hop - before - signal.size), mode="symmetric")
    view = np.lib.stride_tricks.sliding_window_view(padded, window.size)[::hop][:frames]
    for first in range(0, frames, _AT_ONCE):
        part = view[first : first + _AT_ONCE] * window
        spectrum = rfft(part, n=_count_points(sampling_rate), axis=1)[:, : _count_bins(sampling_rate)]
        yield np.square(spectrum.real) + np.square(spectrum.imag)


@lru_cache(maxsize=8)
def _make_window(sampling_rate: int) -> _Array:
    size = max(4, round(sampling_rate * _WINDOW_SECONDS))
    window = np.hanning(size + 1)[:-1]
    scaled: _Array = (window / np.sqrt(np.sum(np.square(window)) * size / 2)).astype(np.float32)
    return scaled


def _count_points(sampling_rate: int) -> int:
    return 1 << (_make_window(sampling_rate).size - 1).bit_length()


def _count_bins(sampling_rate: int) -> int:
    points = _count_points(sampling_rate)
    return min(points // 2, int(4000 * points / sampling_rate)) + 1


@lru_cache(maxsize=8)
def _make_bands(sampling_rate: int) -> _Array:
    """Return 0/1 weights, shape (bins, bands): mel-spaced bands that do not overlap."""
    edges = 700 * np.expm1(np.linspace(np.log1p(_LOWEST_HZ / 700), np.log1p(_HIGHEST_HZ / 700), _BANDS + 1))
    hertz = np.arange(_count_bins(sampling_rate)) * sampling_rate / _count_points(sampling_rate)
    inside: _Array = ((hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:])).astype(np.float32)
    return inside


def _measure_levels(bands: _Array) -> tuple[_Array, _Array]:
    """Return smoothed band levels and total levels in dB re full scale."""
    smooth = np.maximum(uniform_filter1d(bands, 5, axis=0, mode="nearest"), 1e-12)
    total = np.maximum(bands.sum(axis=1), 1e-12)
    return 10 * np.log10(smooth), 10 * np.log10(total)


def _measure_excess(levels: _Array, total: _Array) -> _Array:
    """Return dB above the noise floor in the three clearest bands; frames of digital silence do not set the floor."""
    # Gaps that a recorder filled with zeros say nothing of the noise; as the floor they would turn all noise into
    # speech.
    silent = maximum_filter1d((total < _SILENT_DB).astype(np.uint8), 9, mode="nearest").astype(bool)
    candidates = np.where(silent[:, None], np.float32(np.inf), levels)
    floor = minimum_filter1d(candidates, 2 * _FLOOR_REACH + 1, axis=0, mode="nearest")
    floor = np.maximum(np.where(np.isfinite(floor), floor, levels), _SILENT_DB)
    above = np.sort(np.clip(levels - floor - _FLOOR_BIAS_DB, 0, 15), axis=1)
    excess: _Array = above[:, -_LOUDEST_BANDS:].mean(axis=1)
    return excess


def _find_audible(total: _Array) -> Frames:
    """Frames that are neither digital silence nor far below the loudest within reach."""
    loudest = maximum_filter1d(total, 2 * _FLOOR_REACH + 1, mode="nearest")
    audible: Frames = (total > _SILENT_DB) & (total > loudest - _DYNAMIC_RANGE_DB)
    return audible


def _measure_periodicity(power: _Array, sampling_rate: int) -> _Array:
    """Return the highest normalised autocorrelation between 80 and 400 Hz, per frame."""
    scale = sampling_rate / _count_points(sampling_rate) * 2 * (power.shape[1] - 1)
    lags = slice(int(scale / 400), int(scale / 80) + 1)
    correlation = irfft(power, axis=1)
    highest = (correlation[:, lags] / _correlate_window(sampling_rate)[lags]).max(axis=1)
    periodicity: _Array = highest / np.maximum(correlation[:, 0], 1e-12)
    return periodicity


@lru_cache(maxsize=8)
def _correlate_window(sampling_rate: int) -> _Array:
    points, bins = _count_points(sampling_rate), _count_bins(sampling_rate)
    spectrum = np.square(np.abs(rfft(_make_window(sampling_rate), n=points)))[:bins]
    correlation = irfft(spectrum)
    normalised: _Array = np.maximum(correlation / correlation[0], 0.05).astype(np.float32)
    return normalised


def _find_tones(power: _Array, sampling_rate: int) -> Frames:
    """Frames whose energy lies in the main lobes of one or two sinusoids."""
    lobe = -(-2 * _count_points(sampling_rate) // _make_window(sampling_rate).size)
    rest = power.copy()
    rows = np.arange(len(rest))[:, None]
    # Twice, because dial tones and DTMF are pairs of sinusoids.
    for _ in range(2):
        around = np.argmax(rest, axis=1)[:, None] + np.arange(-lobe, lobe + 1)
        rest[rows, np.clip(around, 0, rest.shape[1] - 1)] = 0
    tones: Frames = rest.sum(axis=1) < (1 - _TONE_SHARE) * power.sum(axis=1)
    return tones


def _join_frames(excess: _Array, audible: Frames, voiced: Frames) -> Frames:
    """Turn frame evidence into runs: near a clear and a voiced frame, no holes below 0.25 s, nothing below 50 ms."""
    core = (excess > _CORE_DB) & audible
    near_core = maximum_filter1d(core.astype(np.uint8), 2 * _EDGE_REACH + 1, mode="constant") > 0
    size = 2 * _VOICED_REACH + 1
    near_voiced = uniform_filter1d(voiced.astype(np.float64), size, mode="constant") * size > _VOICED_FRAMES - 0.5
    speech = (excess > _EDGE_DB) & audible & near_core & near_voiced
    # Opened first, or closing would join clicks to a stretch that is long enough to be kept.
    return _dilate(_close(_open(speech)), _PADDING)


def _dilate(frames: Frames, reach: int) -> Frames:
    widened: Frames = maximum_filter1d(frames.astype(np.uint8), 2 * reach + 1, mode="constant") > 0
    return widened


def _erode(frames: Frames, reach: int) -> Frames:
    return ~_dilate(~frames, reach)


def _open(frames: Frames) -> Frames:
    return _dilate(_erode(frames, _SHORTEST_RUN // 2), _SHORTEST_RUN // 2)


def _close(frames: Frames) -> Frames:
    return _erode(_dilate(frames, _LONGEST_GAP // 2), _LONGEST_GAP // 2)
