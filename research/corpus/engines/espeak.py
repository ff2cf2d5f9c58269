"""espeak-ng: formant synthesis, with its own synthesiser and with Klatt's (Klatt 1980)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.programs import get_debian_version, require_program, speak_to_wave
from research.corpus.texts import take_sentences

LANGUAGES = ("en-gb", "en-us", "es", "es-419", "fr-fr", "it", "de", "cs", "pt-br", "ru", "fi", "en-gb-scotland")
VARIANTS = (
    *("", "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "Alex", "Alicia", "Andrea"),
    *("Annie", "Denis", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "adam", "anika", "antonio", "belinda"),
    *("benjamin", "boris", "caleb", "david", "edward", "grandma", "iven", "linda", "max", "pablo", "paul", "quincy"),
    *("rob", "sandro", "shelby", "steph", "travis", "victor", "zac", "whisper", "croak"),
)
KLATT_VARIANTS = ("klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6")
PITCHES = (40, 50, 60, 35, 55, 70)
SPEEDS = (150, 165, 180, 140)


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield the clips of both synthesisers; `work` and `mirror` are not used."""
    yield from _speak("espeak_ng", VARIANTS, 150)
    yield from _speak("espeak_ng_klatt", KLATT_VARIANTS, 120)


def _speak(attack: str, variants: tuple[str, ...], count: int) -> Iterator[Clip]:
    program = require_program("espeak-ng", "espeak-ng")
    origin = Origin("espeak_ng", "espeak-ng", get_debian_version("espeak-ng"), "GPL-3.0-or-later", attack, "formant")
    for number, variant in enumerate(islice(cycle(variants), count)):
        language = LANGUAGES[number % len(LANGUAGES)]
        _, text = take_sentences(language, 1, offset=number * 7)[0]
        voice = f"{language}+{variant}" if variant else language
        pitch, speed = PITCHES[number % len(PITCHES)], SPEEDS[number % len(SPEEDS)]
        command = [program, "-v", voice, "-p", str(pitch), "-s", str(speed), "-w", "{wave}", text]
        if spoken := speak_to_wave(command):
            speaker = f"espeak_ng_{variant or 'default'}_{language}"
            yield Clip(f"{attack}_{number:03d}", *spoken, speaker, language[:2], origin)
