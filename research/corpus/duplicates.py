"""The same recording under other names: demonstration pages share utterances of a few corpora.

Two clips are taken for the same utterance where the shapes of their levels over time agree in four bands. That holds
for copies at another level, sampling rate or coding, and for vocoded copies of one utterance, which belong on one side
of a split as well.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.corpus.evaluation_only import name_evaluation_only

POINTS = 96
BANDS_HZ = ((80, 500), (500, 1000), (1000, 2000), (2000, 3800))
HOP_SECONDS, FRAME_SECONDS = 0.02, 0.04
SAME_SHAPE, SAME_LENGTH = 0.93, 0.04


@dataclass(frozen=True)
class Fingerprint:
    """Shape of one clip: `POINTS` levels in each band over its sounding part, of zero mean and unit length."""

    shape: NDArray[np.float32]
    seconds: float

    def is_as_long_as(self, other: Fingerprint) -> bool:
        """Tell whether the sounding parts are equally long within 4 %."""
        return abs(self.seconds / other.seconds - 1.0) < SAME_LENGTH

    def to_text(self) -> str:
        """Return it as one cell of a table."""
        levels = np.round(np.clip(self.shape * 200.0, -127, 127)).astype(np.int8)
        return f"{self.seconds:.3f}:{base64.b85encode(levels.tobytes()).decode('ascii')}"

    @classmethod
    def from_text(cls, text: str) -> Fingerprint:
        """Read what `to_text` wrote."""
        seconds, _, levels = text.partition(":")
        shape = np.frombuffer(base64.b85decode(levels), np.int8).astype(np.float32)
        return cls(shape / max(float(np.linalg.norm(shape)), 1e-9), float(seconds))


def fingerprint(pcm: NDArray[np.int16], sampling_rate: int) -> Fingerprint:
    """Measure the shape of a clip.

    Parameters
    ----------
    pcm
        Mono PCM16, shape (samples,), at least one frame of 40 ms.
    sampling_rate
        Hz.
    """
    levels = _measure_bands(pcm.astype(np.float32) / 32768.0, sampling_rate)
    whole = levels.max(axis=1)
    active = np.flatnonzero(whole > whole.max() - 40.0)
    part = levels[active[0] : active[-1] + 1]
    part = np.maximum(part, part.max(axis=0) - 50.0)
    grid = np.linspace(0, len(part) - 1, POINTS)
    shape = np.stack([np.interp(grid, np.arange(len(part)), band) for band in part.T])
    shape = shape - shape.mean(axis=1, keepdims=True)
    shape = shape / np.maximum(np.linalg.norm(shape, axis=1, keepdims=True), 1e-9)
    return Fingerprint((shape / np.sqrt(len(BANDS_HZ))).astype(np.float32).ravel(), len(part) * HOP_SECONDS)


def _measure_bands(signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float64]:
    size, hop = round(FRAME_SECONDS * sampling_rate), round(HOP_SECONDS * sampling_rate)
    padded = np.pad(signal, (0, max(0, size - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    hertz = np.fft.rfftfreq(size, 1 / sampling_rate)
    bands = [power[:, (hertz >= low) & (hertz < high)].sum(axis=1) for low, high in BANDS_HZ]
    return 10.0 * np.log10(np.stack(bands, axis=1) + 1e-9)


def keep_apart(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Leave out of the training side whatever the evaluation side holds, and repetitions within a side.

    Parameters
    ----------
    rows
        Clips with ``sha256``, ``class``, ``speaker``, ``split`` and ``print``.

    Returns
    -------
    (kept, dropped)
        The rows that stay, in their order, and how many were left out for which reason. The evaluation side wins: a
        training clip goes if its samples, its utterance or (for humans) its speaker are on the evaluation side.
    """
    reasons = [""] * len(rows)
    held = [index for index, row in enumerate(rows) if row["split"] == "evaluation"]
    speakers = name_evaluation_only(rows).speakers
    _mark_repetitions(rows, reasons)
    for index in _find_same(rows, held):
        reasons[index] = reasons[index] or "utterance is on the evaluation side"
    for index, row in enumerate(rows):
        if row["split"] == "train" and row["class"] == "human" and row["speaker"] in speakers:
            reasons[index] = reasons[index] or "speaker is on the evaluation side"
    kept = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    return kept, Counter(reason for reason in reasons if reason)


def find_originals(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return for every clip of one source the digest of the human clip that it is a copy of, or an empty text.

    Parameters
    ----------
    rows
        Clips with ``sha256``, ``class`` and ``print``.
    """
    prints = [Fingerprint.from_text(row["print"]) for row in rows]
    humans = [index for index, row in enumerate(rows) if row["class"] == "human"]
    return [
        "" if row["class"] == "human" else _find_original(prints[i], [(rows[h]["sha256"], prints[h]) for h in humans])
        for i, row in enumerate(rows)
    ]


def _find_original(copy: Fingerprint, humans: Sequence[tuple[str, Fingerprint]]) -> str:
    near = [(float(copy.shape @ human.shape), digest) for digest, human in humans if copy.is_as_long_as(human)]
    likeness, digest = max(near, default=(0.0, ""))
    return digest if likeness > SAME_SHAPE else ""


def _mark_repetitions(rows: Sequence[dict[str, Any]], reasons: list[str]) -> None:
    first: dict[str, int] = {}
    for index in sorted(range(len(rows)), key=lambda i: rows[i]["split"] != "evaluation"):
        if first.setdefault(rows[index]["sha256"], index) != index:
            reasons[index] = "same samples"


def _find_same(rows: Sequence[dict[str, Any]], held: Sequence[int]) -> list[int]:
    """Return training rows that sound like the same utterance as a row of the evaluation side."""
    others = [index for index, row in enumerate(rows) if row["split"] != "evaluation"]
    if not held or not others:
        return []
    prints = [Fingerprint.from_text(row["print"]) for row in rows]
    kept_shapes = np.stack([prints[i].shape for i in held])
    kept_seconds = np.array([prints[i].seconds for i in held])
    found = []
    for index in others:
        close = np.abs(kept_seconds / prints[index].seconds - 1.0) < SAME_LENGTH
        if close.any() and float((kept_shapes[close] @ prints[index].shape).max()) > SAME_SHAPE:
            found.append(index)
    return found
