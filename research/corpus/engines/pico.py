"""SVOX Pico: small parametric voices in six languages (PyPI ``py-nanotts``, Apache-2.0)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.programs import get_python_version
from research.corpus.texts import take_sentences

VOICES = ("en-GB", "en-US", "de-DE", "es-ES", "fr-FR", "it-IT")
CLIPS_PER_VOICE = 25
SAMPLING_RATE = 16_000


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield clips of every voice at a few speeds and pitches; `work` and `mirror` are not used."""
    import py_nanotts

    origin = Origin("pico", "py-nanotts", get_python_version("py-nanotts"), "Apache-2.0", "svox_pico", "pico")
    engine = py_nanotts.NanoTTS()
    for place, voice in enumerate(VOICES):
        for number, (_, text) in enumerate(take_sentences(voice[:2], CLIPS_PER_VOICE, offset=place * 9)):
            speed, pitch = (1.0, 0.9, 1.1)[number % 3], (1.0, 0.95, 1.05, 1.1)[number % 4]
            spoken = np.frombuffer(engine.speak(text, voice=voice, speed=speed, pitch=pitch), "<i2")
            signal = spoken.astype(np.float32) / 32768
            yield Clip(f"{voice}_{number:03d}", signal, SAMPLING_RATE, f"pico_{voice}", voice[:2], origin)
