"""Festival: diphone and HTS voices of the Debian packages, in five languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.programs import get_debian_version, require_program, speak_to_wave
from research.corpus.texts import take_sentences


@dataclass(frozen=True)
class Voice:
    """A voice of Festival, with the Debian package that holds it and its licence."""

    name: str
    package: str
    family: str
    language: str
    encoding: str
    licence: str
    clips: int = 40


VOICES = (
    Voice("kal_diphone", "festvox-kallpc16k", "diphone", "en", "latin-1", "CMU (permissive)", 70),
    Voice("ked_diphone", "festvox-kdlpc16k", "diphone", "en", "latin-1", "CMU (permissive)", 70),
    Voice("cmu_us_slt_arctic_hts", "festvox-us-slt-hts", "hts", "en", "latin-1", "BSD-3-Clause", 100),
    Voice("upc_ca_ona_hts", "festvox-ca-ona-hts", "hts", "ca", "latin-1", "LGPL-2.1-or-later", 60),
    Voice("lp_diphone", "festvox-italp16k", "diphone", "it", "latin-1", "GPL-2.0-or-later", 45),
    Voice("pc_diphone", "festvox-itapc16k", "diphone", "it", "latin-1", "GPL-2.0-or-later", 45),
    Voice("czech_ph", "festvox-czech-ph", "diphone", "cs", "iso-8859-2", "GPL-2.0-or-later", 40),
    Voice("czech_machac", "festvox-czech-machac", "diphone", "cs", "iso-8859-2", "GPL-3.0-or-later", 40),
    Voice("czech_dita", "festvox-czech-dita", "diphone", "cs", "iso-8859-2", "GPL-3.0-or-later", 40),
    Voice("czech_krb", "festvox-czech-krb", "diphone", "cs", "iso-8859-2", "GPL-3.0-or-later", 40),
    Voice("suo_fi_lj_diphone", "festvox-suopuhe-lj", "diphone", "fi", "latin-1", "LGPL-2.1-or-later", 30),
    Voice("hy_fi_mv_diphone", "festvox-suopuhe-mv", "diphone", "fi", "latin-1", "LGPL-2.1-or-later", 30),
)


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield clips of every voice that is installed; `work` and `mirror` are not used."""
    program = require_program("text2wave", "festival")
    for voice in VOICES:
        yield from _speak(program, voice)


def _speak(program: str, voice: Voice) -> Iterator[Clip]:
    version = get_debian_version(voice.package)
    origin = Origin("festival", voice.package, version, voice.licence, f"festival_{voice.name}", voice.family)
    for number, (_, text) in enumerate(take_sentences(voice.language, voice.clips)):
        stretch = (1.0, 1.1, 0.92)[number % 3]
        setup = [f"(voice_{voice.name})", f"(Parameter.set 'Duration_Stretch {stretch})"]
        command = [program, *(part for line in setup for part in ("-eval", line)), "-o", "{wave}"]
        spoken = speak_to_wave(command, text.encode(voice.encoding, "replace"))
        if spoken:
            yield Clip(f"{voice.name}_{number:03d}", *spoken, f"festival_{voice.name}", voice.language, origin)
