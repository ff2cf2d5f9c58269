"""Phase family: what the phase spectrum says beside the magnitude.

Vocoders and neural synthesis fit magnitudes; the phase they add follows its own rules. Three views of it, all on the
frames of the shared transform and on 0 to 4 kHz, so that telephone and wideband recordings compare:

- modified group delay (Murthy and Gadde, 2003; Hegde et al., 2007): Re(X·conj(Y)) / S^2γ, compressed with exponent α,
  where Y transforms the frame times time and S is the cepstrally smoothed magnitude; γ = 0.9, α = 0.4;
- instantaneous-frequency deviation: phase advance over one sample, as a frequency, minus the frequency of the bin;
- phase coherence: how well the instantaneous frequencies of two frames predict the phase advance between them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
    active = spectrum.active
    delays = measure_group_delay(spectrum)[active]
    cepstra = delays @ make_cosine_basis(delays.shape[1], COEFFICIENTS)
    summary = summarize_columns([f"modgd_{i:02d}" for i in range(COEFFICIENTS)], cepstra)
    deviation = measure_deviation(spectrum)
    loud = find_loud_cells(spectrum)
    low = spectrum.find_bins(0, SPLIT_FREQUENCY).stop
    summary |= summarize("if_deviation", _average_cells(np.abs(deviation), loud)[active])
    summary |= summarize("if_deviation_low", _average_cells(np.abs(deviation[:, :low]), loud[:, :low])[active])
    summary |= summarize("if_deviation_high", _average_cells(np.abs(deviation[:, low:]), loud[:, low:])[active])
    both = active[1:] & active[:-1]
    coherence = measure_coherence(spectrum, deviation, loud)[both]
    names = ["phase_coherence_low", "phase_coherence_high"]
    return summary | summarize_columns(names, coherence)


def measure_group_delay(spectrum: Spectrum) -> Floats:
    """Return the modified group delay about the middle of each frame, shape (frames, bins up to 4 kHz).

    In milliseconds to the power α, of frames scaled to unit power.
    """
    bins = _select_bins(spectrum)
    middle = (spectrum.window_length - 1) / 2
    ramp = (np.arange(spectrum.window_length) - middle) * np.float32(1000 / spectrum.sampling_rate)
    ramped = spectrum.transform_with((spectrum.window * ramp).astype(np.float32))[:, bins]
    plain = spectrum.transform[:, bins]
    energy = np.maximum(spectrum.mean_square, TINY)[:, None] * np.square(spectrum.window).sum()
    product = (plain.real * ramped.real + plain.imag * ramped.imag) / energy
    level = np.log(np.maximum(spectrum.power[:, bins] / energy, np.float32(1e-8)))
    keep = make_cosine_basis(level.shape[1], max(8, round(2 * SMOOTHING_QUEFRENCY * UPPER_FREQUENCY)))
    delay = product * np.exp(-GAMMA * ((level @ keep) @ keep.T))
    compressed: Floats = np.sign(delay) * np.abs(delay) ** np.float32(ALPHA)
    return compressed


def measure_deviation(spectrum: Spectrum) -> Floats:
    """Return instantaneous frequency minus bin frequency in Hz, shape (frames, bins up to 4 kHz)."""
    bins = _select_bins(spectrum)
    shifted = np.append(spectrum.signal[1:], np.float32(0))
    frames = frame_signal(shifted, spectrum.window_length, spectrum.hop)
    moved = np.fft.rfft(frames * spectrum.window, spectrum.fft_length)[:, bins].astype(np.complex64, copy=False)
    expected = np.exp(-2j * np.pi * np.arange(moved.shape[1]) / spectrum.fft_length).astype(np.complex64)
    advance = moved * np.conj(spectrum.transform[:, bins]) * expected
    deviation: Floats = np.angle(advance) * np.float32(spectrum.sampling_rate / (2 * np.pi))
    return deviation


def measure_coherence(spectrum: Spectrum, deviation: Floats, loud: Mask) -> Floats:
    """Return the coherence of successive frames below and above 1 kHz, shape (frames - 1, 2).

    1: every cell's phase advances as its instantaneous frequency says, as in a steady or gliding voice; 0: at random.
    Cells are weighted with the product of their magnitudes; NaN where no cell is loud in both frames.
    """
    plain = spectrum.transform[:, _select_bins(spectrum)]
    advance = plain[1:] * np.conj(plain[:-1])
    frequency = spectrum.frequencies[: plain.shape[1]] + (deviation[1:] + deviation[:-1]) / 2
    turn = np.float32(2 * np.pi * spectrum.hop / spectrum.sampling_rate) * frequency
    weighted = np.where(loud[1:] & loud[:-1], advance, 0)
    back = np.empty_like(weighted)
    back.real, back.imag = np.cos(turn), -np.sin(turn)
    aligned = weighted * back
    low = spectrum.find_bins(0, SPLIT_FREQUENCY).stop
    columns = [_average_coherence(aligned[:, half], weighted[:, half]) for half in (slice(low), slice(low, None))]
    return np.stack(columns, axis=1)


def find_loud_cells(spectrum: Spectrum) -> Mask:
    """Return the cells within 30 dB of the loudest of their frame, shape (frames, bins up to 4 kHz)."""
    power = spectrum.power[:, _select_bins(spectrum)]
    floor = power.max(axis=1, keepdims=True, initial=0) * np.float32(10 ** (-CELL_RANGE_DB / 10))
    return np.asarray(power > np.maximum(floor, TINY))


def _select_bins(spectrum: Spectrum) -> slice:
    return slice(0, spectrum.find_bins(0, UPPER_FREQUENCY).stop)


def _average_cells(values: Floats, loud: Mask) -> Floats:
    counts = loud.sum(axis=1)
    total = np.where(loud, values, 0).sum(axis=1)
    return np.where(counts > 0, total / np.maximum(counts, 1), NAN).astype(np.float32)


def _average_coherence(aligned: Complexes, weighted: Complexes) -> npt.NDArray[np.float32]:
    weight = np.abs(weighted).sum(axis=1)
    return np.where(weight > 0, np.abs(aligned.sum(axis=1)) / np.maximum(weight, TINY), NAN).astype(np.float32)
