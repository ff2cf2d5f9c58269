"""Phonemes for neural voices: the IPA of espeak-ng, clause by clause, with the punctuation that voices expect."""

from __future__ import annotations

import re
import subprocess
from functools import cache

from research.corpus.engines.programs import require_program

_CLAUSE = re.compile(r"([^,.;:!?¿¡]+)|([,.;:!?])")


@cache
def phonemize(text: str, voice: str, *, tie: str = "") -> str:
    """Return the IPA of a sentence with its punctuation.

    Parameters
    ----------
    text
        One sentence.
    voice
        espeak-ng voice, such as ``en-us``.
    tie
        Sign between the letters of a diphthong or affricate, or nothing.
    """
    parts = (
        _phonemize_clause(clause.strip(), voice, tie) if clause.strip() else mark
        for clause, mark in _CLAUSE.findall(text)
        if clause.strip() or mark
    )
    return re.sub(r"\s+([,.;:!?])", r"\1", " ".join(parts))


def _phonemize_clause(clause: str, voice: str, tie: str) -> str:
    program = require_program("espeak-ng", "espeak-ng")
    command = [program, "-q", "--ipa", "-v", voice, *([f"--tie={tie}"] if tie else []), clause]
    spoken = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return re.sub(r"\([a-z-]+\)", "", " ".join(spoken.split()))
