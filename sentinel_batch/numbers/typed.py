"""What people, switches and spreadsheets put around a number, taken off; and what is no number at all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .kinds import ALPHANUMERIC, ANONYMOUS, MISSING, NOTHING, ROUNDED, SHORT_CODE, UNKNOWN

MISSING_TOKENS = ("", "null", "none", "nil", "-", "--", r"\n", "n/a", "na", "nan")
"""What stands for no value, in lower case."""

SEPARATORS = r"[\s().\-/]+"
"""Pattern of what may stand between digits."""

WHOLE_FLOAT = r"^(\+?[0-9]{1,17})[.,]0{1,2}$"
"""Pattern of a number that a spreadsheet or a data frame holds as a float."""

LONGEST_TYPED = 17
"""Digits of the longest number that is looked at as a number: an exit code, and 15."""

_ANONYMOUS = {"anonymous", "anonyme", "private", "withheld", "restricted", "unavailable", "unknown", "masque", "prive"}
_SEPARATORS = re.compile(SEPARATORS)
_ZERO = re.compile(r"\(0\)(?=.*[0-9])")
_FORMULA = re.compile(r'^="?(.*?)"?$')
_URI = re.compile(r"^(?:sips?|tel):([^@;>]*)", re.IGNORECASE)
_WHOLE_FLOAT = re.compile(WHOLE_FLOAT)
_BROKEN_FLOAT = re.compile(r"\+?[0-9]{7,17}[.,][0-9]{1,2}")
_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")
_EXTENSION = re.compile(r"(.*\d|)[ ,;]{0,3}(?:x|ext|extension|poste)[ .:]{0,3}(\d{1,7})", re.IGNORECASE)
"""An extension, alone or behind the number that it is reached by."""
_STARRED = re.compile(r"[0-9*#]+")


@dataclass(frozen=True)
class Digits:
    """A number's digits, and whether ``+`` stood before them."""

    digits: str
    plus: bool

    @property
    def dense(self) -> str:
        """The number as typed, without what stood around and between its digits."""
        return "+" * self.plus + self.digits


def read_typed(text: str | None) -> Digits | tuple[str | None, str]:
    """Return the digits of a typed number; for all that is none, its normal form and its kind.

    A float is a number if it shows all its digits: ``8031230001.0``, ``8.031230001E+09``. In ``2.34803E+12`` the last
    ones are lost: :data:`~sentinel_batch.numbers.kinds.ROUNDED`.
    """
    typed = _FORMULA.sub(r"\1", (text or "").strip()).strip("'\"").strip()
    if typed.lower() in MISSING_TOKENS:
        return None, MISSING
    uri = _URI.match(typed)
    if uri and not any(character.isalpha() for character in uri[1]):
        typed = uri[1]
    extension = _EXTENSION.fullmatch(typed)
    if extension:
        typed = extension[1] or extension[2]
    if typed.lower() in _ANONYMOUS:
        return typed.lower(), ANONYMOUS
    exact = _read_float(typed)
    if exact is None:
        return typed, ROUNDED
    if any(character.isalpha() for character in exact):
        return typed, ALPHANUMERIC
    return _read_dense(typed, exact)


def _read_float(typed: str) -> str | None:
    """Return a number that was stored as a float with all its digits, other text as it is, None if digits are lost."""
    scientific = _SCIENTIFIC.fullmatch(typed)
    if scientific:
        fraction, exponent = scientific[2] or "", int(scientific[3])
        shown = fraction.rstrip("0") if len(fraction) > exponent else fraction
        return scientific[1] + shown if len(shown) == exponent else None
    return _WHOLE_FLOAT.sub(r"\1", typed)


def _read_dense(typed: str, exact: str) -> Digits | tuple[str, str]:
    dense = _SEPARATORS.sub("", _ZERO.sub("", exact) if exact.startswith("+") else exact)
    digits = dense.removeprefix("+")
    if not any(character.isdigit() for character in digits):
        return typed, NOTHING
    if not (digits.isascii() and digits.isdigit()):
        return (dense, SHORT_CODE) if _STARRED.fullmatch(digits) else (typed, UNKNOWN)
    return (typed, UNKNOWN) if _BROKEN_FLOAT.fullmatch(exact) else Digits(digits, dense.startswith("+"))
