"""Words of CDR files: outcomes, directions, record types that are no calls; the lists are in ``words.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from sentinel_batch.ingestion.values.codes import read_code, split_code

NOT_CALLS = "@not-calls"
"""Stands in a dialect for the values of :func:`is_not_call`."""


@cache
def list_words(topic: str, kind: str) -> frozenset[str]:
    """Return the words of one list, all languages together, such as those of ``outcome``, ``answered``."""
    return frozenset(word for words in _read_lists()[topic][kind].values() for word in words)


@cache
def _read_lists() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Return the content of ``words.toml``; to read it once for each list took 15 ms of an ingest."""
    return tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))


def fold_word(text: str) -> str:
    """Return a name or a word as they are compared: lower case, no accents, ``_`` between words."""
    plain = unicodedata.normalize("NFKD", text.strip().strip("'\"")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")


def fold_value(text: str) -> str:
    """Return a value as values of a dialect are compared; scripts that :func:`fold_word` loses in lower case."""
    return fold_word(text) or text.strip().strip("'\"").lower()


def read_outcome(text: str, codes: str | None = None) -> bool | None:
    """Tell whether a word says that a call was answered; None if it says neither.

    Parameters
    ----------
    text
        A word, a code, or a code and its text: ``486 Busy Here``.
    codes
        What numbers are, one of :data:`~sentinel_batch.ingestion.values.codes.CODES`.
    """
    known = {said for part in _split_outcome(text) if (said := _read_word(part)) is not None}
    return known.pop() if len(known) == 1 else read_code(text, codes)


def _read_word(text: str) -> bool | None:
    word = fold_word(text)
    if word in list_words("outcome", "answered"):
        return True
    return False if word in list_words("outcome", "unanswered") else None


def _split_outcome(text: str) -> list[str]:
    """Return an outcome as it is, where it is known; else its parts, such as those of ``Failed - busy``."""
    if _read_word(text) is not None:
        return [text]
    code = split_code(text)
    return re.split(r"\s-\s|[,:;/()]", code[2] if code is not None else text)


def is_odd_outcome(text: str, codes: str | None = None) -> bool:
    """Tell whether this is a word, and none that is known: its meaning may be missed."""
    code = split_code(text)
    word = fold_word(text if code is None else code[2])
    known = read_outcome(text, codes) is not None or word in list_words("outcome", "neutral")
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
