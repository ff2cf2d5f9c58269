"""Words of CDR files: outcomes, directions, record types that are no calls; the lists are in ``words.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

NOT_CALLS = "@not-calls"
"""Stands in a dialect for the values of :func:`is_not_call`."""


@cache
def list_words(topic: str, kind: str) -> frozenset[str]:
    """Return the words of one list, all languages together, such as those of ``outcome``, ``answered``."""
    lists = tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))[topic][kind]
    return frozenset(word for words in lists.values() for word in words)


def fold_word(text: str) -> str:
    """Return a name or a word as they are compared: lower case, no accents, ``_`` between words."""
    plain = unicodedata.normalize("NFKD", text.strip().strip("'\"")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")


def fold_value(text: str) -> str:
    """Return a value as values of a dialect are compared; scripts that :func:`fold_word` loses in lower case."""
    return fold_word(text) or text.strip().strip("'\"").lower()


def read_outcome(text: str) -> bool | None:
    """Tell whether a word says that a call was answered; None if it says neither."""
    word = fold_word(text)
    if word in list_words("outcome", "answered"):
        return True
    return False if word in list_words("outcome", "unanswered") else None


def is_odd_outcome(text: str) -> bool:
    """Tell whether this is a word, and none that is known: its meaning may be missed."""
    word = fold_word(text)
    known = read_outcome(text) is not None or word in list_words("outcome", "neutral")
    return re.search(r"[a-z]{2}", word) is not None and not known


def is_not_call(text: str) -> bool:
    """Tell whether a record type names something other than a call, such as ``SMS-MO``, ``Data call`` or ``4G``."""
    word = fold_word(text)
    parts = {word, *word.split("_")}
    if parts & list_words("record", "calls"):
        return False
    if parts & list_words("record", "not_calls") or re.search("sms|mms", word):
        return True
    return bool(parts & list_words("record", "bearers")) and not parts & list_words("record", "maybe_calls")


def read_way(text: str, words: Mapping[str, str]) -> str | None:
    """Return what a direction means, None if it is none of these words; ``VOICE-TERM`` is read as ``TERM``."""
    folded = fold_value(text)
    medium = list_words("direction", "medium")
    return words.get(folded) or words.get("_".join(part for part in folded.split("_") if part not in medium))
