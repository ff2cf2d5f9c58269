"""Phase family: what the phase spectrum says beside the magnitude.

Vocoders and neural synthesis fit magnitudes; the phase they add follows its own rules. Three views of it, on
0 to 4 kHz, so that telephone and wideband recordings compare, and on the frames of the shared transform, but
Hann-windowed: the side lobes of the Hamming window do not fall off, and would turn the phase of weak harmonics.

- modified group delay (Murthy and Gadde, 2003; Hegde et al., 2007): Re(X·conj(Y)) / S^2γ, compressed with exponent α,
  where Y transforms the frame times time and S is the cepstrally smoothed magnitude; γ = 0.9, α = 0.4;
- instantaneous-frequency deviation: phase advance over one sample, as a frequency, minus the frequency of the bin;
- phase coherence: how well the instantaneous frequencies of two frames predict the phase advance between them, at the
  tops of the harmonics.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from audio_batch.features.spectrum import (
    Complexes,
    Floats,
    Mask,
    Spectrum,
    frame_signal,
    make_cosine_basis,
)
from audio_batch.features.statistics import NAN, summarize, summarize_columns

UPPER_FREQUENCY = 4000.0
SPLIT_FREQUENCY = 1000.0
COEFFICIENTS = 12
ALPHA, GAMMA = 0.4, 0.9
SMOOTHING_QUEFRENCY = 0.002
"""Seconds: pitch periods are longer, so the smoothed spectrum keeps formants and loses harmonics."""
CELL_RANGE_DB = 30.0
"""Cells further under the loudest of their frame are noise, and have no phase worth the name."""
TINY = np.float32(1e-20)


def measure_phase(spectrum: Spectrum) -> dict[str, float]:
    """Return statistics of group delay, frequency deviation (Hz) and coherence (0 … 1) over the active frames."""
    active, view = spectrum.active, PhaseView(spectrum)
    delays = measure_group_delay(view)[active]
    cepstra = delays @ make_cosine_basis(delays.shape[1], COEFFICIENTS)
    summary = summarize_columns([f"modgd_{i:02d}" for i in range(COEFFICIENTS)], cepstra)
    # Products instead of choices, here and below: they take a tenth of the time of numpy.where.
    loud = view.loud.astype(np.float32)
    size, low = np.abs(view.deviation) * loud, view.split
    summary |= summarize("if_deviation", _average_cells(size, loud)[active])
    summary |= summarize("if_deviation_low", _average_cells(size[:, :low], loud[:, :low])[active])
    summary |= summarize("if_deviation_high", _average_cells(size[:, low:], loud[:, low:])[active])
    coherence = measure_coherence(view)[active[1:] & active[:-1]]
    return summary | summarize_columns(["phase_coherence_low", "phase_coherence_high"], coherence)


class PhaseView:
    """Hann-windowed transform of the frames of a spectrum up to 4 kHz, and what follows from it.

    Parameters
    ----------
    spectrum
        The shared transform, whose frames, bins and frequencies are used.
    """

    def __init__(self, spectrum: Spectrum) -> None:
        self.spectrum = spectrum
        self.window = np.hanning(spectrum.window_length + 2)[1:-1].astype(np.float32)
        self.bins = slice(0, spectrum.find_bins(0, UPPER_FREQUENCY).stop)
        self.split = spectrum.find_bins(0, SPLIT_FREQUENCY).stop
        self.frequencies = spectrum.frequencies[self.bins]
        self.plain: Complexes = spectrum.transform_with(self.window)[:, self.bins]
        self.power: Floats = np.square(np.abs(self.plain))

    @cached_property
    def loud(self) -> Mask:
        """Cells within 30 dB of the loudest of their frame, shape (frames, bins)."""
        floor = self.power.max(axis=1, keepdims=True, initial=0) * np.float32(10 ** (-CELL_RANGE_DB / 10))
        return np.asarray(self.power > np.maximum(floor, TINY))

    @cached_property
    def tops(self) -> Mask:
        """Loud cells that no neighbouring bin surpasses: the tops of harmonics, shape (frames, bins)."""
        tops = np.zeros_like(self.loud)
        inner = self.power[:, 1:-1]
        tops[:, 1:-1] = (inner >= self.power[:, :-2]) & (inner > self.power[:, 2:]) & self.loud[:, 1:-1]
        return tops

    @cached_property
    def deviation(self) -> Floats:
        """Instantaneous frequency (phase advance over one sample) minus bin frequency in Hz, shape (frames, bins)."""
        spectrum = self.spectrum
        shifted = np.append(spectrum.signal[1:], np.float32(0))
        frames = frame_signal(shifted, spectrum.window_length, spectrum.hop)
        moved = rfft(frames * self.window, spectrum.fft_length)[:, self.bins]
        expected = np.exp(-2j * np.pi * np.arange(moved.shape[1]) / spectrum.fft_length).astype(np.complex64)
        # The phase that a steady tone at the bin's frequency would gain in one sample is taken out; the rest is the
        # deviation.
        advance = moved.astype(np.complex64, copy=False) * np.conj(self.plain) * expected
        deviation: Floats = np.angle(advance) * np.float32(spectrum.sampling_rate / (2 * np.pi))
        return deviation


def measure_group_delay(view: PhaseView) -> Floats:
    """Return the modified group delay about the middle of each frame, shape (frames, bins up to 4 kHz).

    In milliseconds to the power α, of frames scaled to unit power.
    """
    spectrum = view.spectrum
    middle = (spectrum.window_length - 1) / 2
    # Time counts from the middle of the frame, or every delay would carry half a frame as a constant.
    ramp = (np.arange(spectrum.window_length) - middle) * (1000 / spectrum.sampling_rate)
    ramped = spectrum.transform_with((view.window * ramp).astype(np.float32))[:, view.bins]
    energy = np.maximum(spectrum.mean_square, TINY)[:, None] * np.square(view.window).sum()
    product = (view.plain.real * ramped.real + view.plain.imag * ramped.imag) / energy
    level = np.log(np.maximum(view.power / energy, np.float32(1e-8)))
    keep = make_cosine_basis(level.shape[1], max(8, round(2 * SMOOTHING_QUEFRENCY * UPPER_FREQUENCY)))
    # Divided by the smoothed and not by the plain spectrum: zeros near the unit circle would make spikes.
    delay = product * np.exp(-GAMMA * ((level @ keep) @ keep.T))
    compressed: Floats = np.copysign(np.abs(delay) ** np.float32(ALPHA), delay)
    return compressed


def measure_coherence(view: PhaseView) -> Floats:
    """Return the coherence of successive frames below and above 1 kHz, shape (frames - 1, 2).

    1: the phase of every harmonic advances as its instantaneous frequency says, as in a steady or gliding voice;
    0: at random. Only tops of harmonics count, since between them two harmonics beat; they are weighted with the
    product of their magnitudes. NaN where no top of a frame is loud in the next.
    """
    advance = view.plain[1:] * np.conj(view.plain[:-1])
    frequency = view.frequencies + (view.deviation[1:] + view.deviation[:-1]) / 2
    turn = np.float32(2 * np.pi * view.spectrum.hop / view.spectrum.sampling_rate) * frequency
    weighted = advance * (view.tops[:-1] & view.loud[1:]).astype(np.float32)
    back = np.empty_like(weighted)
    back.real, back.imag = np.cos(turn), -np.sin(turn)
    aligned, halves = weighted * back, (slice(view.split), slice(view.split, None))
    return np.stack([_average_coherence(aligned[:, half], weighted[:, half]) for half in halves], axis=1)


def _average_cells(values: Floats, loud: Floats) -> Floats:
    """Return the mean of values that are 0 where `loud` is, over the other cells, where `loud` is 1."""
    counts = loud.sum(axis=1)
    return np.where(counts > 0, values.sum(axis=1) / np.maximum(counts, 1), NAN).astype(np.float32)


def _average_coherence(aligned: Complexes, weighted: Complexes) -> npt.NDArray[np.float32]:
    weight = np.abs(weighted).sum(axis=1)
    return np.where(weight > 0, np.abs(aligned.sum(axis=1)) / np.maximum(weight, TINY), NAN).astype(np.float32)
