"""Another sampling rate for a signal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from audio_batch.errors import AudioUsageError


def resample(signal: npt.NDArray[np.float32], from_rate: int, to_rate: int) -> npt.NDArray[np.float32]:
    """Change the sampling rate with the SoX resampler, high quality (linear phase, 20 bit).

    Parameters
    ----------
    signal
        float32, shape (samples,) or (samples, channels).
    from_rate, to_rate
        Sampling rates in Hz.

    Returns
    -------
    ndarray
        float32, with the same number of axes; the signal itself if the rates are equal.
    """
    if min(from_rate, to_rate) <= 0:
        raise AudioUsageError(
            f"cannot resample from {from_rate!r} to {to_rate!r} Hz: both rates must be positive",
            hint="Give sampling rates in Hz, such as 8000.",
        )
    if from_rate == to_rate:
        return signal
    return np.asarray(soxr.resample(signal, from_rate, to_rate, quality="HQ"), dtype=np.float32)
