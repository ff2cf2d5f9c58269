"""The first layers of Google's speech embedding (Apache-2.0) as a frozen ear, in numpy.

They were trained on hundreds of thousands of videos to tell words apart (Lin et al. 2020, "Training keyword spotters
with limited and synthesized speech data"). What they hear of time and frequency in a few hundredths of a second is
what vocoders get wrong; the later layers hear words and are left out. `research.speech_embedding` took the weights out
of the network that openWakeWord carries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
        hidden = self.draw_mels(signal).T[None]
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            hidden = _rectify(_convolve(hidden, kernel, bias))
        return _correlate(_keep_largest(hidden))

    def draw_mels(self, signal: Array) -> Array:
        """Return the log mel spectrum that the network looks at, shape (frames, 32)."""
        scaled = signal * np.float32(PEAK / max(float(np.max(np.abs(signal))), 1e-6))
        if len(scaled) < SHORTEST:
            scaled = np.tile(scaled, -(-SHORTEST // len(scaled)))[:SHORTEST]
        frames = np.lib.stride_tricks.sliding_window_view(scaled, FFT)[::HOP] * self.window
        spectrum = np.fft.rfft(frames, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        decibel = 10 * np.log10(np.maximum(power @ self.mel, 1e-10))
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


def _convolve(hidden: Array, kernel: Array, bias: Array) -> Array:
    """Convolve bands and frames of channels, shape (channels, bands, frames); bands are padded, frames are not.

    Frames come last, so that a shift is a view, and nothing is gathered before it is multiplied.
    """
    frames, bands = kernel.shape[:2]
    if len(hidden) == 1:
        hidden, kernel = _spread(hidden[0], frames, bands), kernel.reshape(1, 1, frames * bands, -1)
        frames = bands = 1
    padded = np.pad(hidden, ((0, 0), (bands // 2, bands // 2), (0, 0))) if bands > 1 else hidden
    width, long = hidden.shape[1:]
    flat = np.ascontiguousarray(padded).reshape(len(padded), -1)
    found = np.zeros((len(bias), width * long), np.float32)
    # The last frames of a band look into the next one; they are cut off below.
    valid = found[:, : width * long - frames + 1]
    valid[:] = bias[:, None]
    for frame, band in np.ndindex(frames, bands):
        start = band * long + frame
        valid += kernel[frame, band].T @ flat[:, start : start + valid.shape[1]]
    return found.reshape(len(bias), width, long)[:, :, : long - frames + 1]


def _spread(picture: Array, frames: int, bands: int) -> Array:
    """Make channels of the neighbours of each point: products of a single channel would be all overhead."""
    padded = np.pad(picture, ((bands // 2, bands // 2), (0, 0)))
    looks = np.lib.stride_tricks.sliding_window_view(padded, (bands, frames)).transpose(3, 2, 0, 1)
    return np.ascontiguousarray(looks).reshape(frames * bands, *looks.shape[2:])


def _rectify(hidden: Array) -> Array:
    return np.asarray(np.maximum(hidden, np.maximum(hidden * np.float32(SLOPE), np.float32(LEAST))))


def _correlate(largest: Array) -> Array:
    """Return how much pairs of channels move together, each taken from its mean and by its spread in each band."""
    moves = largest - largest.mean(axis=2, keepdims=True)
    scaled = (moves / (largest.std(axis=2, keepdims=True) + np.float32(STEADY))).reshape(len(moves), -1)
    return np.asarray((scaled @ scaled.T / np.float32(scaled.shape[1]))[np.triu_indices(len(moves))])


def _keep_largest(hidden: Array) -> Array:
    whole = hidden[:, :, : hidden.shape[2] // POOL * POOL]
    over_bands = np.maximum(whole[:, ::POOL], whole[:, 1::POOL])
    return np.asarray(np.maximum(over_bands[:, :, ::POOL], over_bands[:, :, 1::POOL]))


def read_hearing(folder: Path, name: str) -> Hearing:
    """Read what `Hearing.save` wrote.

    Raises
    ------
    ModelError
        A file is missing or damaged.
    """
    return Hearing(load_ear(folder / f"{name}_ear.npz"), load_kernel(folder / f"{name}_hearing.npz"))


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
