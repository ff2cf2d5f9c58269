"""The sentences that the synthetic voices say, in the languages of the human recordings and a few more."""

from __future__ import annotations

import tomllib
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from audio_batch.errors import AudioUsageError

_SENTENCES = Path(__file__).with_name("sentences.toml")


@cache
def _all_sentences() -> dict[str, tuple[str, ...]]:
    with _SENTENCES.open("rb") as file:
        return {language: tuple(lines) for language, lines in tomllib.load(file).items()}


def list_languages() -> tuple[str, ...]:
    """Return the ISO 639-1 codes of the languages that have sentences."""
    return tuple(_all_sentences())


def get_sentences(language: str) -> tuple[str, ...]:
    """Return every sentence of a language, in file order.

    Parameters
    ----------
    language
        ISO 639-1 code; a region after it, as in ``en-us``, is ignored.

    Raises
    ------
    AudioUsageError
        There is no sentence in that language.
    """
    code = language.split("-")[0].split("_")[0]
    if code not in _all_sentences():
        allowed = ", ".join(list_languages())
        raise AudioUsageError(
            f"no sentences in the language {language!r}; there are: {allowed}", hint=f"add them to {_SENTENCES.name}"
        )
    return _all_sentences()[code]


def take_sentences(language: str, count: int, *, offset: int = 0) -> list[tuple[int, str]]:
    """Return `count` numbered sentences from `offset` on, starting again after the last one.

    Parameters
    ----------
    language
        ISO 639-1 code.
    count
        How many sentences.
    offset
        Where to start, so that two voices do not say the same ones.

    Returns
    -------
    list of (int, str)
        Position in the language's list, and the sentence.
    """
    numbered = list(enumerate(get_sentences(language)))
    return list(islice(cycle(numbered), offset % len(numbered), offset % len(numbered) + count))
