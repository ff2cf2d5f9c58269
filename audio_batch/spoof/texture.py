"""Statistics of a segment's picture in 22 narrow bands: how bins waver, and how they move with their neighbours.

Vocoders draw speech frame by frame from a coarser description; what they fill in has another grain than a voice has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.picture import LAYERS, LEVELS_PER_UNIT, Layers, Picture

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
    layers = _drop_pauses(picture * np.float32(1 / LEVELS_PER_UNIT))
    mean = layers.mean(axis=2)
    centred = layers - mean[:, :, None]
    spread = np.sqrt(_mean_product(centred, centred))
    named = dict(zip(_names("mean", LAYERS[1:]), _average(mean[1:]), strict=True))
    named |= _measure_shape(centred, spread)
    named |= _measure_neighbours(centred, spread * spread + np.float32(1e-4))
    named |= _measure_by_level(layers, centred[0] > 0.5 * spread[0][:, None])
    return named | _measure_jumps(layers[0])


def word_texture(stem: str) -> str | None:
    """Return what a statistic measures, in words; None for names of something else."""
    _, measure, layer, *_ = [*stem.split("_"), "", "", ""]
    text = _MEASURE_WORDS.get(measure.rstrip("124"))
    what = " and ".join(_LAYER_WORDS.get(part, "level") for part in layer.split("-"))
    return f"{text.format(what)} in a narrow band" if text else None


def _drop_pauses(layers: Array) -> Array:
    level = layers[0].mean(axis=0)
    # A high quantile and not the maximum: one click must not turn all of the speech into pauses.
    keep = level > np.quantile(level, 0.95) - PAUSE_RANGE
    return layers[:, :, keep] if keep.sum() >= FEWEST_FRAMES else layers


def _measure_shape(centred: Array, spread: Array) -> dict[str, Array]:
    squared, variance = centred * centred, spread * spread + np.float32(1e-4)
    # The small terms matter in silent bins only, where a ratio of two tiny numbers would be noise.
    skewness = _mean_product(squared, centred) / (spread**3 + np.float32(1e-3))
    kurtosis = _mean_product(squared, squared) / variance**2
    shapes = {"spread": spread, "skewness": skewness, "kurtosis": kurtosis}
    return {n: row for what, a in shapes.items() for n, row in zip(_names(what), _average(a), strict=True)}


def _measure_neighbours(centred: Array, variance: Array) -> dict[str, Array]:
    """Correlations of each bin with itself some frames later, with bins some places higher, and between layers."""
    named: dict[str, Array] = {}
    for lag in LAGS:
        memory = _mean_product(centred[:, :, lag:], centred[:, :, :-lag], centred.shape[2]) / variance
        kinship = _mean_product(centred[:, lag:], centred[:, :-lag]) / np.sqrt(variance[:, lag:] * variance[:, :-lag])
        # The highest bins have no neighbour above; padding keeps all arrays alike for the average over bands.
        kinship = np.pad(kinship, ((0, 0), (0, lag)))
        named |= dict(zip(_names(f"memory{lag}"), _average(memory), strict=True))
        named |= dict(zip(_names(f"kinship{lag}"), _average(kinship), strict=True))
    pairs = [
        _mean_product(centred[a], centred[b]) / np.sqrt(variance[a] * variance[b]) for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    return named | dict(zip(_names("coupling"), _average(np.stack(pairs)), strict=True))


def _measure_by_level(layers: Array, loud: NDArray[np.bool_]) -> dict[str, Array]:
    weights = loud.astype(np.float32)
    # The added ones keep a bin without loud, or without quiet, frames from dividing by 0.
    frames, louds = layers.shape[2], weights.sum(axis=1) + 1
    sums, inside = layers[1:].sum(axis=2), np.einsum("kft,ft->kf", layers[1:], weights)
    named = dict(zip(_names("loud", LAYERS[1:]), _average(inside / louds), strict=True))
    quiet = (sums - inside) / (frames - louds + 2)
    return named | dict(zip(_names("quiet", LAYERS[1:]), _average(quiet), strict=True))


def _measure_jumps(level: Array) -> dict[str, Array]:
    over_time = np.abs(np.diff(level, axis=1))
    over_bins = np.pad(np.abs(np.diff(level, axis=0)), ((0, 1), (0, 0)))
    jumps = {"flicker_mean": over_time, "raggedness_mean": over_bins}
    named = {f"texture_{name}": _average(jump.mean(axis=1)) for name, jump in jumps.items()}
    return named | {f"texture_{name[:-4]}spread": _average(jump.std(axis=1)) for name, jump in jumps.items()}


def _names(measure: str, layers: tuple[str, ...] = LAYERS) -> list[str]:
    return [f"texture_{measure}_{layer}" for layer in layers]


def _mean_product(a: Array, b: Array, frames: int | None = None) -> Array:
    return np.asarray(np.einsum("...ft,...ft->...f", a, b) / np.float32(frames or a.shape[-1]), dtype=np.float32)


def _average(values: Array) -> Array:
    """Return means over the bins of each band, shape (..., bins) to (..., bands)."""
    edges = np.linspace(0, values.shape[-1], BANDS + 1).astype(int)
    return np.asarray(np.add.reduceat(values, edges[:-1], axis=-1) / np.diff(edges), dtype=np.float32)
