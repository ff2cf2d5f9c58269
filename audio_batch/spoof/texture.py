"""Statistics of a segment's picture in 22 narrow bands: how bins waver, and how they move with their neighbours.

Vocoders draw speech frame by frame from a coarser description; what they fill in has another grain than a voice has.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.picture import LAYERS, LEVELS_PER_UNIT, Layers, Picture
from audio_batch.spoof.transforms import average

Array = NDArray[np.float32]

BANDS = 22
LAGS = (1, 2, 4)
PAUSE_RANGE = 0.7 * float(np.log(10))
"""Frames this far below the loud ones are pauses: 21 dB, in the picture's units of three nepers."""
FEWEST_FRAMES = 20

_LAYER_WORDS = {"level": "level", "steadiness": "phase from frame to frame", "evenness": "phase from bin to bin"}
_MEASURE_WORDS = {
    "mean": "regularity of the {}",
    "spread": "how much the {} varies",
    "skewness": "lopsidedness of the {}",
    "kurtosis": "extremes of the {}",
    "memory": "how long the {} stays as it is",
    "kinship": "how alike neighbouring bins are in the {}",
    "loud": "regularity of the {} where the band is loud",
    "quiet": "regularity of the {} where the band is quiet",
    "coupling": "how {} go together",
    "flicker": "jumps of the level from frame to frame",
    "raggedness": "jumps of the level from bin to bin",
}


def measure_texture(picture: Picture | Layers) -> dict[str, Array]:
    """Return the statistics of a picture of shape (3, bins, frames), 40 stems of a value for each band."""
    layers = _drop_pauses(picture)
    mean = average(layers, axis=2)
    centred = layers - mean[:, :, None]
    spread = np.sqrt(_mean_product(centred, centred))
    loud = centred[0] > 0.5 * spread[0][:, None]
    parts = [
        mean[1:],
        *_measure_shape(centred, spread),
        *_measure_neighbours(centred, spread * spread + np.float32(1e-4)),
        *_measure_by_level(layers, loud),
        _measure_jumps(layers[0]),
    ]
    return dict(zip(_list_stems(), _average(np.concatenate(parts)), strict=True))


def word_texture(stem: str) -> str | None:
    """Return what a statistic measures, in words; None for names of something else."""
    _, measure, layer, *_ = [*stem.split("_"), "", "", ""]
    text = _MEASURE_WORDS.get(measure.rstrip("124"))
    what = " and ".join(_LAYER_WORDS.get(part, "level") for part in layer.split("-"))
    return f"{text.format(what)} in a narrow band" if text else None


def _drop_pauses(picture: Picture | Layers) -> Array:
    """Return layers in units of three nepers or of phase agreement, of the frames that are no pauses."""
    unit = np.float32(1 / LEVELS_PER_UNIT)
    # Whole steps: their sum is exact in any order, as a digit of it tells whether a frame counts.
    level = picture[0].sum(axis=0, dtype=np.float32) * (unit / np.float32(picture.shape[1]))
    # A high quantile and not the maximum: one click must not turn all of the speech into pauses.
    keep = level > np.quantile(level, 0.95) - PAUSE_RANGE
    frames = picture.transpose(2, 0, 1)
    chosen = frames[keep] if np.count_nonzero(keep) >= FEWEST_FRAMES else frames
    return np.asarray((chosen * unit).transpose(1, 2, 0))


@cache
def _list_stems() -> tuple[str, ...]:
    """Return the names of the statistics in the order in which they are measured."""
    lagged = [f"{measure}{lag}" for lag in LAGS for measure in ("memory", "kinship")]
    every = ["spread", "skewness", "kurtosis", *lagged, "coupling"]
    named = [(what, layer) for what in every for layer in LAYERS]
    phases = [(what, layer) for what in ("mean", "loud", "quiet") for layer in LAYERS[1:]]
    pairs = [*phases[:2], *named, *phases[2:]]
    jumps = [f"{jump}_{what}" for what in ("mean", "spread") for jump in ("flicker", "raggedness")]
    return tuple(f"texture_{name}" for name in [*("_".join(pair) for pair in pairs), *jumps])


def _measure_shape(centred: Array, spread: Array) -> tuple[Array, Array, Array]:
    """Return spread, skewness and kurtosis, each of shape (layers, bins)."""
    squared, variance = centred * centred, spread * spread + np.float32(1e-4)
    # The small terms matter in silent bins only, where a ratio of two tiny numbers would be noise.
    skewness = _mean_product(squared, centred) / (spread**3 + np.float32(1e-3))
    return spread, skewness, _mean_product(squared, squared) / variance**2


def _measure_neighbours(centred: Array, variance: Array) -> list[Array]:
    """Correlations of each bin with itself some frames later, with bins some places higher, and between layers."""
    found: list[Array] = []
    for lag in LAGS:
        memory = _mean_product(centred[:, :, lag:], centred[:, :, :-lag], centred.shape[2]) / variance
        # The highest bins have no neighbour above.
        kinship = np.zeros_like(memory)
        product = _mean_product(centred[:, lag:], centred[:, :-lag])
        kinship[:, :-lag] = product / np.sqrt(variance[:, lag:] * variance[:, :-lag])
        found += [memory, kinship]
    pairs = [
        _mean_product(centred[a], centred[b]) / np.sqrt(variance[a] * variance[b]) for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    return [*found, np.stack(pairs)]


def _measure_by_level(layers: Array, loud: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the means of the phase layers where a bin is loud, and where it is quiet, each of shape (2, bins)."""
    weights = loud.astype(np.float32)
    # The added ones keep a bin without loud, or without quiet, frames from dividing by 0.
    frames, louds = layers.shape[2], weights.sum(axis=1) + 1
    sums, inside = layers[1:].sum(axis=2), np.einsum("kft,ft->kf", layers[1:], weights)
    return inside / louds, (sums - inside) / (frames - louds + 2)


def _measure_jumps(level: Array) -> Array:
    """Return means of the jumps over time and over bins, and their spreads, shape (4, bins)."""
    over_time, over_bins = level[:, 1:] - level[:, :-1], level[1:] - level[:-1]
    # The highest bin has no neighbour above.
    jumps = np.zeros((4, len(level)), dtype=np.float32)
    jumps[0], jumps[2] = _average_sizes(over_time)
    jumps[1, :-1], jumps[3, :-1] = _average_sizes(over_bins)
    return jumps


def _average_sizes(steps: Array) -> tuple[Array, Array]:
    """Return mean and spread of the sizes of steps over the frames, each of shape (bins,)."""
    squares = _mean_product(steps, steps)
    mean = average(np.abs(steps, out=steps), axis=1)
    return mean, np.sqrt(np.maximum(squares - mean * mean, 0))


def _mean_product(a: Array, b: Array, frames: int | None = None) -> Array:
    return np.asarray(np.einsum("...ft,...ft->...f", a, b) / np.float32(frames or a.shape[-1]), dtype=np.float32)


def _average(values: Array) -> Array:
    """Return means over the bins of each band, shape (..., bins) to (..., bands)."""
    first, counts = _split(values.shape[-1])
    return np.asarray(np.add.reduceat(values, first, axis=-1) / counts, dtype=np.float32)


@cache
def _split(bins: int) -> tuple[NDArray[np.intp], Array]:
    """Return first bin and width of each band."""
    edges = np.linspace(0, bins, BANDS + 1).astype(np.intp)
    return edges[:-1], np.diff(edges).astype(np.float32)
