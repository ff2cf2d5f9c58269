"""GnuSpeech: an articulatory synthesiser, a tube model of the vocal tract (npm ``@echogarden/gnuspeech-wasm``).

It needs Node.js and the package installed by ``npm install`` in ``<work>/dl/node``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from audio_batch.errors import AudioUsageError
from research.corpus.catalogue import Clip, Origin
from research.corpus.engines.programs import require_program, speak_to_wave
from research.corpus.texts import take_sentences

VOICES = ("male", "female", "large_child", "male", "female")
CLIPS = 90
SCRIPT = """
import { synthesize } from '@echogarden/gnuspeech-wasm'
import { readFileSync, writeFileSync } from 'fs'
const [voice, tempo, wave] = process.argv.slice(2)
const { audioData } = await synthesize(readFileSync(0, 'utf8'), { voice, tempo: Number(tempo) })
writeFileSync(wave, audioData)
"""


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield English clips of the grown-up voices and one child; `mirror` is not used."""
    folder = work / "dl" / "node"
    package = folder / "node_modules" / "@echogarden" / "gnuspeech-wasm" / "package.json"
    if not package.exists():
        raise AudioUsageError("GnuSpeech is not installed", hint=f"npm install @echogarden/gnuspeech-wasm in {folder}")
    node = require_program("node", "nodejs")
    version = json.loads(package.read_text(encoding="utf-8"))["version"]
    script = folder / "speak.mjs"
    script.write_text(SCRIPT, encoding="utf-8")
    origin = Origin("gnuspeech", "@echogarden/gnuspeech-wasm", version, "GPL-3.0-or-later", "gnuspeech", "articulatory")
    for number, (_, text) in enumerate(take_sentences("en", CLIPS)):
        voice, tempo = VOICES[number % len(VOICES)], ("1.0", "0.9", "1.1")[number % 3]
        if spoken := speak_to_wave([node, str(script), voice, tempo, "{wave}"], text.encode()):
            yield Clip(f"{voice}_{number:03d}", *spoken, f"gnuspeech_{voice}", "en", origin)
