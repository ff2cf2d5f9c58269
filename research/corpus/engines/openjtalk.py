"""Open JTalk: HTS synthesis of Japanese with the voice "mei" (PyPI ``pyopenjtalk-plus``, voice CC-BY-3.0)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.programs import get_python_version
from research.corpus.texts import take_sentences

CLIPS = 60


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield Japanese clips at a few speeds and pitches; `work` and `mirror` are not used."""
    import pyopenjtalk

    version = get_python_version("pyopenjtalk-plus")
    origin = Origin("openjtalk", "pyopenjtalk-plus", version, "CC-BY-3.0", "openjtalk_mei", "hts")
    for number, (_, text) in enumerate(take_sentences("ja", CLIPS)):
        half_tone = (0.0, -2.0, 2.0, -4.0)[number // 15 % 4]
        signal, rate = pyopenjtalk.tts(text, speed=(1.0, 0.9, 1.1)[number % 3], half_tone=half_tone)
        yield Clip(f"mei_{number:03d}", np.asarray(signal) / 32768, int(rate), "openjtalk_mei", "ja", origin)
