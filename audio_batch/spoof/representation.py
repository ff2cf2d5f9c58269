"""What the scorer looks at: statistics of one stretch of speech, in numpy only, made for speed.

A segment of a few seconds becomes one vector. Everything is measured over the band and the frames that a telephone
leaves intact, relative to the segment's own mean spectrum and level, because level, equaliser and noise floor tell
the channel and not the voice. The groups are families of their own files' kind (`audio_batch.features` holds the
full, documented set); here they share two short-time spectra per segment, and overlapping segments share their frames
(`audio_batch.spoof.frames`).

Sources: linear cepstra and their motion (Sahidullah et al. 2015), band correlations and modulation spectra (McDermott
and Simoncelli 2011), phase prediction (Bello et al. 2004), group delay (Yegnanarayana and Murthy 1992), LPC residual
(Makhoul 1975), band-wise periodicity (Yumoto et al. 1982, per band).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import chain, groupby, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from audio_batch.spoof.frames import FILTERS, Frames
from audio_batch.spoof.periods import VOICED_PERIODICITY
from audio_batch.spoof.picture import Picture, compress_picture, draw_layers
from audio_batch.spoof.texture import measure_texture
from audio_batch.spoof.transforms import (
    EPS,
    FRAME_SECONDS,
    HOP_SECONDS,
    PITCH_FRAME_SECONDS,
    average,
    count_frames,
    measure_moments,
    measure_power,
)

Array = NDArray[np.float32]
Parts = dict[str, NDArray[np.floating]]
"""Statistics by the stem of their names; more than one value of a stem are counted from 1."""

REPRESENTATION_VERSION = "2"
SPEECH_RANGE_DB = 35.0  # frames this far below the loud ones are pauses, where the channel's noise rules
CEPSTRA, GROUPS = 20, 10
MODULATION_HZ = (1.0, 2.5, 5.0, 10.0, 18.0, 30.0, 50.0)
LONGEST_RUN = 12
"""Segments whose frames are measured together: more would leave the processor's cache."""


def describe_segment(signal: NDArray[np.floating], sampling_rate: int) -> dict[str, float]:
    """Return the named statistics of one mono segment.

    Parameters
    ----------
    signal
        Shape (samples,), at least 0.3 s; any level.
    sampling_rate
        8000 (narrowband set) or 16000 (wideband set).

    Returns
    -------
    dict
        Feature name to value, always the same names in the same order for one rate; NaN where a measure does not
        exist (no voiced frame, say).
    """
    return describe_spectra(Spectra.of(signal, sampling_rate))


def describe_spectra(spectra: Spectra) -> dict[str, float]:
    """Return the same from spectra that are there already."""
    values: dict[str, float] = {}
    for stem, found in chain.from_iterable(measure([spectra])[0].items() for measure in _MEASURES):
        flat = np.ravel(found).tolist()
        values |= zip(_number(stem, len(flat)), flat, strict=True)
    return values


def measure_values(spectra: Sequence[Spectra]) -> Array:
    """Return the values alone, shape (segments, features), in the order of `list_names`.

    What is measured is measured of all segments of a stretch before the next: code and data stay in the processor's
    caches.
    """
    rows = []
    for _, run in groupby(spectra, key=lambda one: id(one.frames)):
        together = list(run)
        measured = zip(*(measure(together) for measure in _MEASURES), strict=True)
        rows += [np.concatenate([v for part in parts for v in part.values()], axis=None) for parts in measured]
    return np.stack(rows).astype(np.float32)


@cache
def list_names(sampling_rate: int) -> tuple[str, ...]:
    """Return the names that `describe_segment` gives at a rate, in order."""
    noise = np.random.default_rng(0).standard_normal(sampling_rate).astype(np.float32)
    return tuple(describe_segment(noise, sampling_rate))


def _number(stem: str, count: int) -> tuple[str, ...]:
    return (stem,) if stem in _SINGLE else tuple(f"{stem}_{i}" for i in range(1, count + 1))


@dataclass(frozen=True)
class Spectra:
    """The short-time spectra of one segment: its share of the frames of a stretch.

    Attributes
    ----------
    frames
        Of the stretch that the segment lies in.
    samples, short, long
        Where it lies among the samples, the frames and the long frames of the stretch.
    """

    frames: Frames
    samples: slice
    short: slice
    long: slice

    @classmethod
    def of(cls, signal: NDArray[np.floating], sampling_rate: int) -> Spectra:
        """Make the spectra of a signal, padded with silence to 0.3 s if it is shorter."""
        mono = np.asarray(signal, dtype=np.float32)
        if mono.size < 0.3 * sampling_rate:
            mono = np.pad(mono, (0, int(0.3 * sampling_rate) - mono.size + 1))
        return cls._cut(Frames(mono, sampling_rate), 0, mono.size)

    @classmethod
    def over(cls, signals: Sequence[NDArray[np.floating]], sampling_rate: int) -> Iterator[Spectra]:
        """Make the spectra of segments in order; those that overlap by half with the one before share their frames."""
        for run in _find_runs(signals, int(HOP_SECONDS * sampling_rate)):
            if len(run) == 1:
                yield cls.of(run[0], sampling_rate)
                continue
            size, hop = len(run[0]), len(run[0]) // 2
            frames = Frames(np.concatenate([run[0], *(signal[size - hop :] for signal in run[1:])]), sampling_rate)
            yield from (cls._cut(frames, index * hop, size) for index in range(len(run)))

    @classmethod
    def _cut(cls, frames: Frames, start: int, size: int) -> Spectra:
        first = start // frames.hop
        counts = (count_frames(size, frames.sampling_rate, length) for length in (FRAME_SECONDS, PITCH_FRAME_SECONDS))
        return cls(frames, slice(start, start + size), *(slice(first, first + count) for count in counts))

    @cached_property
    def mean(self) -> float:
        """Mean of the segment's samples, which is none of the voice; that of the stretch is 0."""
        return float(self.frames.signal[self.samples].mean())

    @cached_property
    def speech(self) -> NDArray[np.intp]:
        """Which frames are speech rather than pause: their numbers within the segment."""
        level = self.frames.measure_level(self.short, self.mean)
        return np.flatnonzero(level > _quantiles(level, (0.95,))[0] - SPEECH_RANGE_DB)

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """The same within the stretch."""
        return np.asarray(self.speech + self.short.start)

    @cached_property
    def layers(self) -> Array:
        """Level and phase of the band in three layers, in whole steps, shape (3, bins, frames)."""
        return draw_layers(self.frames.inside[self.short], self.frames.steps[self.short])

    @property
    def picture(self) -> Picture:
        """The same as small numbers, for a network."""
        return compress_picture(self.layers)

    @cached_property
    def log_bands(self) -> Array:
        """Log energies of 40 linear filters in the speech frames, mean removed, shape (speech frames, 40)."""
        energies = self.frames.energies[self.short]
        log_energies = np.log(energies[self.speech] + (1e-6 * energies.max() + EPS))
        return np.asarray(log_energies - average(log_energies), dtype=np.float32)

    @cached_property
    def groups(self) -> Array:
        """`log_bands` averaged to 10 neighbouring bands, shape (speech frames, 10)."""
        return np.asarray(self.log_bands.reshape(-1, GROUPS, FILTERS // GROUPS).mean(axis=2), dtype=np.float32)


def _find_runs(signals: Sequence[NDArray[np.floating]], step: int) -> list[list[NDArray[np.floating]]]:
    """Return the signals in order, those together of which each begins with the second half of the one before."""
    runs: list[list[NDArray[np.floating]]] = []
    for signal in signals:
        last = runs[-1] if runs else []
        size, hop = signal.size, signal.size // 2
        joins = last and len(last) < LONGEST_RUN and last[-1].size == size == 2 * hop and hop % step == 0
        if joins and np.array_equal(last[-1][hop:], signal[:hop]):
            last.append(signal)
        else:
            runs.append([signal])
    return runs


@cache
def _cosines(size: int, count: int) -> Array:
    n = np.arange(size)[:, None]
    cosines = np.sqrt(2 / size) * np.cos(np.pi * (n + 0.5) * np.arange(count) / size)
    return np.asarray(cosines, dtype=np.float32)


def _quantiles(values: NDArray[np.floating], at: tuple[float, ...]) -> NDArray[np.floating]:
    """Return quantiles down the rows as `numpy.quantile` does, in a third of its time; shape (quantiles, ...)."""
    ordered = np.sort(values, axis=0)
    places = np.array(at) * (len(ordered) - 1)
    below = places.astype(np.intp)
    above = np.minimum(below + 1, len(ordered) - 1)
    share = (places - below).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(ordered[below] + share * (ordered[above] - ordered[below]))


def _measure_cepstra(spectra: Spectra) -> Parts:
    """Spread, tails and speed of the linear cepstra: vocoders smooth the motion of the envelope."""
    cepstra: Array = spectra.log_bands @ _cosines(FILTERS, CEPSTRA)
    velocity: Array = np.asarray((cepstra[2:] - cepstra[:-2]) / 2, dtype=np.float32)
    acceleration = cepstra[2:] - 2 * cepstra[1:-1] + cepstra[:-2]
    (spread, skewness, kurtosis), (speed, _, speed_kurtosis) = measure_moments(cepstra), measure_moments(velocity)
    return {
        "cepstrum_spread": np.log(spread),
        "cepstrum_skewness": skewness,
        "cepstrum_kurtosis": np.log(kurtosis + 4),
        "cepstrum_speed": np.log(speed / spread),
        "cepstrum_speed_kurtosis": np.log(speed_kurtosis + 4),
        "cepstrum_roughness": np.log(np.sqrt(acceleration.var(axis=0) + 1e-12) / speed),
    }


def _measure_bands(spectra: Spectra) -> Parts:
    """Dynamic range, asymmetry and smoothness over time of ten bands, and how bands move together."""
    bands = spectra.groups
    low, middle, high = _quantiles(bands, (0.05, 0.5, 0.95))
    motion = bands[1:] - bands[:-1]
    _, skewness, kurtosis = measure_moments(bands)
    upper = _list_pairs(GROUPS)
    return {
        "band_range_up": high - middle,
        "band_range_down": middle - low,
        "band_skewness": skewness,
        "band_kurtosis": kurtosis,
        "band_memory": _lagged(bands, (1, 2, 4, 8)),
        "band_correlation": _correlate(bands)[upper],
        "band_motion_correlation": _correlate(motion)[upper],
    }


@cache
def _list_pairs(count: int) -> tuple[NDArray[np.intp], ...]:
    return np.triu_indices(count, 1)


def _lagged(bands: Array, lags: tuple[int, ...]) -> Array:
    variance = (bands * bands).mean(axis=0) + EPS
    missing = np.full(bands.shape[1], np.nan, dtype=bands.dtype)
    return np.stack(
        [(bands[lag:] * bands[:-lag]).mean(axis=0) / variance if lag < len(bands) else missing for lag in lags]
    )


def _correlate(bands: Array) -> Array:
    centred = bands - bands.mean(axis=0)
    covariance = centred.T @ centred
    scale = np.sqrt(np.diag(covariance)) + EPS
    return np.asarray(covariance / np.outer(scale, scale), dtype=np.float32)


def _measure_modulation(spectra: Spectra) -> Parts:
    """Share of each band's movement at syllable rate, phoneme rate and faster."""
    bands = spectra.groups[:, ::2]
    window = _hann(len(bands))[:, None]
    power = measure_power(rfft((bands - bands.mean(axis=0)) * window, n=max(256, len(bands)), axis=0))
    places = _place_rhythms(len(power))
    shares = np.stack([power[first:last].sum(axis=0) for first, last in pairwise(places)])
    return {"modulation": np.log(shares / (power.sum(axis=0) + EPS) + 1e-5)}


@lru_cache(maxsize=512)
def _hann(size: int) -> Array:
    return np.hanning(size).astype(np.float32)


@lru_cache(maxsize=512)
def _place_rhythms(bins: int) -> tuple[int, ...]:
    """Return the bins of a modulation spectrum at which the ranges of rhythms begin and end."""
    return tuple(np.searchsorted(np.linspace(0, 0.5 / HOP_SECONDS, bins), MODULATION_HZ).tolist())


def _measure_flux(spectra: Spectra) -> Parts:
    """How much the spectrum changes from frame to frame."""
    amplitude = spectra.frames.amplitude[spectra.rows]
    flux = 1 - np.einsum("fb,fb->f", amplitude[1:], amplitude[:-1])
    return {"flux": np.array([flux.mean(), flux.std(), *_quantiles(flux, (0.1, 0.5, 0.9))])}


def _measure_flatness(run: Sequence[Spectra]) -> list[Parts]:
    """Flatness per sub-band."""
    means, spreads = _summarize_rows(run[0].frames.flatness, [s.rows for s in run])
    return [{"flatness_mean": m, "flatness_spread": s} for m, s in zip(means, spreads, strict=True)]


def _summarize_rows(values: Array, chosen: Sequence[NDArray[np.intp]]) -> tuple[Array, Array]:
    """Return means and spreads over some rows of a stretch for each segment, shape (segments, columns); NaN for none.

    As two products: the rows of each segment are not gathered.
    """
    weights = np.zeros((len(chosen), len(values)), np.float32)
    for row, places in zip(weights, chosen, strict=True):
        if len(places):
            row[places] = np.float32(1 / len(places))
        else:
            row[:] = np.nan
    # About the mean of the stretch, so that small spreads are not the difference of large numbers.
    centre = average(values)
    away = values - centre
    means = weights @ away
    return means + centre, np.sqrt(np.maximum(weights @ np.square(away) - np.square(means), 0))


def _measure_pitches(run: Sequence[Spectra]) -> list[Parts]:
    """Pitch movement and its small irregularities, and the strength of the period in four sub-bands."""
    return [_describe_pitch(*track) for track in run[0].frames.track_pitches([(s.long, s.mean) for s in run])]


def _describe_pitch(period: Array, strength: Array, bands: Array) -> Parts:
    voiced = strength > VOICED_PERIODICITY
    steady = voiced[1:] & voiced[:-1] & (np.abs(np.log(period[1:] / period[:-1])) < 0.15)
    step = np.diff(np.log(period))[steady]
    turn = np.diff(step) if step.size > 2 else np.full(1, np.nan)
    step = step if step.size else np.full(1, np.nan)
    pitch = np.log(period[voiced]) if voiced.any() else np.full(1, np.nan)
    quarters = (0.25, 0.5, 0.75)
    quantiles = np.concatenate([_quantiles(np.abs(step), quarters), _quantiles(np.abs(turn), quarters)])
    strengths = bands[voiced].astype(np.float64)
    return {
        "voiced_share": np.array([voiced.mean()]),
        "pitch_range": np.subtract(*_quantiles(pitch, (0.9, 0.1))),
        "pitch_step": np.log(quantiles + 1e-5),
        "band_periodicity": _summarize(strengths).T if len(strengths) else np.full((4, 4), np.nan),
    }


def _summarize(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return mean, spread, and 10 % and 90 % quantile down the rows, shape (4, ...)."""
    return np.stack([values.mean(axis=0), values.std(axis=0), *_quantiles(values, (0.1, 0.9))])


def _measure_phases(run: Sequence[Spectra]) -> list[Parts]:
    """How well the last two frames predict the phase, and the spread of the group delay, per sub-band."""
    prediction, delay, bend = run[0].frames.phase
    # The first two frames of a segment have none before them.
    predicted = _summarize_rows(prediction, [s.rows[s.speech >= 2] for s in run])
    rows = [s.rows for s in run]
    parts = [predicted, _summarize_rows(delay, rows), _summarize_rows(bend, rows)]
    stems = ("phase_prediction", "group_delay", "delay_bend")
    pairs = [np.stack(part, axis=1) for part in parts]
    return [dict(zip(stems, found, strict=True)) for found in zip(*pairs, strict=True)]


def _measure_residuals(run: Sequence[Spectra]) -> list[Parts]:
    """Shape of the linear-prediction residual (the glottal source) and motion of the reflection coefficients."""
    return [_describe_residual(*of) for of in run[0].frames.measure_residuals([(s.rows, s.mean) for s in run])]


def _describe_residual(shapes: Array, reflection: Array) -> Parts:
    skewness, kurtosis, peak, gain = _summarize(shapes).T
    spread = reflection.std(axis=0)
    return {
        "residual_skewness": skewness,
        "residual_kurtosis": kurtosis,
        "residual_peak": peak,
        "prediction_gain": gain,
        "reflection_spread": spread,
        "reflection_speed": np.diff(reflection, axis=0).std(axis=0) / (spread + 1e-6),
    }


def _measure_waveform(spectra: Spectra) -> Parts:
    """Asymmetry and tails of the samples and of their differences."""
    signal = spectra.frames.signal[spectra.samples]
    (_, skewness, kurtosis), (_, slope_skewness, slope_kurtosis) = map(measure_moments, (signal, np.diff(signal)))
    # The sign depends on how a microphone is wired.
    shape = np.abs([skewness, slope_skewness])
    return {"wave_asymmetry": shape, "wave_tails": np.log(np.array([kurtosis, slope_kurtosis]) + 4)}


def _one_by_one(measure: Callable[[Spectra], Parts]) -> Callable[[Sequence[Spectra]], list[Parts]]:
    return lambda run: [measure(spectra) for spectra in run]


_SINGLE = frozenset({"voiced_share", "pitch_range"})
_MEASURES: tuple[Callable[[Sequence[Spectra]], list[Parts]], ...] = (
    _one_by_one(_measure_cepstra),
    _one_by_one(_measure_bands),
    _one_by_one(_measure_modulation),
    _measure_flatness,
    _one_by_one(_measure_flux),
    _measure_pitches,
    _measure_phases,
    _measure_residuals,
    _one_by_one(_measure_waveform),
    _one_by_one(lambda spectra: measure_texture(spectra.layers)),
)
"""Each measures the segments of one stretch."""
