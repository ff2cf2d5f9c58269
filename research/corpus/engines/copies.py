"""Copies of human clips through signal-processing vocoders: WORLD, Griffin-Lim, LPC, phase vocoder, codec2."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from research.corpus import vocoders
from research.corpus.catalogue import Clip, read_known_ids
from research.corpus.engines.pairs import choose_humans, copy_humans
from research.corpus.engines.programs import get_debian_version, get_python_version, require_program

Vocode = Callable[[np.ndarray, int], np.ndarray]

VOCODERS: tuple[tuple[str, str, str, Vocode], ...] = (
    ("world_copy", "world", "pyworld", vocoders.copy_world),
    ("griffin_lim", "griffinlim", "librosa", vocoders.copy_griffin_lim),
    ("lpc_copy", "lpc", "scipy", vocoders.copy_lpc),
    ("world_conversion", "world", "pyworld", vocoders.convert_world),
    ("mel_griffin_lim", "griffinlim", "librosa", vocoders.copy_mel_griffin_lim),
    ("world_coded", "world", "pyworld", partial(vocoders.copy_world, coded_dimensions=32)),
    ("world_shift", "world", "pyworld", partial(vocoders.copy_world, semitones=vocoders.SHIFT_SEMITONES)),
    ("phase_vocoder_up", "phase_vocoder", "librosa", partial(vocoders.shift_phase_vocoder, semitones=3.0)),
    ("phase_vocoder_down", "phase_vocoder", "librosa", partial(vocoders.shift_phase_vocoder, semitones=-3.0)),
)
PLAIN_COPIES = 600
CHANGED_VOICES = 150
CODEC_COPIES = 100
PLAIN = ("world_copy", "griffin_lim", "lpc_copy")


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield copies of the human clips in ``<work>/human.csv``; `mirror` is not used."""
    rows, known = choose_humans(work, PLAIN_COPIES), read_known_ids(work)
    for attack, family, package, vocode in VOCODERS:
        chosen = rows if attack in PLAIN else rows[:CHANGED_VOICES]
        yield from copy_humans(
            chosen, vocode, "vocoders", package, get_python_version(package), attack, family, known=known
        )
    yield from _copy_codec2(rows[:CODEC_COPIES], known)


def _copy_codec2(rows: list[dict[str, str]], known: frozenset[str]) -> Iterator[Clip]:
    require_program("c2enc", "codec2")
    version = get_debian_version("codec2")
    for mode in ("3200", "1300"):
        vocode = partial(_run_codec2, mode=mode)
        yield from copy_humans(rows, vocode, "codec2", "codec2", version, f"codec2_{mode}", "sinusoidal", known=known)


def _run_codec2(signal: np.ndarray, sampling_rate: int, *, mode: str) -> np.ndarray:
    import soxr

    narrow = soxr.resample(signal, sampling_rate, 8000)
    samples = (np.clip(narrow, -1, 1) * 32767).astype("<i2").tobytes()
    coded = subprocess.run(["c2enc", mode, "-", "-"], input=samples, capture_output=True, check=True).stdout
    spoken = subprocess.run(["c2dec", mode, "-", "-"], input=coded, capture_output=True, check=True).stdout
    copy = soxr.resample(np.frombuffer(spoken, "<i2").astype(np.float32) / 32768, 8000, sampling_rate)
    return np.pad(copy, (0, max(0, len(signal) - len(copy))))[: len(signal)]
