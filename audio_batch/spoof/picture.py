"""A segment as a picture in three layers: level, steadiness of the phase over time, evenness of it over frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.int8]

DYNAMIC_RANGE = 1e-6
"""Power below the segment's loudest point at which the picture goes black: -60 dB."""
LEVELS_PER_UNIT = 28
"""Pictures are whole numbers of eight bits, at this many steps for one unit of three nepers or of phase agreement."""
LAYERS = ("level", "steadiness", "evenness")


def draw_picture(spectrum: NDArray[np.complex64]) -> Picture:
    """Return the picture of short-time spectra.

    Parameters
    ----------
    spectrum
        The analysed band, shape (frames, bins).

    Returns
    -------
    numpy.ndarray
        Shape (3, bins, frames), in steps of 1 / `LEVELS_PER_UNIT`: the log power of each bin relative to its own mean
        over time, so that the channel's frequency response and the level drop out; how well the two frames before
        predict the phase (cosine of its second difference over time, Bello et al. 2004); how evenly the group delay
        runs over frequency (cosine of the phase's second difference over bins, Yegnanarayana and Murthy 1992).
    """
    power = spectrum.real**2 + spectrum.imag**2
    logarithm = np.log(power + np.float32(DYNAMIC_RANGE * power.max() + 1e-9))
    unit = spectrum / (np.abs(spectrum) + np.float32(1e-10))
    turn, delay = unit[1:] * unit[:-1].conj(), unit[:, 1:] * unit[:, :-1].conj()
    layers = np.zeros((3, *power.shape), dtype=np.float32)
    layers[0] = (logarithm - logarithm.mean(axis=0)) / 3
    layers[1, 2:] = (turn[1:] * turn[:-1].conj()).real
    layers[2, :, 1:-1] = (delay[:, 1:] * delay[:, :-1].conj()).real
    steps = np.clip(np.rint(layers * LEVELS_PER_UNIT), -127, 127).astype(np.int8)
    return np.ascontiguousarray(steps.transpose(0, 2, 1))
