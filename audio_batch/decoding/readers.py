"""What every reader of samples has in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt


class Reader(Protocol):
    """A sequential reader of samples: over libsndfile, PyAV, or samples that were kept."""

    format: str
    codec: str
    sampling_rate: int
    channels: int
    frames: int | None

    def read(self, frames: int) -> npt.NDArray[np.float32]:
        """Return the next frames, shape (frames, channels); fewer at the end, none after it."""

    def close(self) -> None:
        """Close the file."""
