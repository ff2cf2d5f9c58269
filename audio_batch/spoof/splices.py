"""Sentences that were inserted into a call: stretches unlike anything else in it, and more synthetic than the rest.

Every segment is compared with the call's own, never with a limit for all calls: what a voice, a room and a line do to
statistics and scores is the same on both sides of the comparison and drops out. A segment is described by the
scorer's statistics and by its line (long-term spectrum, floor of the noise, level: `measure_line`). Of these come

- its novelty: the distance to the nearest segments elsewhere in the call, in a space in which segments of one voice
  lie close together (whitened by how one voice varies within a call); two parties who take turns each have their
  like, so a change of the speaker is no novelty,
- its synthetic side: a linear score, and that of the scorer, each less the call's median.

The evidence of a stretch is the sum over its segments less a price for each; the stretches of the highest sums are
named, if they exceed what hardly a call of that length reaches without a splice. How it was made and measured:
``research/splices``, ``docs/splices.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from audio_batch.spoof.arrays import open_arrays
from audio_batch.spoof.metrics import log_odds
from audio_batch.spoof.transforms import average
from audio_batch.verdict import SegmentScore, Splice

Array = NDArray[np.float32]
Doubles = NDArray[np.float64]

SHIPPED = Path(__file__).parent / "models" / "splices-2.npz"
BANDS, FRAME, HOP = 24, 256, 128
QUANTILES = (0.02, 0.1, 0.5, 0.9)
"""Of the level of each band over time; the lowest is the floor of the noise."""
RATE = 8000
NEIGHBOURS = 3
MOST_COMPARED = 900
"""Segments that each is compared with: half an hour's; a longer call is represented by as many, evenly spread."""
FEWEST_SEGMENTS = 10
"""Below them, there is no rest of the call to compare with."""
LONGEST = 4
"""Segments of one splice: some ten seconds. What lasts longer is a party of the call, not a sentence in it."""
EDGE_SECONDS = 1.0
"""By which a segment that is named reaches beyond the splice on average, on either side."""


@dataclass(frozen=True)
class SpliceModel:
    """What tells splices from the rest of a call.

    Attributes
    ----------
    names
        Statistics of the scorer that it was made for; other ones are left out of the comparison.
    centre, scale
        Of statistics and line, shape (features,).
    space
        Projection into the space of the novelty, shape (features, dimensions).
    side
        Weights of the synthetic side, shape (features,).
    weights
        Of novelty, synthetic side and the scorer's log-odds, each relative to the call.
    most
        How much of each of them counts. Novelty is bounded: hold music and a bystander's sentence are as novel as can
        be, and not a bit synthetic, so it may not be enough by itself.
    price
        Evidence that each segment of a stretch costs.
    limit
        Evidence that a stretch needs in a call of a hundred segments, and how much more in one of e times as many.
    """

    names: tuple[str, ...]
    centre: Array
    scale: Array
    space: Array
    side: Array
    weights: Doubles
    most: Doubles
    price: float
    limit: tuple[float, float]


@cache
def load_splice_model(path: Path = SHIPPED) -> SpliceModel:
    """Read a model of splices.

    Raises
    ------
    ModelError
        The file is missing or damaged.
    """
    with open_arrays(path, "model of splices", unbounded=("most",)) as stored:
        arrays = {name: stored[name] for name in stored.names}
        low, growth = (float(part) for part in arrays["limit"])
        parts = ("centre", "scale", "space", "side")
        floats: dict[str, Any] = {name: arrays[name].astype(np.float32) for name in parts}
        names = tuple(str(name) for name in arrays["names"])
        bounds: dict[str, Any] = {name: arrays[name] for name in ("weights", "most")}
        return SpliceModel(names, **floats, **bounds, price=float(arrays["price"]), limit=(low, growth))


def measure_line(signal: NDArray[np.floating]) -> Array:
    """Describe the line that a segment came over: spectrum, floor, level.

    Parameters
    ----------
    signal
        At 8 kHz, shape (samples,), at least 0.3 s.

    Returns
    -------
    numpy.ndarray
        Mean log power in 24 bands over the loud half of the frames, four quantiles of each band over all frames, all
        relative to the segment's level, and that level (natural logarithm), shape (121,).
    """
    samples = np.asarray(signal, np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    spectrum = rfft(frames * _window(), axis=1)
    bands = np.log((spectrum.real**2 + spectrum.imag**2) @ _bands() + np.float32(1e-7))
    total = np.log(float(np.dot(samples, samples)) / len(samples) + 1e-9)
    loudness = average(bands, axis=1)
    above = (loudness >= np.median(loudness)).astype(np.float32)
    loud = above @ bands / above.sum()
    ordered = np.sort(bands, axis=0)
    low = ordered[[round(share * (len(ordered) - 1)) for share in QUANTILES]]
    return np.concatenate([loud - total, (low - total).ravel(), [total]]).astype(np.float32)


@cache
def _window() -> Array:
    return np.hanning(FRAME + 1)[:-1].astype(np.float32)


@cache
def _bands() -> Array:
    """Triangles of equal width from 0 to 4 kHz, shape (bins, bands)."""
    places = np.linspace(0, BANDS + 1, FRAME // 2 + 1)[:, None]
    return np.asarray(np.maximum(0, 1 - np.abs(places - np.arange(1, BANDS + 1))), dtype=np.float32)


@dataclass
class SpliceEvidence:
    """What is kept of the segments of a recording: a few numbers each, however long it is."""

    model: SpliceModel
    places: list[Array]

    @classmethod
    def of(cls, model: SpliceModel | None = None) -> SpliceEvidence:
        """Begin a recording."""
        return cls(model or load_splice_model(), [])

    def add(self, values: Array, signals: Sequence[NDArray[np.floating]], sampling_rate: int) -> None:
        """Take in segments: their statistics, shape (segments, features), and their samples.

        Those of a model that does not look at the statistics (a network that was plugged in) are passed over.
        """
        if sampling_rate != RATE or values.shape[1] != len(self.model.names):
            return
        lines = np.stack([measure_line(signal) for signal in signals])
        self.places.append(project(self.model, np.concatenate([values, lines], axis=1)))

    def find(self, segments: Sequence[SegmentScore], rows: Sequence[int]) -> tuple[Splice, ...]:
        """Return the splices of one channel, whose segments are `segments`, at `rows` of those that were added."""
        if len(rows) < FEWEST_SEGMENTS or not self.places:
            return ()
        return find_splices(self.model, segments, np.concatenate(self.places)[list(rows)])


def project(model: SpliceModel, features: Array) -> Array:
    """Return places in the space of the novelty and, last, the synthetic side, shape (segments, dimensions + 1)."""
    relative = np.nan_to_num(np.clip((features - model.centre) / model.scale, -5, 5))
    return np.column_stack([relative @ model.space, relative @ model.side]).astype(np.float32)


def weigh_segments(model: SpliceModel, segments: Sequence[SegmentScore], places: Array) -> Doubles:
    """Return novelty, synthetic side and log-odds of each segment, less the call's median, shape (segments, 3).

    None exceeds `SpliceModel.most`.
    """
    spans = np.array([(segment.start, segment.end) for segment in segments])
    odds = log_odds(np.clip([segment.score for segment in segments], 1e-4, 1 - 1e-4))
    found = np.column_stack([measure_novelty(places[:, :-1], spans), places[:, -1], odds])
    return np.asarray(np.minimum(found - np.median(found, axis=0), model.most), dtype=np.float64)


def measure_novelty(places: Array, spans: Doubles) -> Doubles:
    """Return the mean distance of each segment to the three nearest that do not overlap it, shape (segments,)."""
    chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), MOST_COMPARED)).astype(int))
    others, novelty = places[chosen], np.empty(len(places))
    squares = np.square(others).sum(axis=1)
    for index, place in enumerate(places):
        apart = (spans[chosen, 0] >= spans[index, 1]) | (spans[chosen, 1] <= spans[index, 0])
        distance = np.maximum(squares - 2 * others @ place + place @ place, 0)[apart]
        novelty[index] = np.sqrt(np.sort(distance)[:NEIGHBOURS]).mean() if distance.size else 0.0
    return novelty


def find_splices(model: SpliceModel, segments: Sequence[SegmentScore], places: Array) -> tuple[Splice, ...]:
    """Return the stretches of one channel that look inserted, by time.

    Parameters
    ----------
    segments
        The channel's segments, in order of time.
    places
        What `project` gives of each, shape (segments, dimensions + 1).
    """
    parts = weigh_segments(model, segments, places)
    limit = model.limit[0] + model.limit[1] * float(np.log(len(segments) / 100))
    return tuple(
        _describe(segments[first : last + 1], parts[first : last + 1].mean(axis=0) * model.weights, evidence / limit)
        for first, last, evidence in list_stretches(parts @ model.weights - model.price)
        if evidence >= limit
    )


def list_stretches(evidence: Doubles) -> list[tuple[int, int, float]]:
    """Return first and last segment and evidence of the best stretches that do not touch, in order of time."""
    sums = np.concatenate([[0.0], np.cumsum(evidence)])
    every = [
        (float(sums[last + 1] - sums[first]), first, last)
        for first in range(len(evidence))
        for last in range(first, min(first + LONGEST, len(evidence)))
    ]
    taken = np.zeros(len(evidence) + 2, dtype=bool)
    found = []
    for total, first, last in sorted(every, key=lambda one: (-one[0], one[1], one[2])):
        if total <= 0:
            break
        # With a neighbour on either side: what touches a stretch belongs to it.
        if not taken[first : last + 3].any():
            taken[first : last + 3] = True
            found.append((first, last, total))
    return sorted(found)


def _describe(segments: Sequence[SegmentScore], parts: Doubles, strength: float) -> Splice:
    first, last = segments[0], segments[-1]
    reasons = ("unlike the rest of the call in voice and line", "more like synthetic speech than the rest")
    kinds = [parts[0], parts[1] + parts[2]]
    why = " and ".join(reason for reason, part in zip(reasons, kinds, strict=True) if part > 0.3 * max(kinds))
    start, end = first.start + EDGE_SECONDS, max(last.end - EDGE_SECONDS, first.start + 2 * EDGE_SECONDS)
    return Splice(first.channel, first.role, round(start, 2), round(end, 2), round(strength, 3), why)
