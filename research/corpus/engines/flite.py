"""flite: diphone voices, a limited-domain unit selection voice, and CLUSTERGEN parametric voices (Black 2006)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.programs import get_debian_version, require_program, speak_to_wave
from research.corpus.texts import take_sentences

VOICES = {"kal": "diphone", "kal16": "diphone", "awb": "clustergen", "rms": "clustergen", "slt": "clustergen"}
CLIPS_PER_VOICE = 70


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield English clips of every voice that speaks free text; `work` and `mirror` are not used."""
    program = require_program("flite", "flite")
    version = get_debian_version("flite")
    for place, (voice, family) in enumerate(VOICES.items()):
        origin = Origin("flite", "flite", version, "BSD-4-Clause-like CMU", f"flite_{voice}", family)
        for number, (_, text) in enumerate(take_sentences("en", CLIPS_PER_VOICE, offset=place * 13)):
            stretch = (1.0, 0.95, 1.1, 1.05)[number % 4]
            options = ["--setf", f"duration_stretch={stretch}"]
            command = [program, "-voice", voice, *options, "-t", text, "-o", "{wave}"]
            if spoken := speak_to_wave(command):
                yield Clip(f"{voice}_{number:03d}", *spoken, f"flite_{voice}", "en", origin)
