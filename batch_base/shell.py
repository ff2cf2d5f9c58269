"""Words as a shell takes them, so that a command in a message can be typed, or pasted, as it is."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "'": "\\'", "\\": "\\\\"}


def quote_word(word: str | os.PathLike[str]) -> str:
    """Return a word quoted for bash and zsh.

    Control and direction characters, and bytes that are no UTF-8, are written as escapes in ``$'…'``: as they are they
    could end the command, steer the terminal, or not be shown at all.

    Parameters
    ----------
    word
        Text or a path; what is no UTF-8 as Python's ``surrogateescape`` has it.
    """
    text = os.fspath(word)
    return shlex.quote(text) if text.isprintable() else f"$'{''.join(map(_escape, text))}'"


def join_words(words: Iterable[str | os.PathLike[str]]) -> str:
    """Return a command of several words, each quoted where it must be."""
    return " ".join(map(quote_word, words))


def _escape(character: str) -> str:
    short = _SHORT.get(character)
    if short is not None:
        return short
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def type_last(name: str) -> str:
    """Return a file's name as typed at the end of a command: quoted, and after ``--`` if it begins with a dash."""
    return f"{'-- ' * name.startswith('-')}{quote_word(name)}"
