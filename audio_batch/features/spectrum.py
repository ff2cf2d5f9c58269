"""The one short-time Fourier transform that every spectral family reads.

Frames are 30 ms long, 15 ms apart, Hamming-windowed, and transformed with at least 1024 points: the analysis of the
ASVspoof 2021 LFCC baseline, so that its cepstra and all other families share one transform. Frames lie wholly inside
the signal: frame i covers samples [i·hop, i·hop + window). Nothing is padded, so nothing is invented at the edges.
"""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from audio_batch.errors import AudioUsageError

Floats = npt.NDArray[np.float32]
Complexes = npt.NDArray[np.complex64]
Mask = npt.NDArray[np.bool_]

WINDOW_SECONDS = 0.030
HOP_SECONDS = 0.015
MINIMUM_FFT = 1024
ACTIVE_RANGE_DB = 40.0
SILENCE_POWER = 1e-10
"""Mean square of a frame (-100 dBFS) below which it holds no signal at all: 16-bit dither lies at -98 dBFS or above."""
LOWEST_RATE, HIGHEST_RATE = 4000, 192_000


class Spectrum:
    """The frames of one signal and their transforms, each made at first use and then shared.

    Parameters
    ----------
    signal
        Mono signal, shape (samples,), full scale ±1; other float or integer types are converted to float32.
    sampling_rate
        Hertz, 4,000 to 192,000.

    Raises
    ------
    AudioUsageError
        If the signal is not one-dimensional, holds NaN or Inf, or the rate is out of range.

    Notes
    -----
    Takes about 3 MB of memory for each second of signal: cut long recordings first.
    """

    def __init__(self, signal: npt.ArrayLike, sampling_rate: int) -> None:
        self.signal: Floats = check_signal(signal, sampling_rate)
        self.sampling_rate = int(sampling_rate)
        self.window_length = round(WINDOW_SECONDS * sampling_rate)
        self.hop = round(HOP_SECONDS * sampling_rate)
        self.fft_length = max(MINIMUM_FFT, _next_power_of_two(2 * self.window_length))
        self.frequencies: Floats = np.fft.rfftfreq(self.fft_length, 1 / sampling_rate).astype(np.float32)

    @cached_property
    def frames(self) -> Floats:
        """The signal cut into frames, shape (frames, window), a view without copy."""
        return frame_signal(self.signal, self.window_length, self.hop)

    @cached_property
    def window(self) -> Floats:
        """The Hamming window, shape (window,)."""
        return np.hamming(self.window_length).astype(np.float32)

    @cached_property
    def transform(self) -> Complexes:
        """Short-time Fourier transform, shape (frames, bins); phase is counted from the start of each frame."""
        return self.transform_with(self.window)

    @cached_property
    def magnitude(self) -> Floats:
        """Absolute value of `transform`, shape (frames, bins)."""
        return np.abs(self.transform)

    @cached_property
    def power(self) -> Floats:
        """Square of `magnitude`, shape (frames, bins)."""
        return np.square(self.magnitude)

    @cached_property
    def decibels(self) -> Floats:
        """`power` in dB, floored 100 dB under the loudest cell of the signal, shape (frames, bins)."""
        top = self.power.max(initial=1e-20)
        levels: Floats = 10 * np.log10(np.maximum(self.power, top * np.float32(1e-10)))
        return levels

    @cached_property
    def mean_square(self) -> Floats:
        """Mean square of each frame before windowing, shape (frames,)."""
        energy: Floats = np.einsum("ij,ij->i", self.frames, self.frames)
        return energy / np.float32(self.window_length)

    @cached_property
    def active(self) -> Mask:
        """Frames that count: within 40 dB of the 95th percentile of the frame levels, and not silent; (frames,).

        None where samples are so far beyond full scale that float32 overflows.
        """
        if not len(self.mean_square) or not np.isfinite(self.mean_square).all():
            return np.zeros(len(self.mean_square), dtype=bool)
        # A high percentile, not the maximum: one click must not make the rest of the recording inactive.
        loud = np.percentile(self.mean_square, 95) * 10 ** (-ACTIVE_RANGE_DB / 10)
        return np.asarray(self.mean_square > max(float(loud), SILENCE_POWER))

    def transform_with(self, window: Floats) -> Complexes:
        """Transform the same frames with another window, shape (window,); returns shape (frames, bins)."""
        return np.asarray(rfft(self.frames * window, self.fft_length), dtype=np.complex64)

    def find_bins(self, low: float, high: float) -> slice:
        """Return the bins with low <= frequency < high, in Hz; the last band takes the Nyquist bin too."""
        # Bands are half-open, so without this the bin at Nyquist would belong to none.
        edge = high if high < self.sampling_rate / 2 else np.inf
        first, last = np.searchsorted(self.frequencies, [low, edge])
        return slice(int(first), int(last))


def check_signal(signal: npt.ArrayLike, sampling_rate: int) -> Floats:
    """Return the signal as contiguous float32 after checking shape, rate and finiteness.

    Raises
    ------
    AudioUsageError
        Naming what is wrong and what is allowed.
    """
    samples = np.ascontiguousarray(signal, dtype=np.float32)
    if samples.ndim != 1:
        raise AudioUsageError(
            f"signal has shape {samples.shape}; one channel, shape (samples,), is expected",
            hint="choose a channel: signal[:, 0]. Never mix the two parties of a call.",
            shape=list(samples.shape),
        )
    if not LOWEST_RATE <= sampling_rate <= HIGHEST_RATE:
        raise AudioUsageError(
            f"sampling_rate is {sampling_rate}; {LOWEST_RATE} to {HIGHEST_RATE} Hz are allowed",
            hint="pass the rate in Hz, such as 8000; resample recordings outside this range.",
            sampling_rate=sampling_rate,
        )
    if not np.isfinite(samples).all():
        bad = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise AudioUsageError(
            f"signal holds NaN or Inf, first at sample {bad}; finite values are expected",
            hint="repair the recording first; a gap is better cut out than filled.",
            sample=bad,
        )
    return samples


def frame_signal(signal: Floats, length: int, hop: int) -> Floats:
    """Cut a signal into overlapping frames, shape (frames, length), as a view; no frame if it is too short."""
    if len(signal) < length:
        return np.empty((0, length), dtype=np.float32)
    return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]


@lru_cache(maxsize=16)
def make_cosine_basis(inputs: int, outputs: int) -> Floats:
    """Return the orthonormal DCT-II as a matrix, shape (inputs, outputs): ``values @ basis`` transforms rows."""
    grid = np.pi / inputs * (np.arange(inputs)[:, None] + 0.5) * np.arange(outputs)
    basis: Floats = (np.cos(grid) * np.sqrt(2 / inputs)).astype(np.float32)
    basis[:, 0] /= np.float32(np.sqrt(2))
    return basis


def _next_power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
