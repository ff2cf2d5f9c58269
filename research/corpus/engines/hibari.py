"""hibari-tts: a small English voice distilled from Kokoro's "heart" (PyPI, Apache-2.0)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.programs import get_python_version
from research.corpus.texts import take_sentences

VOICES = ("heart",)
"""The package downloads its other voices, so they are not used."""
CLIPS_PER_VOICE = 90


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield English clips of every voice; `work` and `mirror` are not used."""
    import hibari

    version = get_python_version("hibari-tts")
    origin = Origin("hibari", "hibari-tts", version, "Apache-2.0", "hibari", "hibari")
    for place, voice in enumerate(VOICES):
        engine = hibari.Hibari(voice)
        for number, (_, text) in enumerate(take_sentences("en", CLIPS_PER_VOICE, offset=place * 14)):
            spoken = np.asarray(engine(text, speed=(1.0, 0.9, 1.1)[number % 3], seed=number), dtype=np.float32)
            yield Clip(f"{voice}_{number:03d}", spoken.ravel(), hibari.SAMPLE_RATE, f"hibari_{voice}", "en", origin)
