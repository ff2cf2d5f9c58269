"""One number, read as the numbering plan allows: the order of readings, in plain Python."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from .kinds import (
    AMBIGUOUS,
    AS_TYPED,
    AUTO,
    BARE_FIRST,
    BARE_INTERNATIONAL,
    E164,
    EXIT_CODE,
    FORMER,
    HOME_CODE,
    HOME_ONLY,
    IMPOSSIBLE,
    INTERNATIONAL,
    NATIONAL,
    NATIONAL_OR_FOREIGN,
    POSSIBLE,
    SHORT_CODE,
    UNKNOWN,
)
from .plan import FORMER_PLAN, LONGEST, MARKED, VALID, Plan, Region, load_plan
from .typed import Digits, read_typed

SHORT_CODE_DIGITS = 7
"""National short codes, special services and extensions have at most so many digits (ITU-T E.164 does not apply)."""

SHORTEST_BARE = 5
"""With fewer digits, nothing is a number even where mobile numbers are that short."""

SHORTEST = 7
"""Digits of the shortest international number that is taken for one."""


class Read(NamedTuple):
    """A number in normal form, what it is, and how it was read."""

    number: str | None
    kind: str
    reading: str


class _Candidate(NamedTuple):
    """A way to read digits: country code, national number, and how they were found."""

    code: str
    national: str
    typed: str
    reading: str

    @property
    def digits(self) -> str:
        return self.code + self.national


def normalise_number(text: str | None, region: str, mode: str = AUTO) -> tuple[str | None, str]:
    """Return one number in normal form, and its kind.

    Parameters
    ----------
    text
        The number as typed.
    region
        Where national numbers are read, such as ``NG``.
    mode
        How digits without ``+`` are read: one of :data:`~sentinel_batch.numbers.kinds.MODES`.

    Returns
    -------
    tuple
        The number (E.164 with ``+``, or as typed) and one of :data:`~sentinel_batch.numbers.kinds.KINDS`.
    """
    return reader_of(region, mode).read(text)[:2]


@lru_cache(maxsize=64)
def reader_of(region: str, mode: str = AUTO) -> Reader:
    """Return the reader of a region's numbers; KeyError if there is no such region."""
    plan = load_plan()
    return Reader(plan, plan.region(region), mode)


@dataclass(frozen=True)
class Reader:
    """Reads numbers typed in one region.

    The order: valid at home; valid as international, with ``+``, with an exit code, or bare; valid in an earlier plan;
    only possible. Nothing that is not valid is called ``e164``.

    Parameters
    ----------
    plan
        The numbering plan.
    home
        Where national numbers are read.
    mode
        One of :data:`~sentinel_batch.numbers.kinds.MODES`.
    """

    plan: Plan
    home: Region
    mode: str = AUTO

    def read(self, text: str | None) -> Read:
        """Read one number, as typed."""
        typed = read_typed(text)
        if not isinstance(typed, Digits):
            return Read(*typed, AS_TYPED)
        return self._read_international(typed.dense) if typed.plus else self._read_dialled(typed.digits)

    def _read_international(self, dense: str) -> Read:
        """Read a number with ``+``; it stays an international number even if there can be none such."""
        digits = dense[1:]
        if not SHORTEST <= len(digits) <= LONGEST or digits[0] == "0":
            return Read(dense, UNKNOWN, AS_TYPED)
        candidate = self._split(digits, INTERNATIONAL)
        if candidate is None:
            return Read(dense, IMPOSSIBLE, INTERNATIONAL)
        return self._find([candidate]) or Read(dense, self._judge(candidate), INTERNATIONAL)

    def _judge(self, candidate: _Candidate) -> str:
        lengths = self.plan.main_region(candidate.code).lengths
        return POSSIBLE if len(candidate.typed) - len(candidate.code) in lengths else IMPOSSIBLE

    def _read_dialled(self, digits: str) -> Read:
        """Read a number without ``+``."""
        if len(digits) <= SHORT_CODE_DIGITS:
            return self._read_short(digits)
        home, exits, bare = self._read_home(digits), self._read_exits(digits), self._read_bare(digits)
        order = [*bare, *home, *exits] if self.mode == BARE_FIRST else [*home, *exits, *bare]
        found = self._find(order)
        if found is None:
            return self._find_possible(digits, home, exits, bare)
        return found._replace(reading=self._name_reading(found, bare)) if found.reading == NATIONAL else found

    def _name_reading(self, found: Read, bare: list[_Candidate]) -> str:
        """Return how a number that was found at home is to be called, beside the number that it would be abroad."""
        if any(found.number == f"+{candidate.digits}" for candidate in bare):
            return HOME_CODE
        rival = found.kind == E164 and any(map(self._is_valid, bare))
        return NATIONAL_OR_FOREIGN if rival else NATIONAL

    def _read_short(self, digits: str) -> Read:
        """Read few digits: a number where the home region's are that short, or with a national prefix."""
        home = self._read_home(digits)
        whole = len(digits) >= SHORTEST_BARE and len(digits) in self.home.mobile_lengths and self.mode != BARE_FIRST
        if (whole or digits.startswith("0")) and any(map(self._is_valid, home)):
            return Read(f"+{home[0].digits}", E164, NATIONAL)
        return Read(digits, SHORT_CODE, AS_TYPED)

    def _find(self, candidates: list[_Candidate]) -> Read | None:
        """Return the first candidate that is valid; else the first that was in an earlier plan."""
        for candidate in candidates:
            if self._is_valid(candidate):
                return Read(f"+{candidate.digits}", E164, candidate.reading)
        for candidate in candidates:
            for digits in (candidate.typed, candidate.digits):
                if self.plan.grade(digits) & ~MARKED == FORMER_PLAN:
                    return Read(f"+{digits}", FORMER, candidate.reading)
        return None

    def _is_valid(self, candidate: _Candidate) -> bool:
        return self.plan.grade(candidate.digits) & ~MARKED == VALID

    def _find_possible(
        self, digits: str, home: list[_Candidate], exits: list[_Candidate], bare: list[_Candidate]
    ) -> Read:
        """Return what is left: a number of a likely length, one that could be two, or digits."""
        for candidate in exits:
            if candidate.typed == digits[2:] or self._judge(candidate) == POSSIBLE:
                return Read(f"+{candidate.typed}", self._judge(candidate), EXIT_CODE)
        at_home, abroad = list(filter(self._is_usual, home)), list(filter(self._is_usual, bare))
        marked = any(candidate.national != digits for candidate in at_home)
        if at_home and abroad and not marked and self.mode == AUTO:
            return Read(digits, AMBIGUOUS, AS_TYPED)
        found = [*abroad, *at_home] if self.mode == BARE_FIRST else [*at_home, *abroad]
        if not found:
            return Read(digits, UNKNOWN, AS_TYPED)
        reading = HOME_CODE if found[0].digits == digits and found[0].code == self.home.code else found[0].reading
        return Read(f"+{found[0].digits}", POSSIBLE, reading)

    def _is_usual(self, candidate: _Candidate) -> bool:
        """Tell whether a number has the length of lines and mobiles, and no national prefix left in it."""
        region = self.plan.main_region(candidate.code)
        left = region.prefix.match(candidate.national) if region.prefix is not None else None
        return len(candidate.national) in region.usual_lengths and not (left is not None and left[0])

    def _read_home(self, digits: str) -> list[_Candidate]:
        """Read digits as the library does in the home region: not at all if they begin with its exit code."""
        if _strip_exit(self.home, digits) is not None:
            return []
        code, national, region = self.home.code, digits, self.home
        if digits.startswith(code):
            inner = region.strip_prefix(digits[len(code) :])
            if (not region.fits(digits) and region.fits(inner)) or len(digits) > region.lengths[-1]:
                national, region = inner, self.plan.main_region(code)
        return [_Candidate(code, _shorten(region, national), code + region.strip_prefix(national), NATIONAL)]

    def _read_exits(self, digits: str) -> list[_Candidate]:
        """Read what follows the home region's exit code, and what follows ``00``."""
        rests = [_strip_exit(self.home, digits), digits[2:] if digits.startswith("00") else None]
        found = (self._split(rest, EXIT_CODE) for rest in dict.fromkeys(rests) if rest and len(rest) >= SHORTEST)
        return [candidate for candidate in found if candidate is not None]

    def _read_bare(self, digits: str) -> list[_Candidate]:
        found = self._split(digits, BARE_INTERNATIONAL)
        if found is None:
            return []
        at_home = found.code == self.home.code
        return [found._replace(reading=HOME_CODE)] if at_home else [found] if self.mode != HOME_ONLY else []

    def _split(self, digits: str, reading: str) -> _Candidate | None:
        """Read an international number without ``+``; None if no country code begins so, or it is too long."""
        code = self.plan.code_of(digits)
        if code is None or len(digits) > LONGEST + SHORT_CODE_DIGITS:
            return None
        national = _shorten(self.plan.main_region(code), digits[len(code) :])
        return _Candidate(code, national, digits, reading)


def _strip_exit(region: Region, digits: str) -> str | None:
    """Return what follows the region's exit code; None where none stands (a country code does not begin with 0)."""
    match = region.exit.match(digits) if region.exit is not None else None
    if match is None or digits[match.end() : match.end() + 1] == "0":
        return None
    return digits[match.end() :]


def _shorten(region: Region, national: str) -> str:
    """Return a national number without prefix, unless what is left is too short (``parse`` of the library)."""
    stripped = region.strip_prefix(national)
    return stripped if region.is_stripped_length(len(stripped)) else national


def list_readings(text: str, region: str) -> list[str]:
    """Return what somebody may mean who looks for a number, or for numbers that begin with a prefix.

    Parameters
    ----------
    text
        A number in any notation, or its beginning and ``*``.
    region
        Where national numbers belong.

    Returns
    -------
    list of str
        As the lake may hold it: as typed, and in international form; prefixes without their ``*``.
    """
    if not text.endswith("*"):
        return [text, *filter(None, [normalise_number(text, region)[0]])]
    typed = text[:-1]
    digits = re.sub(r"[\s().\-/]", "", typed)
    home = load_plan().region(region)
    readings = [typed, digits]
    if digits.startswith("00"):
        readings.append("+" + digits[2:])
    elif digits.isascii() and digits.isdigit():
        prefix = home.literal_prefix
        national = digits[len(prefix) :] if prefix and digits.startswith(prefix) else None
        readings += ["+" + digits] if national is None else ["+" + home.code + national]
    return list(dict.fromkeys(readings))
