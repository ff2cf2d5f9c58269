"""The seam of the scorer: what every model of voices is asked, and what it answers.

The rest of the engine (segments, calls, reasons, routing) knows nothing else of a model: the shipped one, one with an
encoder, and one that a user plugs in (``docs/voice-models.md``) all look like this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.calibration import Calibration
from audio_batch.verdict import Reason

SEGMENT_SECONDS, HOP_SECONDS = 4.0, 2.0
"""Length of a segment and distance between two starts, unless a model asks for others."""


@dataclass(frozen=True)
class Outputs:
    """What a model says of some segments, row by row.

    Attributes
    ----------
    values
        What reasons are given from, float32, shape (rows, features); no columns where a model gives no reasons.
    parts
        Log-odds of its classifiers before calibration, shape (rows, classifiers).
    log_odds
        Log-likelihood ratios of synthetic (natural logarithm), shape (rows,): calibrated if the scorer is.
    outside
        How unlike its training each segment is: 0 not at all, above 1 so much that the score counts for nothing.
    """

    values: NDArray[np.float32]
    parts: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    outside: NDArray[np.float64]


@dataclass(frozen=True)
class Refit:
    """What labelled recordings say of a scorer's log-odds: they should be ``slope * log_odds + offset``.

    Attributes
    ----------
    spread
        Standard deviation of the new log-odds of segments inside one human recording; None scales the old one.
    humans, synthetics
        Recordings that it was measured on.
    """

    slope: float
    offset: float
    spread: float | None = None
    humans: int = 0
    synthetics: int = 0

    def apply(self, old: Calibration) -> Calibration:
        """Return one calibration for both steps: the old one, then this one."""
        return Calibration(tuple(s * self.slope for s in old.slopes), old.offset * self.slope + self.offset)


class SegmentScorer(Protocol):
    """Scores the segments of one channel class."""

    @property
    def name(self) -> str:
        """Channel class that it is for: ``narrowband`` or ``wideband``."""

    @property
    def sampling_rate(self) -> int:
        """Rate that segments are brought to before they come here, in Hz."""

    @property
    def spread(self) -> float:
        """Standard deviation of the log-odds of segments inside one human recording."""

    @property
    def calibrated(self) -> bool:
        """Whether its log-odds are log-likelihood ratios; a recording that one that is not scores gets no label."""

    def score(self, signals: Sequence[NDArray[np.float32]]) -> Outputs:
        """Score segments at `sampling_rate`, full scale +-1, each of shape (samples,); none depends on another."""

    def explain(self, values: NDArray[np.float32], parts: NDArray[np.float64]) -> tuple[Reason, ...]:
        """Return the strongest reasons of some rows of `Outputs`, strongest first; none if it gives none."""

    def recalibrate(self, refit: Refit) -> Self:
        """Return the same scorer, calibrated, with other log-odds."""

    def store(self, folder: Path) -> dict[str, Any]:
        """Write its files into the folder of a model, and return what ``model.json`` says of it, with its ``kind``."""
