"""Labelled recordings to training segments: channel simulation, one row per draw."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.errors import AudioError
from audio_batch.spoof.channel import apply_channel, simulate_channel
from audio_batch.spoof.manifest import Clip
from audio_batch.spoof.network import frame_picture
from audio_batch.spoof.picture import Picture
from audio_batch.spoof.representation import Spectra, describe_segment, list_names

SEGMENT_SECONDS = 4.0
TELEPHONES = ("clean", "g711_mulaw", "g711_alaw")
"""Presets of `channel.apply_channel` for the first draw of a narrowband clip."""


@dataclass(frozen=True)
class Segments:
    """Training or test segments, row by row.

    Attributes
    ----------
    signals
        16-bit samples, shape (rows, samples), padded with zeros.
    lengths
        Samples of each row that are not padding, shape (rows,).
    clip
        Number of the clip that each row comes from, shape (rows,).
    channel
        Name of the simulated channel of each row.
    """

    signals: NDArray[np.int16]
    lengths: NDArray[np.int32]
    clip: NDArray[np.int32]
    channel: NDArray[np.str_]
    sampling_rate: int


@dataclass(frozen=True)
class Dataset:
    """Described segments with their labels and groups; all arrays have one entry per row.

    Attributes
    ----------
    values
        float32, shape (rows, features), NaN where a measure does not exist.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.int8]
    speakers: NDArray[np.str_]
    families: NDArray[np.str_]
    sources: NDArray[np.str_]
    channels: NDArray[np.str_]
    clips: NDArray[np.int32]
    pairs: NDArray[np.str_]
    names: tuple[str, ...]
    sampling_rate: int

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Dataset:
        """Return some of the rows."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in ("names", "sampling_rate")}
        return replace(self, **arrays)


def collect_segments(
    clips: Sequence[Clip], *, sampling_rate: int, draws: int = 2, seed: int = 0, simulate: bool = True, workers: int = 1
) -> Segments:
    """Decode each clip, send it through `draws` random channels, and cut one segment of 4 s from each.

    At 8 kHz the first draw is a plain telephone, uncoded or G.711; all others are of `channel.simulate_channel`, the
    agent's side spoken by a human clip of another speaker among `clips`, whichever class the caller is of.

    Parameters
    ----------
    sampling_rate
        Rate of the segments: 8000 or 16000.
    simulate
        False takes the recordings as they are (only resampled): for recordings that already are telephone calls.
    seed
        Draws depend on it and on the clip's name, not on the order or on `workers`.

    Returns
    -------
    Segments
        Rows in the order of the clips; clips that cannot be decoded or are silent give none.
    """
    agents = [(clip.path, clip.speaker) for clip in clips if clip.label == 0]
    job = partial(_draw_clip, agents=agents, sampling_rate=sampling_rate, draws=draws, seed=seed, simulate=simulate)
    rows = [row for found in _map(job, list(enumerate(clips)), workers) for row in found]
    size = int(SEGMENT_SECONDS * sampling_rate)
    signals = np.zeros((len(rows), size), dtype=np.int16)
    for i, (_, signal, _) in enumerate(rows):
        signals[i, : len(signal)] = signal
    lengths = np.array([len(signal) for _, signal, _ in rows], dtype=np.int32)
    clip = np.array([number for number, _, _ in rows], dtype=np.int32)
    return Segments(signals, lengths, clip, np.array([name for *_, name in rows], dtype=str), sampling_rate)


def describe_segments(segments: Segments, clips: Sequence[Clip], *, workers: int = 1) -> Dataset:
    """Turn segments into features with the labels and groups of their clips."""
    rows = ((segments.signals[i, : segments.lengths[i]], segments.sampling_rate) for i in range(len(segments.lengths)))
    values = list(_map(_describe, rows, workers, chunk=64))
    names = list_names(segments.sampling_rate)
    chosen = [clips[i] for i in segments.clip]
    return Dataset(
        values=np.array(values, dtype=np.float32).reshape(-1, len(names)),
        labels=np.array([c.label for c in chosen], dtype=np.int8),
        speakers=np.array([c.speaker for c in chosen], dtype=str),
        families=np.array([c.family for c in chosen], dtype=str),
        sources=np.array([c.source for c in chosen], dtype=str),
        channels=segments.channel,
        clips=segments.clip,
        pairs=np.array([c.pair for c in chosen], dtype=str),
        names=names,
        sampling_rate=segments.sampling_rate,
    )


def draw_pictures(segments: Segments) -> Picture:
    """Return what a network sees of each segment, shape (rows, 3, bins, frames): 130 kB for one of 4 s at 8 kHz."""
    rows = zip(segments.signals, segments.lengths, strict=True)
    scale, rate = np.float32(1 / 32768), segments.sampling_rate
    return np.stack([frame_picture(Spectra.of(signal[:length] * scale, rate).picture) for signal, length in rows])


Row = tuple[int, NDArray[np.int16], str]


def _draw_clip(
    numbered: tuple[int, Clip],
    *,
    agents: Sequence[tuple[str, str]],
    sampling_rate: int,
    draws: int,
    seed: int,
    simulate: bool,
) -> list[Row]:
    number, clip = numbered
    try:
        signal, rate = decode(clip.path, max_seconds=60.0)
    except AudioError:
        return []
    mono = signal.mean(axis=1)
    rows = []
    for draw in range(draws):
        rng = _seed_generator([seed, zlib.crc32(Path(clip.path).name.encode()), draw], sampling_rate)
        plain = simulate and draw == 0 and sampling_rate == 8000
        drawn, channel = (
            _pass_telephone(mono, rate, rng)
            if plain
            else _pass_channel(mono, rate, sampling_rate, rng, simulate, _read_agent(agents, clip.speaker, rate, rng))
        )
        segment = _cut_loud(drawn, int(SEGMENT_SECONDS * sampling_rate), rng)
        if segment.size >= 0.3 * sampling_rate and np.abs(segment).max() > 1e-4:
            rows.append((number, np.round(np.clip(segment, -1, 1) * 32767).astype(np.int16), channel))
    return rows


def _seed_generator(seeds: list[int], sampling_rate: int) -> np.random.Generator:
    """Return a generator; for wideband one whose first draw makes `simulate_channel` choose a wideband channel."""
    for attempt in range(64):
        rng = np.random.default_rng([*seeds, attempt])
        if sampling_rate == 8000 or np.random.default_rng([*seeds, attempt]).random() >= 0.5:
            break
    return rng


def _pass_telephone(mono: NDArray[np.float32], rate: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], str]:
    """Return the signal as an undisturbed call carries it: most calls are, and they keep the finest traces."""
    name = str(rng.choice(TELEPHONES))
    return apply_channel(mono, rate, name, target_rate=8000, rng=rng), name


def _pass_channel(
    mono: NDArray[np.float32],
    rate: int,
    target_rate: int,
    rng: np.random.Generator,
    simulate: bool,
    agent: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float32], str]:
    if not simulate:
        return resample(mono, rate, target_rate), "as recorded"
    longest = int((SEGMENT_SECONDS + 4.0) * rate)
    if mono.size > longest:
        start = int(rng.integers(mono.size - longest))
        mono = mono[start : start + longest]
    signal, description = simulate_channel(mono, rate, rng=rng, target_rate=target_rate, agent=agent)
    return signal, "+".join(description["codecs"]) or "pcm"


def _read_agent(
    agents: Sequence[tuple[str, str]], speaker: str, rate: int, rng: np.random.Generator
) -> NDArray[np.float32] | None:
    """Return speech of a human other than the speaker; None where nobody is found, or nobody is there."""
    # Its own generator: what is drawn here must not move the channel that `_seed_generator` chose.
    path, other = agents[int(rng.spawn(1)[0].integers(len(agents)))] if agents else ("", speaker)
    if other == speaker:
        return None
    try:
        signal, found = decode(path, max_seconds=60.0)
    except AudioError:
        return None
    return resample(np.ascontiguousarray(signal[:, 0]), found, rate)


def _cut_loud(signal: NDArray[np.float32], size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the loudest of three random stretches, so that pauses seldom become training rows."""
    if signal.size <= size:
        return signal
    starts = rng.integers(signal.size - size, size=3)
    return max((signal[s : s + size] for s in starts), key=lambda part: float(np.sum(part**2)))


def _describe(row: tuple[NDArray[np.int16], int]) -> list[float]:
    signal, sampling_rate = row
    return list(describe_segment(signal.astype(np.float32) / 32768, sampling_rate).values())


def _map(function: Callable[[Any], Any], jobs: Iterable[Any], workers: int, chunk: int = 8) -> Iterator[Any]:
    if workers <= 1:
        yield from map(function, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(function, jobs, chunksize=chunk)
