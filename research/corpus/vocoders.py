"""Signal-processing vocoders that make a synthetic copy of a human recording, sample for sample as long as it.

Sources: Griffin and Lim (1984) for phase reconstruction, Makhoul (1975) for linear prediction, Morise et al. (2016)
for WORLD. They replace what a vocoder cannot carry (phase, excitation) and keep what is said and who says it.
"""

from __future__ import annotations

import numpy as np

SHIFT_SEMITONES = 4.0
"""Pitch shift that is clearly heard and stays within the human range."""
WORLD_RATE = 16_000
"""Hz; below it D4C takes every frame for unvoiced, since its band of 4 to 7.9 kHz is not there."""
FORMANT_WARP = 1.15
"""About the ratio between female and male vocal tract lengths (Peterson and Barney 1952)."""


def _fit_length(signal: np.ndarray, length: int) -> np.ndarray:
    return np.pad(signal, (0, max(0, length - len(signal))))[:length].astype(np.float32)


def _resample(signal: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    import soxr

    return np.asarray(soxr.resample(signal, from_rate, to_rate), dtype=np.float32)


def _match_level(signal: np.ndarray, reference: np.ndarray) -> np.ndarray:
    level = float(np.sqrt(np.mean(signal.astype(np.float64) ** 2)))
    wanted = float(np.sqrt(np.mean(reference.astype(np.float64) ** 2)))
    return (signal * (wanted / level if level > 0 else 1.0)).astype(np.float32)


def copy_griffin_lim(signal: np.ndarray, sampling_rate: int, *, iterations: int = 32, seed: int = 0) -> np.ndarray:
    """Keep the magnitude spectrogram, drop the phase and estimate it anew.

    Parameters
    ----------
    signal
        Mono float32, shape (samples,).
    sampling_rate
        Hz.
    iterations
        Rounds of the algorithm; few leave audible artefacts.
    seed
        Of the random phase that it starts from.

    Returns
    -------
    numpy.ndarray
        The copy, shape (samples,).
    """
    import librosa

    size = 512 if sampling_rate <= 12_000 else 1024
    magnitude = np.abs(librosa.stft(signal, n_fft=size))
    copy = librosa.griffinlim(magnitude, n_iter=iterations, n_fft=size, length=len(signal), random_state=seed)
    return _match_level(_fit_length(copy, len(signal)), signal)


def copy_mel_griffin_lim(signal: np.ndarray, sampling_rate: int, *, bands: int = 80, seed: int = 0) -> np.ndarray:
    """Keep an 80-band mel spectrogram only, as an acoustic model hands it to a vocoder, and invert that.

    Parameters and result are those of `copy_griffin_lim`; `bands` is the number of mel bands.
    """
    import librosa

    size = 512 if sampling_rate <= 12_000 else 1024
    filters = librosa.filters.mel(sr=sampling_rate, n_fft=size, n_mels=bands)
    mel = filters @ np.abs(librosa.stft(signal, n_fft=size))
    magnitude = np.maximum(np.linalg.pinv(filters) @ mel, 0.0)
    copy = librosa.griffinlim(magnitude, n_iter=32, n_fft=size, length=len(signal), random_state=seed)
    return _match_level(_fit_length(copy, len(signal)), signal)


def copy_lpc(signal: np.ndarray, sampling_rate: int, *, frame_seconds: float = 0.02, seed: int = 0) -> np.ndarray:
    """Keep a linear-prediction envelope, gain, pitch and voicing; drive it with pulses or noise (LPC-10 style).

    Parameters
    ----------
    signal
        Mono float32, shape (samples,).
    sampling_rate
        Hz; the order of prediction is 2 + one per kHz.
    frame_seconds
        How often the envelope and the pitch are measured.
    seed
        Of the noise that drives unvoiced frames.

    Returns
    -------
    numpy.ndarray
        The copy, shape (samples,).
    """
    hop = int(frame_seconds * sampling_rate)
    order = 2 + sampling_rate // 1000
    window = np.hanning(2 * hop)
    padded = np.pad(signal.astype(np.float64), (hop, 3 * hop))
    out = np.zeros(len(padded))
    rng = np.random.default_rng(seed)
    next_pulse = 0
    for start in range(0, len(padded) - 2 * hop, hop):
        frame = padded[start : start + 2 * hop]
        drive, next_pulse = _excite(frame, sampling_rate, hop, next_pulse, rng)
        out[start : start + 2 * hop] += window * _resonate(frame * window, drive, order)
    return _match_level(_fit_length(out[hop:], len(signal)), signal)


def _excite(
    frame: np.ndarray, sampling_rate: int, hop: int, next_pulse: int, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    period = _find_period(frame, sampling_rate)
    if period == 0:
        return rng.standard_normal(len(frame)), 0
    drive = np.zeros(len(frame))
    drive[next_pulse::period] = np.sqrt(period)
    inside = np.flatnonzero(drive)
    following = inside[inside >= hop]
    return drive, int(following[0] - hop) if len(following) else 0


def _find_period(frame: np.ndarray, sampling_rate: int) -> int:
    low, high = sampling_rate // 400, min(sampling_rate // 70, len(frame) - 1)
    centred = frame - frame.mean()
    correlation = np.correlate(centred, centred, mode="full")[len(frame) - 1 :]
    if correlation[0] <= 1e-8:
        return 0
    best = low + int(np.argmax(correlation[low:high]))
    unbiased = correlation[best] / correlation[0] * len(frame) / (len(frame) - best)
    return best if unbiased > 0.45 else 0


def _resonate(frame: np.ndarray, drive: np.ndarray, order: int) -> np.ndarray:
    from scipy.linalg import solve_toeplitz
    from scipy.signal import lfilter

    correlation = np.correlate(frame, frame, mode="full")[len(frame) - 1 : len(frame) + order]
    if correlation[0] <= 1e-9:
        return np.zeros(len(frame))
    correlation[0] *= 1.0001  # a little white noise keeps the system solvable
    predictor = solve_toeplitz(correlation[:order], correlation[1 : order + 1])
    shaped = np.asarray(lfilter([1.0], np.concatenate(([1.0], -predictor)), drive))
    gain = float(np.sqrt(correlation[0] / max(float(np.sum(shaped**2)), 1e-12)))
    return shaped * gain


def copy_world(
    signal: np.ndarray,
    sampling_rate: int,
    *,
    semitones: float = 0.0,
    warp: float = 1.0,
    coded_dimensions: int | None = None,
) -> np.ndarray:
    """Take speech apart with WORLD and put it together again, on request with another pitch or vocal tract.

    Parameters
    ----------
    signal
        Mono float32, shape (samples,).
    sampling_rate
        Hz.
    semitones
        Shift of the fundamental frequency.
    warp
        Factor on the formant frequencies; above 1 is a shorter vocal tract.
    coded_dimensions
        Envelope reduced to so many mel-cepstral numbers, as statistical synthesis does; whole if not given.

    Returns
    -------
    numpy.ndarray
        The copy, shape (samples,).
    """
    import pyworld

    if sampling_rate < WORLD_RATE:
        wide = _resample(signal, sampling_rate, WORLD_RATE)
        copy = copy_world(wide, WORLD_RATE, semitones=semitones, warp=warp, coded_dimensions=coded_dimensions)
        return _fit_length(_resample(copy, WORLD_RATE, sampling_rate), len(signal))
    sound = signal.astype(np.float64)
    pitch, times = pyworld.dio(sound, sampling_rate)
    pitch = pyworld.stonemask(sound, pitch, times, sampling_rate)
    envelope = pyworld.cheaptrick(sound, pitch, times, sampling_rate)
    aperiodicity = pyworld.d4c(sound, pitch, times, sampling_rate)
    size = pyworld.get_cheaptrick_fft_size(sampling_rate)
    if coded_dimensions is not None:
        coded = pyworld.code_spectral_envelope(envelope, sampling_rate, coded_dimensions)
        envelope = pyworld.decode_spectral_envelope(coded, sampling_rate, size)
    envelope = _warp_frequencies(envelope, warp)
    copy = pyworld.synthesize(pitch * 2.0 ** (semitones / 12.0), envelope, aperiodicity, sampling_rate)
    return _match_level(_fit_length(copy, len(signal)), signal)


def _warp_frequencies(envelope: np.ndarray, warp: float) -> np.ndarray:
    bins = np.arange(envelope.shape[1])
    source = np.minimum(bins / warp, bins[-1])
    warped = np.stack([np.interp(source, bins, np.log(frame)) for frame in envelope]) if warp != 1.0 else None
    return envelope if warped is None else np.ascontiguousarray(np.exp(warped))


def convert_world(signal: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Turn a voice into one of the other sex: pitch and vocal tract together, direction by the pitch of the voice.

    Parameters and result are those of `copy_world`.
    """
    import pyworld

    pitch, _ = pyworld.dio(signal.astype(np.float64), sampling_rate)
    voiced = pitch[pitch > 0]
    upward = bool(len(voiced)) and float(np.median(voiced)) < 165.0
    semitones, warp = (8.0, FORMANT_WARP) if upward else (-8.0, 1 / FORMANT_WARP)
    return copy_world(signal, sampling_rate, semitones=semitones, warp=warp)


def shift_phase_vocoder(signal: np.ndarray, sampling_rate: int, *, semitones: float = 3.0) -> np.ndarray:
    """Shift pitch and formants together with a phase vocoder, as cheap voice changers do.

    Parameters and result are those of `copy_world`.
    """
    import librosa

    shifted = librosa.effects.pitch_shift(signal, sr=sampling_rate, n_steps=semitones, res_type="soxr_hq")
    return _match_level(_fit_length(shifted, len(signal)), signal)
