"""A segment as a picture in three layers: level, steadiness of the phase over time, evenness of it over frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.int8]
Layers = NDArray[np.float32]

DYNAMIC_RANGE = 1e-6
"""Power below the segment's loudest point at which the picture goes black: -60 dB."""
LEVELS_PER_UNIT = 28
"""Pictures are whole numbers of eight bits, at this many steps for one unit of three nepers or of phase agreement."""
LAYERS = ("level", "steadiness", "evenness")


def step_phases(steadiness: Layers, evenness: Layers) -> Layers:
    """Return the layers of the phase in whole steps, shape (frames, 2, bins).

    Parameters
    ----------
    steadiness, evenness
        How well the two frames before predict the phase (cosine of its second difference over time, Bello et al.
        2004); how evenly the group delay runs over frequency (cosine of the phase's second difference over bins,
        Yegnanarayana and Murthy 1992). Shape (frames, bins).
    """
    steps = np.stack([steadiness, evenness], axis=1)
    steps *= LEVELS_PER_UNIT
    return np.rint(steps, out=steps)


def draw_layers(power: Layers, phases: Layers) -> Layers:
    """Return the layers of a picture, in whole steps.

    Parameters
    ----------
    power
        Power of short-time spectra in the analysed band, shape (frames, bins).
    phases
        From `step_phases`, shape (frames, 2, bins).

    Returns
    -------
    numpy.ndarray
        float32, shape (3, bins, frames), in steps of 1 / `LEVELS_PER_UNIT`. The first layer is the log power of each
        bin relative to its own mean over time, so that the channel's frequency response and the level drop out.
    """
    logarithm = np.log(power + np.float32(DYNAMIC_RANGE * power.max() + 1e-9))
    # A frame's three layers lie side by side in memory, as those who look at it take whole frames.
    frames = np.empty((power.shape[0], 3, power.shape[1]), dtype=np.float32)
    logarithm -= logarithm.mean(axis=0)
    logarithm *= np.float32(1 / 3)
    logarithm *= LEVELS_PER_UNIT
    np.clip(np.rint(logarithm, out=logarithm), -127, 127, out=frames[:, 0])
    frames[:, 1:] = phases
    # Nothing is predicted from frames before the segment.
    frames[:2, 1] = 0
    return frames.transpose(1, 2, 0)


def compress_picture(layers: Layers) -> Picture:
    """Return layers as small numbers, for a network."""
    return layers.astype(np.int8, order="C")
