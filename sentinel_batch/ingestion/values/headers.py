"""Names of columns as words: CamelCase is split, and the party that an A or a B stands for is known."""

from __future__ import annotations

import re

from sentinel_batch.ingestion.values.words import fold_word, list_words

_HUMP = re.compile(r"(?<=[a-zß-ÿ0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a word begins in CamelCase; ``IMEI`` is one word, ``callID`` and ``CDRType`` are two."""


def fold_header(text: str) -> str:
    """Return a column's name as :func:`fold_word` does, with ``_`` between the words of CamelCase too."""
    return fold_word(_HUMP.sub("_", text))


def find_side(name: str) -> str | None:
    """Return ``caller`` or ``callee`` if a column's name says whose number it holds, such as ``Rufnummer B``.

    Parameters
    ----------
    name
        The column's name as the file spells it.
    """
    words = fold_header(name).split("_")
    ends = {words[0], words[-1]}  # Elsewhere an a may be a word of a language.
    said = {
        "caller": "a" in ends or bool(list_words("header", "calling").intersection(words)),
        "callee": "b" in words or bool(list_words("header", "called").intersection(words)),
    }
    return next((side for side in said if said[side]), None) if sum(said.values()) == 1 else None
