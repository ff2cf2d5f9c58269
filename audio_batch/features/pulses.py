"""Glottal pulses by waveform matching, and the perturbation of their periods and amplitudes.

Pulses follow the description of Praat's "To PointProcess (cc)": from the extremum in the middle of each voiced
stretch, one period at a time to both sides, each step to the best cross-correlation between 0.8 and 1.25 periods away.
Jitter and shimmer are those of Praat's voice report: ratios (0.01 = 1 %), with its limits on what counts as a period.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio_batch.features.pitch import TIME_STEP, Doubles, Indices, Pitch
from audio_batch.features.statistics import NAN

SHORTEST_PERIOD, LONGEST_PERIOD = 0.0001, 0.02
LARGEST_PERIOD_FACTOR, LARGEST_AMPLITUDE_FACTOR = 1.3, 1.6
NEAREST, FARTHEST = 0.8, 1.25
INNER_CORRELATION, INNER_PEAK = 0.3, 0.01
OUTER_CORRELATION, OUTER_PEAK = 0.7, 0.023333
TINY = np.array(1e-30)
"""Added to energies that divide: an array, as a number would be made one each time."""
AMPLITUDE_SPAN = 0.2
"""Share of the neighbouring period over which the amplitude at a pulse is taken."""


@dataclass(frozen=True)
class _Waveform:
    samples: Doubles
    magnitudes: Doubles
    energy: Doubles
    sums: list[float]
    sampling_rate: int
    peak: float


@dataclass(frozen=True)
class _Periods:
    """Periods of frames `TIME_STEP` apart, the first at `start` seconds; in a line between them, constant beyond."""

    start: float
    values: list[float]

    def find(self, time: float) -> float:
        """Return the period at a time; much faster than `numpy.interp` for one."""
        place = (time - self.start) / TIME_STEP
        index = floor(place)
        if index < 0:
            return self.values[0]
        if index >= len(self.values) - 1:
            return self.values[-1]
        return self.values[index] + (place - index) * (self.values[index + 1] - self.values[index])


class _Match(NamedTuple):
    time: float
    correlation: float
    peak: float


def find_pulses(signal: npt.ArrayLike, sampling_rate: int, pitch: Pitch) -> Doubles:
    """Return the times of the glottal pulses in the voiced stretches of a pitch track.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1, of which `pitch` was taken.
    sampling_rate
        Hertz.
    pitch
        From `track_pitch`.

    Returns
    -------
    numpy.ndarray
        Seconds, ascending, shape (pulses,).
    """
    samples = np.asarray(signal, dtype=np.float64)
    # Running sums of squares: the energy of any stretch is then one subtraction.
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples))])
    magnitudes = np.abs(samples)
    wave = _Waveform(samples, magnitudes, energy, energy.tolist(), sampling_rate, float(magnitudes.max(initial=0)))
    pulses: list[float] = []
    for first, last in find_runs(pitch.voiced):
        times, frequency = pitch.times[first:last], pitch.frequency[first:last]
        pulses += _fill_stretch(wave, times, frequency, pulses[-1] if pulses else -np.inf)
    return np.array(pulses)


def find_runs(mask: npt.NDArray[np.bool_]) -> Indices:
    """Return first and one past last index of each run of True, shape (runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def measure_jitter(pulses: Doubles) -> dict[str, float]:
    """Return ``jitter_local``, ``jitter_rap`` and ``jitter_ppq5``, ratios to the mean period.

    Mean absolute difference of a period from the one before (local), or from the mean of the 3 (RAP) or 5 (PPQ5)
    periods around it. NaN without enough successive periods.
    """
    periods = np.diff(pulses)
    valid = (periods >= SHORTEST_PERIOD) & (periods <= LONGEST_PERIOD)
    joined = valid[1:] & valid[:-1] & (_compare(periods) <= LARGEST_PERIOD_FACTOR)
    linked = np.concatenate([joined, [False]]) | np.concatenate([[False], joined])
    mean = float(periods[linked].mean()) if linked.any() else NAN
    return {
        "jitter_local": _average(np.abs(np.diff(periods))[joined]) / mean,
        "jitter_rap": _measure_quotient(periods, joined, 3) / mean,
        "jitter_ppq5": _measure_quotient(periods, joined, 5) / mean,
    }


def measure_shimmer(signal: npt.ArrayLike, sampling_rate: int, pulses: Doubles) -> dict[str, float]:
    """Return ``shimmer_local``, ``shimmer_apq3``, ``_apq5`` and ``_apq11``, ratios to the mean amplitude.

    As `measure_jitter`, with the Hann-weighted RMS about each pulse in the place of the period.
    """
    times, amplitudes = _measure_amplitudes(np.asarray(signal, dtype=np.float64), sampling_rate, pulses)
    gaps = np.diff(times)
    near = (gaps >= SHORTEST_PERIOD) & (gaps <= LONGEST_PERIOD)
    joined = near & (_compare(amplitudes) <= LARGEST_AMPLITUDE_FACTOR)
    mean = _average(amplitudes[:-1])
    summary = {"shimmer_local": _average(np.abs(np.diff(amplitudes))[joined]) / mean}
    for width in (3, 5, 11):
        summary[f"shimmer_apq{width}"] = _measure_quotient(amplitudes, joined, width) / mean
    return summary


def _fill_stretch(wave: _Waveform, times: Doubles, frequency: Doubles, previous: float) -> list[float]:
    """Return the pulses of one voiced stretch, none closer than 0.8 periods to the previous stretch's last."""
    left, right = times[0] - TIME_STEP / 2, times[-1] + TIME_STEP / 2
    middle = (left + right) / 2
    # The middle of a voiced stretch is the safest place to begin: its edges are where voicing is doubtful.
    seed = _find_extremum(wave, middle, 0.5 / float(np.interp(middle, times, frequency)))
    periods = _Periods(float(times[0]), (1 / frequency).tolist())
    before = [time for time, period in _walk(wave, seed, -1, left, periods) if time - previous > NEAREST * period]
    after = [time for time, _ in _walk(wave, seed, 1, right, periods)]
    return [*before[::-1], seed, *after]


def _walk(wave: _Waveform, time: float, direction: int, edge: float, periods: _Periods) -> list[tuple[float, float]]:
    """Step from pulse to pulse until past the edge of the stretch; return pulses that match well, and periods."""
    pulses: list[tuple[float, float]] = []
    while True:
        period = periods.find(time)
        match = _match_period(wave, time, direction, period)
        # A period without a match is stepped over at its expected length, so that one bad cycle does not end the
        # stretch.
        time = match.time if match else time + direction * period
        outside = direction * (time - edge) > 0
        # Past the edge of the voiced stretch only a pulse that matches very well is believed.
        correlation, peak = (OUTER_CORRELATION, OUTER_PEAK) if outside else (INNER_CORRELATION, INNER_PEAK)
        if match and match.correlation > correlation and match.peak > peak * wave.peak:
            pulses.append((time, period))
        if outside:
            return pulses


def _find_extremum(wave: _Waveform, middle: float, span: float) -> float:
    """Return the time of the largest absolute sample within span of the middle, refined by a parabola."""
    first = max(1, round((middle - span) * wave.sampling_rate))
    last = min(len(wave.samples) - 2, round((middle + span) * wave.sampling_rate))
    place = first + int(wave.magnitudes[first : last + 1].argmax())
    before, here, after = wave.samples[place - 1 : place + 2]
    bend = 2 * here - before - after
    shift = 0.5 * (after - before) / bend if bend else 0.0
    return float(place + np.clip(shift, -0.5, 0.5) + 0.5) / wave.sampling_rate


def _match_period(wave: _Waveform, time: float, direction: int, period: float) -> _Match | None:
    """Find the stretch of one period, 0.8 to 1.25 periods away, that correlates best with the one about `time`."""
    rate = wave.sampling_rate
    start = round((time - period / 2) * rate - 0.5)
    length = round((time + period / 2) * rate - 0.5) - start + 1
    near, far = direction * NEAREST * period, direction * FARTHEST * period
    low = floor((time + min(near, far) - period / 2) * rate - 0.5)
    high = ceil((time + max(near, far) - period / 2) * rate - 0.5)
    low, high = max(low, 0), min(high, len(wave.samples) - length)
    if start < 0 or start + length > len(wave.samples) or high - low < 2:
        return None
    product = np.correlate(wave.samples[low : high + length], wave.samples[start : start + length], "valid")
    norm = wave.energy[low + length : high + length + 1] - wave.energy[low : high + 1]
    # In place: this is done for each period of a voice. What is the same for all of it is left out until the end.
    norm += TINY
    curve = np.divide(product, np.sqrt(norm, norm), product)
    best = _find_peak(curve)
    if best is None:
        return None
    # Ahead of the curve there is nothing.
    scale = 1 / sqrt(max(wave.sums[start + length] - wave.sums[start], 1e-30))
    before, here, after = (scale * value for value in [0.0, 0.0, *curve[max(best - 1, 0) : best + 2].tolist()][-3:])
    bend, slope = 2 * here - before - after, 0.5 * (after - before)
    shift = slope / bend if bend else 0.0
    place = low + best
    peak = np.maximum.reduce(wave.magnitudes[max(0, place) : place + length])
    return _Match(time + (place - start + shift) / rate, here + 0.5 * slope * shift, float(peak))


def _find_peak(curve: Doubles) -> int | None:
    """Return the highest local maximum; -1 is the zero ahead of the curve, and None means that there is none.

    Two zeros ahead: the earlier end of the range may be the maximum, the later may not, as in Praat.
    """
    best = int(curve[:-1].argmax())
    # The highest point of all is a local maximum, if it does not lie at the end; this saves the search for others.
    if curve[best] >= curve[best + 1] and curve[best] >= 0:
        return best if curve[best] > 0 else -1
    padded = np.concatenate([[0.0, 0.0], curve])
    inner = padded[1:-1]
    peaks = np.where((inner >= padded[:-2]) & (inner >= padded[2:]), inner, -1)
    best = int(peaks.argmax())
    return None if peaks[best] <= -1 else best - 1


def _measure_amplitudes(samples: Doubles, sampling_rate: int, pulses: Doubles) -> tuple[Doubles, Doubles]:
    """Return time and amplitude of the pulses between two alike periods."""
    periods = np.diff(pulses)
    valid = (periods >= SHORTEST_PERIOD) & (periods <= LONGEST_PERIOD)
    kept = valid[1:] & valid[:-1] & (_compare(periods) <= LARGEST_PERIOD_FACTOR)
    times, left, right = pulses[1:-1][kept], periods[:-1][kept], periods[1:][kept]
    reach = int(AMPLITUDE_SPAN * LONGEST_PERIOD * sampling_rate) + 1
    # All pulses get a row of equal length, cut for the longest period; weights of 0 take off what is too much.
    places = np.floor(times * sampling_rate).astype(np.intp)[:, None] + np.arange(-reach, reach + 1)
    distance = (places + 0.5) / sampling_rate - times[:, None]
    phase = distance / (AMPLITUDE_SPAN * np.where(distance < 0, left[:, None], right[:, None]))
    inside = (np.abs(phase) <= 1) & (places >= 0) & (places < len(samples))
    weights = np.where(inside, np.square(0.5 + 0.5 * np.cos(np.pi * phase)), 0)
    values = np.square(samples[np.clip(places, 0, len(samples) - 1)])
    amplitudes = np.sqrt((weights * values).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-30))
    return times[amplitudes > 0], amplitudes[amplitudes > 0]


def _compare(values: Doubles) -> Doubles:
    """Return the ratio of each value to its successor, the larger over the smaller."""
    return np.maximum(values[1:], values[:-1]) / np.minimum(values[1:], values[:-1])


def _measure_quotient(values: Doubles, joined: npt.NDArray[np.bool_], width: int) -> float:
    """Return the mean distance of a value from the mean of the `width` values about it, all of them joined."""
    if len(values) < width:
        return NAN
    windows = np.lib.stride_tricks.sliding_window_view(values, width)
    whole = np.lib.stride_tricks.sliding_window_view(joined, width - 1).all(axis=1)
    return _average(np.abs(windows[:, width // 2] - windows.mean(axis=1))[whole])


def _average(values: Doubles) -> float:
    return float(values.mean()) if len(values) else NAN
