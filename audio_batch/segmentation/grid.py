"""The fixed frame grid that speech decisions are made on, whatever pieces a recording is read in.

Frame ``i`` stands for the 10 ms from ``i * hop`` on. Decisions are made for blocks of a minute of frames; each block is
computed from its own samples plus 6 s on either side, more than the reach of any detector. The blocks lie on the grid
of the recording, not on the pieces that it was read in, so the pieces cannot change a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float32]
Frames = npt.NDArray[np.bool_]
Detector = Callable[[Signal, int], Frames]

FRAME_SECONDS = 0.01
BLOCK_FRAMES = 6000
CONTEXT_FRAMES = 600


def count_hop(sampling_rate: int) -> int:
    """Return the samples between two frames."""
    return max(1, round(sampling_rate * FRAME_SECONDS))


@dataclass(frozen=True)
class Block:
    """A run of frames to decide, and the samples that it takes.

    Attributes
    ----------
    first, last
        Frames to decide, half-open.
    start, stop
        Samples that the detector sees, half-open; ``stop`` is None when they reach to the end of the recording.
    """

    first: int
    last: int
    start: int
    stop: int

    @classmethod
    def number(cls, index: int, hop: int) -> Block:
        """Return the ``index``-th block of the grid."""
        first, last = index * BLOCK_FRAMES, (index + 1) * BLOCK_FRAMES
        return cls(first, last, max(0, first - CONTEXT_FRAMES) * hop, (last + CONTEXT_FRAMES) * hop)

    def decide(self, samples: Signal, sampling_rate: int, detect: Detector) -> Frames:
        """Return the decisions of this block from ``samples[start:stop]`` of one channel; NaN and Inf count as 0."""
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0, posinf=0, neginf=0)
        skipped = self.first - self.start // count_hop(sampling_rate)
        return _detect_once(samples, sampling_rate, detect)[skipped : skipped + self.last - self.first]


@dataclass(frozen=True)
class _Detected:
    """What a detector said of some samples."""

    samples: Signal
    sampling_rate: int
    detect: Detector
    frames: Frames


_KEPT_BYTES = 16 << 20
"""Of samples whose decisions are kept: five minutes of one channel at 8 kHz, which more than one step asks about."""


class _Kept:
    """Decisions by a look at the samples that they are about; who looks alike is compared."""

    def __init__(self) -> None:
        self._known: dict[bytes, list[_Detected]] = {}
        self._bytes = 0

    def find(self, samples: Signal) -> list[_Detected]:
        return self._known.setdefault(samples[:: len(samples) // 64 + 1].tobytes(), [])

    def add(self, detected: _Detected) -> None:
        if self._bytes + detected.samples.nbytes <= _KEPT_BYTES:
            self._bytes += detected.samples.nbytes
            self.find(detected.samples).append(detected)


_DETECTED: ContextVar[_Kept | None] = ContextVar("detected", default=None)


@contextmanager
def keep_decisions() -> Iterator[None]:
    """Ask a detector only once about the same samples inside the ``with`` block: each step of an analysis asks."""
    token = _DETECTED.set(_Kept())
    try:
        yield
    finally:
        _DETECTED.reset(token)


def _detect_once(samples: Signal, sampling_rate: int, detect: Detector) -> Frames:
    kept = _DETECTED.get()
    if kept is None:
        return detect(samples, sampling_rate)
    for known in kept.find(samples):
        alike = known.detect is detect and known.sampling_rate == sampling_rate
        if alike and np.array_equal(known.samples, samples):
            return known.frames
    frames = detect(samples, sampling_rate)
    kept.add(_Detected(samples.copy(), sampling_rate, detect, frames))
    return frames
