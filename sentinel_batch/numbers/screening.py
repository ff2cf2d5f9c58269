"""Readings of many numbers at once, where the first look decides; they are those of ``reading.py``, or none.

A number is decided here only if no other reading of it can be valid. All others are left to :class:`Reader`, each
distinct one once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .decisions import Decisions
from .grading import load_grader
from .kinds import (
    BARE_FIRST,
    BARE_INTERNATIONAL,
    EXIT_CODE,
    HOME_CODE,
    HOME_ONLY,
    IMPOSSIBLE,
    INTERNATIONAL,
    NATIONAL,
    NATIONAL_OR_FOREIGN,
    POSSIBLE,
)
from .plan import LONGEST, MARKED, NO_NUMBER, VALID, Plan, Region
from .reading import SHORT_CODE_DIGITS, SHORTEST, Reader
from .typed import LONGEST_TYPED

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Integers = NDArray[np.uint64]

_BASE = MARKED - 1
_POWERS = np.array([10**power for power in range(LONGEST_TYPED + 2)], dtype=np.uint64)


class Screen:
    """Decides numbers typed in one region.

    Parameters
    ----------
    reader
        Reads what is left.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader, self._home = reader, reader.home
        self._code = self._home.code
        self._is_main = reader.plan.codes[self._code] == self._home.name
        self._keeps_prefix = _may_keep_prefix(reader.plan, self._home)
        self._lengths, self._codes = _possible_lengths(reader.plan), _first_codes(reader.plan)
        self._grade = load_grader().grade

    def decide_international(self, text: pl.Series, values: Integers, digits: Bytes) -> Decisions:
        """Decide numbers with ``+``.

        Parameters
        ----------
        text
            Their digits.
        values
            The same as whole numbers.
        digits
            How many they are, at most 17.
        """
        decisions = Decisions.none(len(values))
        whole = (digits >= SHORTEST) & (digits <= LONGEST) & (values >= _POWERS[np.maximum(digits, 1) - 1])
        grades = self._grade(values, digits)
        decisions.take(whole & (grades == VALID), INTERNATIONAL)
        doubled, cut = self._find_doubled(values, digits)
        decisions.take(whole & doubled & (grades & _BASE != VALID), INTERNATIONAL, cut=cut, home=True)
        nothing = whole & (grades == NO_NUMBER)
        if nothing.any():
            heads = values[nothing] // _POWERS[digits[nothing] - 3]
            possible = np.zeros(len(values), np.bool_)
            possible[nothing] = (self._lengths[heads] >> digits[nothing]) & 1 == 1
            decisions.take(possible, INTERNATIONAL, kind=POSSIBLE)
            decisions.take(nothing, INTERNATIONAL, kind=IMPOSSIBLE)
        return decisions

    def decide_dialled(self, text: pl.Series, values: Integers, digits: Bytes) -> Decisions:
        """Decide numbers without ``+``.

        Parameters
        ----------
        text
            Their digits.
        values
            The same as whole numbers.
        digits
            How many they are, at most 17.
        """
        decisions, begins = Decisions.none(len(values)), _Beginnings(values, digits)
        long = (digits > SHORT_CODE_DIGITS) & (digits <= LONGEST_TYPED)
        exits, own = self._find_exits(text, begins), begins.having(self._code)
        cut, known = _find_prefix(self._home, text, begins)
        bare = self._grade_where(values >= _POWERS[digits - 1], values, digits)
        as_national = self._is_valid((cut == 0) | self._keeps_prefix, values, digits)
        stripped = self._is_valid(cut > 0, *_cut_off(values, digits, cut)) if cut.any() else np.zeros_like(long)
        nothing_home = long & ~exits & ~own & ~as_national & ~stripped & known
        foreign = long & (bare == VALID) & ~own
        if self._reader.mode == BARE_FIRST:
            decisions.take(foreign, BARE_INTERNATIONAL)
        fitting = np.isin(digits - np.minimum(digits, cut), self._home.lengths)
        home = long & ~exits & ~own & known & ((as_national & (cut == 0)) | (stripped & fitting))
        rival, clear = self._find_rivals(home, text, values, digits, bare)
        self._take_home(decisions, home & clear & as_national & (cut == 0), rival, 0)
        self._take_home(decisions, home & clear & stripped & fitting, rival, cut)
        self._take_own(decisions, long & own & ~exits & ~as_national & known, values, digits, bare)
        self._take_exits(decisions, long & ~own & (bare & MARKED == 0), nothing_home, values, digits)
        if self._reader.mode not in (HOME_ONLY, BARE_FIRST):
            decisions.take(foreign & nothing_home, BARE_INTERNATIONAL)
        return decisions

    def _find_rivals(
        self, home: Flags, text: pl.Series, values: Integers, digits: Bytes, bare: Bytes
    ) -> tuple[Flags, Flags]:
        """Tell which numbers dialled at home are valid abroad, too, and of which that is known."""
        if self._reader.mode == HOME_ONLY:
            return np.zeros_like(home), np.ones_like(home)
        rival, clear = bare == VALID, bare & MARKED == 0
        places = np.flatnonzero(home & ~clear)
        # Where numbers abroad are looked for first, one with a national prefix in it may be read in more ways.
        if len(places) and self._reader.mode != BARE_FIRST:
            rival[places], clear[places] = self._look_behind(
                text.gather(places), values[places], digits[places], bare[places]
            )
        return rival, clear

    def _look_behind(self, text: pl.Series, values: Integers, digits: Bytes, bare: Bytes) -> tuple[Flags, Flags]:
        """Tell which numbers abroad are valid without the national prefix behind their code, and of which it is known.

        ``810…`` at home in Nigeria could be Japan's +81, followed by Japan's own 0.
        """
        rival, clear = np.zeros(len(values), np.bool_), np.zeros(len(values), np.bool_)
        codes = self._codes[values // _POWERS[digits - 3]]
        for code in np.unique(codes[codes > 0]).tolist():
            mine, region, size = np.flatnonzero(codes == code), self._reader.plan.main_region(str(code)), len(str(code))
            national, rest = _cut_off(values[mine], digits[mine], np.uint8(size))
            cut, known = _find_prefix(region, text.gather(mine).str.slice(size), _Beginnings(national, rest))
            inner, left = _cut_off(national, rest, cut)
            full = inner + np.uint64(code) * _POWERS[left]
            valid = self._grade(full, left + np.uint8(size)) & _BASE == VALID
            kept = [length for length in range(LONGEST_TYPED + 1) if region.is_stripped_length(length)]
            rival[mine] = known & valid & ((cut == 0) | np.isin(left, kept))
            # What is valid with the prefix, and not without it, is a question of the region's general pattern.
            clear[mine] = known & (rival[mine] | (bare[mine] & _BASE != VALID))
        return rival, clear

    def _take_home(self, decisions: Decisions, chosen: Flags, rival: Flags, cut: Bytes | int) -> None:
        """Take numbers dialled at home; of those that are valid abroad, too, it is said."""
        decisions.take(chosen & ~rival, NATIONAL, cut=cut, home=True)
        decisions.take(chosen & rival, NATIONAL_OR_FOREIGN, cut=cut, home=True)

    def _take_own(self, decisions: Decisions, chosen: Flags, values: Integers, digits: Bytes, bare: Bytes) -> None:
        """Take numbers that begin with the home country code, also with the national prefix behind it."""
        if not self._is_main:
            return
        decisions.take(chosen & (bare == VALID), HOME_CODE)
        doubled, cut = self._find_doubled(values, digits)
        decisions.take(chosen & doubled & (bare & _BASE != VALID), HOME_CODE, cut=cut, home=True)

    def _take_exits(
        self, decisions: Decisions, chosen: Flags, nothing_home: Flags, values: Integers, digits: Bytes
    ) -> None:
        """Take numbers behind the home region's exit code, where it is plain digits, or behind ``00``."""
        own = self._home.exit.pattern if self._home.exit is not None else ""
        begins = _Beginnings(values, digits)
        for code in dict.fromkeys([own if own.isdigit() else "", "00"]):
            if code:
                led = chosen & begins.having(code)
                if not led.any():
                    continue
                inner, rest = _cut_off(values, digits, np.uint8(len(code)))
                led &= (inner >= _POWERS[np.maximum(rest, 1) - 1]) & (rest >= SHORTEST)
                valid = self._grade_where(led, inner, rest) == VALID
                decisions.take(led & valid & (nothing_home | (code == own)), EXIT_CODE, cut=len(code))

    def _grade_where(self, chosen: Flags, values: Integers, digits: Bytes) -> Bytes:
        """Return the grades of the chosen numbers; 0 of all others."""
        if chosen.all():
            return self._grade(values, digits)
        grades = np.zeros(len(values), np.uint8)
        if chosen.any():
            grades[chosen] = self._grade(values[chosen], digits[chosen])
        return grades

    def _is_valid(self, chosen: Flags, national: Integers, digits: Bytes) -> Flags:
        """Tell which of the chosen national numbers are valid at home."""
        fits = chosen & (digits <= LONGEST - len(self._code))
        if not fits.any():
            return fits
        full = national + np.uint64(self._code) * _POWERS[np.where(fits, digits, 0)]
        valid: Flags = self._grade_where(fits, full, digits + np.uint8(len(self._code))) & _BASE == VALID
        return valid

    def _find_exits(self, text: pl.Series, begins: _Beginnings) -> Flags:
        """Tell which numbers may begin with the home region's exit code."""
        source = self._home.exit.pattern if self._home.exit is not None else ""
        if source.isdigit() or not source:
            return begins.having(source) if source else np.zeros(len(text), np.bool_)
        return text.str.contains(f"^(?:{source})").to_numpy()

    def _find_doubled(self, values: Integers, digits: Bytes) -> tuple[Flags, int]:
        """Tell which numbers are valid without the national prefix behind the home code, and where the rest begins."""
        prefix = self._home.literal_prefix
        if not prefix or not self._is_main:
            return np.zeros(len(values), np.bool_), 0
        cut = len(self._code) + len(prefix)
        begun = _Beginnings(values, digits).having(self._code + prefix)
        if not begun.any():
            return begun, cut
        inner, rest = _cut_off(values, digits, np.uint8(cut))
        full = inner + np.uint64(self._code) * _POWERS[np.where(begun, rest, 0)]
        return begun & (self._grade_where(begun, full, rest + np.uint8(len(self._code))) == VALID), cut


@dataclass(frozen=True)
class _Beginnings:
    values: Integers
    digits: Bytes

    def having(self, head: str) -> Flags:
        """Tell which numbers begin with these digits.

        Those of one length lie between two bounds, so no number is divided: that cost a fifth of all work on numbers.
        """
        least, span = _bounds(head)
        begun: Flags = self.values - least[self.digits] < span[self.digits]
        return begun


def _find_prefix(region: Region, text: pl.Series, begins: _Beginnings) -> tuple[Bytes, Flags]:
    """Return how many digits of each number are national prefix, and whether no other digits change with it."""
    literal, prefix = region.literal_prefix, region.prefix
    if literal is not None or prefix is None:
        flags = begins.having(literal) if literal else np.zeros(len(text), np.bool_)
        return (flags * np.uint8(len(literal or ""))).astype(np.uint8), np.ones(len(text), np.bool_)
    found = text.str.extract(f"^({prefix.pattern})", 1).str.len_bytes().fill_null(0).to_numpy().astype(np.uint8)
    if not region.rule:
        return found, np.ones(len(text), np.bool_)
    return found, text.str.extract(f"^(?:{prefix.pattern})", prefix.groups).is_null().to_numpy()


@cache
def _bounds(head: str) -> tuple[Integers, Integers]:
    """Return for each length the least number that begins so, and how many do; numbers below it wrap beyond these."""
    rests = [max(digits - len(head), 0) for digits in range(LONGEST_TYPED + 1)]
    spans = [10**rest * (digits >= len(head)) for digits, rest in enumerate(rests)]
    least = [int(head) * span for span in spans]
    return np.array(least, dtype=np.uint64), np.array(spans, dtype=np.uint64)


def _cut_off(values: Integers, digits: Bytes, cut: Bytes | np.uint8) -> tuple[Integers, Bytes]:
    """Return numbers without so many of their first digits, and how many they still have."""
    rest = digits - np.minimum(digits, cut)
    return values % _POWERS[rest], rest


def _may_keep_prefix(plan: Plan, home: Region) -> bool:
    """Tell whether a number at home may begin with the digits of the national prefix, and keep them."""
    if home.literal_prefix is None:
        return True
    state = plan.root
    for digit in home.code + home.literal_prefix:
        state = int(plan.children[state, int(digit)])
    reached = {state}
    for _ in range(LONGEST):
        reached |= set(plan.children[sorted(reached)].ravel().tolist())
    return bool((plan.grades[sorted(reached)] & _BASE == VALID).any())


def _possible_lengths(plan: Plan) -> NDArray[np.uint32]:
    """Return for each first three digits, as bits, how many digits international numbers that begin so can have."""
    bits = np.zeros(1000, np.uint32)
    for code in plan.codes:
        lengths = sum(1 << (len(code) + length) for length in plan.main_region(code).lengths)
        first = int(code.ljust(3, "0"))
        bits[first : first + 10 ** (3 - len(code))] = lengths & 0xFFFFFFFF
    return bits


def _first_codes(plan: Plan) -> NDArray[np.uint16]:
    """Return for each first three digits the country code that they begin with; 0 where there is none."""
    codes = np.zeros(1000, np.uint16)
    for code in plan.codes:
        first = int(code.ljust(3, "0"))
        codes[first : first + 10 ** (3 - len(code))] = int(code)
    return codes
