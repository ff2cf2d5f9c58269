"""Grades of many international numbers at once: whole numbers in, no text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .plan import LONGEST, NO_NUMBER, VALID, load_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.uint64]
    Grades = NDArray[np.uint8]

HEAD = 6
"""Digits that are looked up at once; what follows them seldom matters, as the rest of a range is whole."""

_POWERS = np.array([10**power for power in range(LONGEST + 1)], dtype=np.uint64)
_TAIL = np.uint64(10 ** (LONGEST - HEAD))


class Grader:
    """The plan's automaton, prepared for arrays."""

    def __init__(self) -> None:
        plan = load_plan()
        self._grades, self._children = plan.grades, plan.children
        states = np.array([plan.root], dtype=np.uint16)
        for _ in range(HEAD):
            states = plan.children[states].ravel()
        self._heads = states
        self._all_valid = self._find_uniform(VALID)
        self._no_number = self._find_uniform(NO_NUMBER)

    def grade(self, values: Integers, digits: NDArray[np.uint8]) -> Grades:
        """Return the grade of each number.

        Parameters
        ----------
        values
            The digits as whole numbers.
        digits
            How many digits each has, with its leading zeros; numbers of fewer than :data:`HEAD`, or of more than 15,
            have the grade 0.
        """
        fits = (digits >= HEAD) & (digits <= LONGEST)
        if not fits.all():
            grades = np.zeros(len(values), dtype=np.uint8)
            grades[fits] = self.grade(values[fits], digits[fits])
            return grades
        aligned = values * _POWERS[LONGEST - digits]
        heads = aligned // _TAIL
        states, rest = self._heads[heads], digits - np.uint8(HEAD)
        grades, open_ = self._settle(states, rest)
        if open_.any():
            grades[open_] = self._walk(states[open_], (aligned - heads * _TAIL)[open_], rest[open_])
        return grades

    def _settle(self, states: NDArray[np.uint16], rest: NDArray[np.uint8]) -> tuple[Grades, NDArray[np.bool_]]:
        """Return the grades that are certain whatever digits follow, and which are not."""
        grades = ((self._all_valid[states] >> rest) & 1).astype(np.uint8)
        return grades, (grades == 0) & ((self._no_number[states] >> rest) & 1 == 0)

    def _walk(self, states: NDArray[np.uint16], tails: Integers, rest: NDArray[np.uint8]) -> Grades:
        """Follow the digits after the head, one by one, until what is left no longer matters."""
        grades = self._grades[states]
        places = np.flatnonzero(rest)
        states, tails, rest = states[places], tails[places], rest[places]
        for power in _POWERS[LONGEST - HEAD - 1 :: -1]:
            if not len(places):
                break
            digits = tails // power
            states, tails, rest = self._children[states, digits], tails - digits * power, rest - np.uint8(1)
            found, open_ = self._settle(states, rest)
            found[rest == 0] = self._grades[states[rest == 0]]
            grades[places] = found
            open_ &= rest > 0
            places, states, tails, rest = places[open_], states[open_], tails[open_], rest[open_]
        return grades

    def _find_uniform(self, grade: int) -> NDArray[np.uint16]:
        """Return for each state, as bits, the lengths of a rest that all end in one grade, whatever its digits."""
        uniform = self._grades == grade
        bits: NDArray[np.uint16] = uniform.astype(np.uint16)
        for length in range(1, LONGEST - HEAD + 1):
            uniform = uniform[self._children].all(axis=1)
            bits |= uniform.astype(np.uint16) << length
        return bits


@cache
def load_grader() -> Grader:
    """Return the grader of the plan that comes with the program."""
    return Grader()
