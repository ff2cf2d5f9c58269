"""From a cosine to evidence: scores normalised against a cohort of other voices, then a calibrated likelihood ratio."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import EnrollmentError, ModelError
from audio_batch.speaker.encoder import DAMAGE, MODELS, Encoder, unit
from audio_batch.speaker.voice import CHANNEL_CLASSES, ChannelClass

Vectors = NDArray[np.float32]
Embeddings = dict[ChannelClass, Vectors]

SHIPPED_BACKEND = MODELS / "backend.npz"


@dataclass(frozen=True)
class Calibration:
    """Straight line from a normalised score to the natural logarithm of the likelihood ratio."""

    slope: float
    offset: float


@dataclass(frozen=True)
class Backend:
    """What is compared with what, for one encoder.

    Attributes
    ----------
    encoder
        Version of the encoder that the cohort was embedded with.
    nearest
        Number of nearest cohort voices that a score is normalised against.
    calibrations
        Per comparison: ``narrowband``, ``wideband``, and ``crossed`` (enrolled over one class, heard over the other).
    accept_llr, duplicate_llr
        Log-likelihood ratios from which a voice is accepted, and from which two accounts are taken for one voice.
    cohort
        Per class of channel the unit embeddings of other voices, shape (voices, dimensions).
    """

    encoder: str
    nearest: int
    calibrations: dict[str, Calibration]
    accept_llr: float
    duplicate_llr: float
    cohort: Embeddings = field(repr=False)

    def compare(self, enrolled: Vectors, probes: Vectors, channel_class: ChannelClass) -> NDArray[np.float32]:
        """Return AS-norm scores of every enrolled voice with every probe, shape (enrolled, probes).

        Adaptive symmetric score normalisation with the nearest cohort voices of each side (Matejka et al. 2017,
        "Analysis of score normalization in multilingual speaker recognition").
        """
        left, right = np.atleast_2d(enrolled), np.atleast_2d(probes)
        mean_left, spread_left = self._rank(left, channel_class)
        mean_right, spread_right = self._rank(right, channel_class)
        cosines = left @ right.T
        # How far the pair stands out among the nearest strangers, seen from each side; the mean makes it symmetric.
        from_left = (cosines - mean_left[:, None]) / spread_left[:, None]
        from_right = (cosines - mean_right[None, :]) / spread_right[None, :]
        return np.asarray((from_left + from_right) / 2, dtype=np.float32)

    def _rank(self, voices: Vectors, channel_class: ChannelClass) -> tuple[Vectors, Vectors]:
        cosines = voices @ self.cohort[channel_class].T
        nearest = np.sort(cosines, axis=1)[:, -self.nearest :]
        # The floor keeps a spread of nearly nothing from blowing up the scores.
        return nearest.mean(axis=1), np.maximum(nearest.std(axis=1), 1e-3)

    def weigh(self, scores: NDArray[np.float32], comparison: str) -> NDArray[np.float32]:
        """Return log-likelihood ratios of normalised scores."""
        line = self.calibrations[comparison]
        return np.asarray(line.slope * scores + line.offset, dtype=np.float32)


def common_class(enrolled: Embeddings, probe: Embeddings) -> ChannelClass:
    """Return the widest class of channel in which both voices have an embedding."""
    shared = [name for name in CHANNEL_CLASSES if name in enrolled and name in probe]
    # Classes are listed from narrow to wide, and the wider one tells voices apart better.
    return shared[-1]


def name_comparison(enrolled_class: ChannelClass, probe_class: ChannelClass) -> str:
    """Return the name of the calibration for two classes of channel."""
    return enrolled_class if enrolled_class == probe_class else "crossed"


def to_probability(log_likelihood_ratio: float, prior: float = 0.5) -> float:
    """Return the probability of the same speaker for a prior probability of it."""
    log_odds = log_likelihood_ratio + math.log(prior / (1 - prior))
    return 1 / (1 + math.exp(-min(max(log_odds, -700.0), 700.0)))


def load_backend(encoder: Encoder, path: str | Path | None = None) -> Backend:
    """Load the cohort and calibration that belong to an encoder.

    Parameters
    ----------
    encoder
        The encoder in use.
    path
        ``.npz`` file with a ``.json`` file of the same name beside it; None for the shipped pair.

    Raises
    ------
    ModelError
        The files are missing or damaged, or were made for another encoder.
    """
    chosen = Path(path) if path is not None else SHIPPED_BACKEND
    backend = _read_backend(chosen)
    if backend.encoder != encoder.version:
        raise ModelError(
            f"The cohort {chosen.name!r} belongs to the encoder {backend.encoder!r}, not to {encoder.version!r}",
            hint="Fit one: python -m benchmarks.audio_voiceprints --fit OUT.npz --encoder ENCODER.onnx.",
        )
    return backend


@lru_cache(maxsize=4)
def _read_backend(path: Path) -> Backend:
    try:
        plain = json.loads(path.with_suffix(".json").read_text("utf-8"))
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(np.float32) for name in stored.files}
        return _build_backend(plain, arrays)
    except DAMAGE as error:
        raise ModelError(
            f"The voiceprint cohort {str(path)!r} cannot be read: {type(error).__name__}",
            hint="Install the package again, or fit a cohort anew.",
            path=str(path),
        ) from error


def _build_backend(plain: dict[str, Any], arrays: dict[str, Vectors]) -> Backend:
    return Backend(
        encoder=plain["encoder"],
        nearest=int(plain["nearest"]),
        calibrations={name: Calibration(**line) for name, line in plain["calibrations"].items()},
        accept_llr=float(plain["accept_llr"]),
        duplicate_llr=float(plain["duplicate_llr"]),
        cohort={name: unit(arrays[name]) for name in CHANNEL_CLASSES},
    )


def write_backend(backend: Backend, path: Path, *, about: dict[str, Any]) -> None:
    """Write the cohort as float16 arrays, everything else as JSON beside them; no pickle."""
    rounded: dict[str, Any] = {name: backend.cohort[name].astype(np.float16) for name in CHANNEL_CLASSES}
    np.savez_compressed(path, **rounded)
    plain = {
        "encoder": backend.encoder,
        "nearest": backend.nearest,
        "calibrations": {name: vars(line) for name, line in backend.calibrations.items()},
        "accept_llr": backend.accept_llr,
        "duplicate_llr": backend.duplicate_llr,
        **about,
    }
    path.with_suffix(".json").write_text(json.dumps(plain, indent=2, sort_keys=True) + "\n", "utf-8")


def fit_calibration(scores: NDArray[np.float32], same: NDArray[np.bool_]) -> Calibration:
    """Fit the line by logistic regression in which both kinds of trial weigh the same (Brümmer and du Preez 2006).

    Parameters
    ----------
    scores
        Normalised scores, shape (trials,).
    same
        Whether both sides of the trial are one speaker, shape (trials,).

    Returns
    -------
    Calibration
        Newton's method with a ridge of 1e-4, which keeps the slope finite where the trials separate.
    """
    design = np.stack([scores, np.ones_like(scores)], axis=1).astype(np.float64)
    # Impostor trials outnumber genuine ones by far; weighed as they come, they would decide alone.
    weight = np.where(same, 0.5 / max(1, same.sum()), 0.5 / max(1, (~same).sum()))
    line = np.zeros(2)
    for _ in range(50):
        predicted = 1 / (1 + np.exp(-np.clip(design @ line, -500, 500)))
        slope = design.T @ (weight * (predicted - same)) + 1e-4 * line
        curve = (design * (weight * predicted * (1 - predicted))[:, None]).T @ design + 1e-4 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        line -= step
        if np.abs(step).max() < 1e-9:
            break
    return Calibration(float(line[0]), float(line[1]))


def refuse_other_encoder(stored: str, encoder: Encoder, enrollment_id: str) -> None:
    """Refuse to compare embeddings of two encoders."""
    if stored != encoder.version:
        raise EnrollmentError(
            f"{enrollment_id!r} was enrolled with the encoder {stored!r}; the one in use is {encoder.version!r}",
            hint="Enrol anew with --replace, or give the encoder that was used.",
            enrollment_id=enrollment_id,
        )
