"""Patterns of the metadata as one nondeterministic automaton: which of them a string of digits can still match."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

States = frozenset[int]

_ANY_DIGIT = frozenset(range(10))


class Patterns:
    """Many patterns, read side by side, digit by digit.

    The patterns of the metadata are made of digits, classes, groups, choices and counted repetitions only; anything
    else is an error.
    """

    def __init__(self) -> None:
        self._steps: list[dict[int, set[int]]] = []
        self._free: list[set[int]] = []
        self._labels: dict[int, int] = {}
        self.start: States = frozenset()

    def add(self, pattern: str, label: int, *, prefix: bool = False) -> None:
        """Add a pattern that is known by its label; one for the beginning only matches whatever follows, too."""
        first, last = self._new(), self._new()
        self._join(parser.parse(pattern), first, last)
        if prefix:
            for digit in _ANY_DIGIT:
                self._steps[last].setdefault(digit, set()).add(last)
        self._labels[last] = label
        self.start = self.start | self._close({first})

    def step(self, states: States) -> list[States]:
        """Return the states after each digit, 0 to 9."""
        found: list[set[int]] = [set() for _ in range(10)]
        for state in states:
            for digit, targets in self._steps[state].items():
                found[digit] |= targets
        return [self._close(targets) for targets in found]

    def labels(self, states: States) -> set[int]:
        """Return the labels of the patterns that match here."""
        return {self._labels[state] for state in states if state in self._labels}

    def _new(self) -> int:
        self._steps.append({})
        self._free.append(set())
        return len(self._steps) - 1

    def _close(self, states: Iterable[int]) -> States:
        found, todo = set(states), list(states)
        while todo:
            fresh = self._free[todo.pop()] - found
            found |= fresh
            todo.extend(fresh)
        return frozenset(state for state in found if self._steps[state] or state in self._labels)

    def _join(self, parts: Any, first: int, last: int) -> None:
        """Lay a sequence of parts between two states."""
        place = first
        for operation, argument in parts:
            following = self._new()
            self._lay(operation, argument, place, following)
            place = following
        self._free[place].add(last)

    def _lay(self, operation: Any, argument: Any, first: int, last: int) -> None:
        if operation is codes.LITERAL or operation is codes.IN:
            for digit in _digits(operation, argument):
                self._steps[first].setdefault(digit, set()).add(last)
        elif operation is codes.BRANCH:
            for branch in argument[1]:
                self._join(branch, first, last)
        elif operation is codes.SUBPATTERN:
            self._join(argument[3], first, last)
        elif operation is codes.MAX_REPEAT:
            least, most, part = argument
            self._repeat((least, most), part, first, last)
        else:
            raise re.error(f"The metadata use a construct that is not known here: {operation}.")

    def _repeat(self, times: tuple[int, Any], part: Any, first: int, last: int) -> None:
        (least, most), place = times, first
        for count in range(int(most)):
            if count >= least:
                self._free[place].add(last)
            following = self._new()
            self._join(part, place, following)
            place = following
        self._free[place].add(last)


def _digits(operation: Any, argument: Any) -> Iterable[int]:
    members = [(operation, argument)] if operation is codes.LITERAL else argument
    for kind, value in members:
        if kind is codes.LITERAL:
            yield value - ord("0")
        elif kind is codes.RANGE:
            yield from range(value[0] - ord("0"), value[1] - ord("0") + 1)
        elif kind is codes.CATEGORY and value is codes.CATEGORY_DIGIT:
            yield from _ANY_DIGIT
        else:
            raise re.error(f"The metadata use a class that is not known here: {kind}.")
