"""The first layers of Google's speech embedding (Apache-2.0) as a frozen ear, in numpy.

They were trained on hundreds of thousands of videos to tell words apart (Lin et al. 2020, "Training keyword spotters
with limited and synthesized speech data"). What they hear of time and frequency in a few hundredths of a second is
what vocoders get wrong; the later layers hear words and are left out. `research.speech_embedding` took the weights out
of the network that openWakeWord carries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from audio_batch.errors import ModelError
from audio_batch.spoof.arrays import open_arrays
from audio_batch.spoof.kernel import Kernel, load_kernel

Array = NDArray[np.float32]

RATE, FFT, HOP, MELS = 8000, 256, 80, 32
PEAK = 20_000.0
"""Level that segments are brought to, on the scale of 16 bits that the network was trained on."""
SLOPE, LEAST = 0.2, -0.4
"""Of the network's rectifier."""
SHORTEST = RATE
"""Samples; shorter segments are repeated."""
LAYERS, POOL = 3, 2
"""Convolutions of the first block, and of how many frames and bands each the largest is kept at its end."""
STEADY = 0.05
"""Added to a spread before it divides: a channel that hardly moves is not blown up to noise."""


@dataclass(frozen=True)
class Ear:
    """The weights.

    Attributes
    ----------
    window
        Shape (256,).
    mel
        From the power spectrum to 32 bands between 60 and 3,800 Hz, shape (129, 32).
    kernels
        Of each convolution, shape (frames, bands, channels before, channels after).
    biases
        Shape (channels after,).
    """

    window: Array = field(repr=False)
    mel: Array = field(repr=False)
    kernels: tuple[Array, ...] = field(repr=False)
    biases: tuple[Array, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """How many values `describe` returns: one for each pair of channels, and one for each with itself."""
        channels = self.biases[-1].size
        return channels * (channels + 1) // 2

    def describe(self, signal: Array) -> Array:
        """Return how the channels that leave the block move together.

        Their means and spreads are left out: beside the other classifiers they tell the classes apart less well.

        Parameters
        ----------
        signal
            Mono at 8 kHz, shape (samples,), any level.

        Returns
        -------
        numpy.ndarray
            float32, shape (300,): correlations of 24 channels over bands and frames, the upper triangle row by row.
        """
        return _correlate(_rectify(self._listen(self.draw_mels(signal).T)))

    def _listen(self, mels: Array) -> Array:
        """Return the largest of each two bands and frames before the last rectifier, shape (16, 24, half the frames).

        The rectifier only rises: the largest stays the largest, and three of four values need not be rectified.
        """
        spread, over_bands, over_time = self._products
        looks = _look_around(mels)
        bands, _, frames = looks.shape
        near = np.zeros((bands + 2, len(spread), frames), np.float32)
        near[1:-1] = _rectify(np.matmul(spread, looks))
        # A band and its two neighbours lie one after the other: one product for all three.
        heard = _rectify(np.matmul(over_bands, _view_three(near)))
        even, odd = heard[:, :, : frames // 2], heard[:, :, frames // 2 :]
        row = np.concatenate([even[:, :, :-1], odd[:, :, :-1], even[:, :, 1:], odd[:, :, 1:]], axis=1)
        wide = over_time.shape[1]
        pair = np.maximum(np.matmul(over_time, row[:, :wide]), np.matmul(over_time, row[:, -wide:]))
        return np.asarray(np.maximum(pair[::POOL], pair[1::POOL]) + self.biases[2][:, None])

    @cached_property
    def _products(self) -> tuple[Array, Array, Array]:
        """The kernels as matrices, shape (channels after, what they look at).

        A channel that is always 1 carries the biases of the first two: they cost no pass of their own.
        """
        (first, middle, last), (low, high, _) = self.kernels, self.biases
        after = first.shape[3]
        spread = np.zeros((after + 1, first[..., 0].size + 1), np.float32)
        spread[:-1, :-1], spread[:-1, -1], spread[-1, -1] = first.reshape(-1, after).T, low, 1
        over_bands = np.zeros((3, after + 1, after), np.float32)
        over_bands[:, :-1], over_bands[1, -1] = middle[0], high
        over_bands, over_time = over_bands.reshape(-1, after), last[:, 0].reshape(-1, after)
        return spread, np.ascontiguousarray(over_bands.T), np.ascontiguousarray(over_time.T)

    def draw_mels(self, signal: Array) -> Array:
        """Return the log mel spectrum that the network looks at, shape (frames, 32)."""
        scaled = signal * np.float32(PEAK / max(float(np.max(np.abs(signal))), 1e-6))
        if len(scaled) < SHORTEST:
            scaled = np.tile(scaled, -(-SHORTEST // len(scaled)))[:SHORTEST]
        frames = np.lib.stride_tricks.sliding_window_view(scaled, FFT)[::HOP] * self.window
        spectrum = rfft(frames, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        decibel = 10 * np.log10(np.maximum(power @ self.mel, np.float32(1e-10)))
        return np.asarray(np.maximum(decibel, decibel.max() - 80) / 10 + 2, dtype=np.float32)


@dataclass(frozen=True)
class Hearing:
    """An ear and the kernel machine over what it hears."""

    ear: Ear
    kernel: Kernel = field(repr=False)

    def score(self, signals: Iterable[Array]) -> NDArray[np.float64]:
        """Return how synthetic segments at 8 kHz sound, about -1 … 1."""
        return self.kernel.score(np.stack([round_off(self.ear.describe(signal)) for signal in signals]))

    def save(self, folder: Path, name: str) -> None:
        """Write both into the folder of a model, no pickle."""
        arrays: dict[str, Any] = {"window": self.ear.window, "mel": self.ear.mel}
        for number, (kernel, bias) in enumerate(zip(self.ear.kernels, self.ear.biases, strict=True)):
            arrays |= {f"kernel{number}": kernel.astype(np.float16), f"bias{number}": bias}
        np.savez_compressed(folder / f"{name}_ear.npz", **arrays)
        self.kernel.save(folder / f"{name}_hearing.npz")


def round_off(heard: Array) -> Array:
    """Return a description in the sixteen bits that machines are fitted on; the rounding is part of it."""
    return np.asarray(heard, dtype=np.float16).astype(np.float32)


def _look_around(mels: Array) -> Array:
    """Make channels of the nine neighbours of each point: products of a single channel would be all overhead.

    Parameters
    ----------
    mels
        Shape (bands, frames).

    Returns
    -------
    numpy.ndarray
        Shape (bands, 10, frames), bands padded, frames not; the last channel is 1. The even frames come first, then
        as many odd ones: what is done to pairs of frames is then done to stretches of memory.
    """
    padded = np.pad(mels, ((1, 1), (0, 0)))
    count = (mels.shape[1] - 2) // POOL
    looks = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))[:, : POOL * count]
    found = np.ones((len(mels), 10, POOL, count), np.float32)
    halves = looks.reshape(len(mels), count, POOL, 3, 3).transpose(0, 4, 3, 2, 1)
    found[:, :9].reshape(len(mels), 3, 3, POOL, count)[...] = halves
    return found.reshape(len(mels), 10, -1)


def _view_three(near: Array) -> Array:
    """View each band with those below and above it, shape (bands + 2, channels, frames) as (bands, channels x 3, …)."""
    bands, channels, frames = near.shape
    return np.lib.stride_tricks.as_strided(near, (bands - 2, 3 * channels, frames), near.strides, writeable=False)


def _rectify(hidden: Array) -> Array:
    slowed = hidden * np.float32(SLOPE)
    # Clipping does what a maximum does, in a third of its time.
    np.clip(slowed, np.float32(LEAST), np.inf, out=slowed)
    return np.asarray(np.maximum(hidden, slowed, out=slowed))


def _correlate(largest: Array) -> Array:
    """Return how much pairs of channels move together, each taken from its mean and by its spread in each band."""
    moves = largest - largest.mean(axis=2, keepdims=True)
    spreads = np.sqrt(np.square(moves).mean(axis=2, keepdims=True))
    moves /= spreads + np.float32(STEADY)
    together = np.matmul(moves, moves.transpose(0, 2, 1)).sum(axis=0)
    return np.asarray(together[_list_pairs(len(together))] / np.float32(len(moves) * moves.shape[2]))


@cache
def _list_pairs(count: int) -> tuple[NDArray[np.intp], ...]:
    return np.triu_indices(count)


def read_hearing(folder: Path, name: str) -> Hearing:
    """Read what `Hearing.save` wrote.

    Raises
    ------
    ModelError
        A file is missing or damaged, or they are not of one model.
    """
    ear, kernel = load_ear(folder / f"{name}_ear.npz"), load_kernel(folder / f"{name}_hearing.npz")
    heard, known = ear.size, kernel.centre.size
    if heard != known:
        problem = f"The ear in {str(folder)!r} gives {heard} values, and its kernel machine knows {known}"
        raise ModelError(problem, hint="Train the model again.")
    return Hearing(ear, kernel)


def load_ear(path: Path) -> Ear:
    """Read the weights.

    Raises
    ------
    ModelError
        The file is missing or damaged.
    """
    with open_arrays(path, "ear") as stored:
        kernels, biases = (
            tuple(stored[f"{name}{layer}"].astype(np.float32) for layer in range(LAYERS)) for name in ("kernel", "bias")
        )
        ear = Ear(stored["window"].astype(np.float32), stored["mel"].astype(np.float32), kernels, biases)
        ear.describe(np.zeros(SHORTEST, np.float32))
        return ear
