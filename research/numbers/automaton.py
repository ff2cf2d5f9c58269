"""The world's numbering plan as one automaton: the digits of a number in, what the plan says of it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from research.numbers.editions import Facts
from research.numbers.patterns import Patterns, States

NOTHING, VALID, FORMER = range(3)
"""Grades: no number; valid; valid in an earlier edition only."""

MARKED = 4
"""Added to the grade of a number whose national part begins like a national prefix: the library may take that off."""

LONGEST = 15
"""Digits of the longest number (ITU-T E.164)."""

DEAD = 0
Judge = Callable[[set[int], int], bool]


@dataclass
class Automaton:
    """States of an automaton without cycles, each distinct one once: its grade, and the next state for each digit."""

    grades: list[int] = field(default_factory=lambda: [NOTHING])
    children: list[tuple[int, ...]] = field(default_factory=lambda: [(DEAD,) * 10])
    _known: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known[self.grades[0], self.children[0]] = DEAD

    def state(self, grade: int, children: Sequence[int]) -> int:
        """Return the state with this grade and these followers."""
        key = grade, tuple(children)
        if key not in self._known:
            self._known[key] = len(self.grades)
            self.grades.append(grade)
            self.children.append(key[1])
        return self._known[key]


def build_automaton(newest: Facts, earlier: Sequence[Facts]) -> tuple[Automaton, int]:
    """Return the automaton of all country codes, and its first state.

    Parameters
    ----------
    newest
        The edition that says which numbers are valid.
    earlier
        Editions that say which numbers were.
    """
    automaton = Automaton()
    roots = {code: _build_code(automaton, code, newest, earlier) for code in newest["codes"]}
    return automaton, _spell(automaton, roots, "")


def _spell(automaton: Automaton, roots: dict[str, int], head: str) -> int:
    if head in roots:
        return roots[head]
    if not any(code.startswith(head) for code in roots):
        return DEAD
    return automaton.state(NOTHING, [_spell(automaton, roots, f"{head}{digit}") for digit in range(10)])


def _build_code(automaton: Automaton, code: str, newest: Facts, earlier: Sequence[Facts]) -> int:
    patterns, labels = Patterns(), _Labels()
    is_valid = _add_edition(patterns, labels, code, newest)
    were_valid = [_add_edition(patterns, labels, code, edition) for edition in earlier if code in edition["codes"]]
    prefix = newest["regions"][newest["codes"][code][0]]["prefix"]
    marked = labels.new()
    if prefix:
        patterns.add(prefix.replace("$", ""), marked, prefix=True)
    known: dict[tuple[States, int], int] = {}

    def grade(states: States, digits: int) -> int:
        found = patterns.labels(states)
        mark = MARKED if marked in found else 0
        if is_valid(found, digits):
            return VALID + mark
        return mark + (FORMER if any(judge(found, digits) for judge in were_valid) else NOTHING)

    def build(states: States, digits: int) -> int:
        if not states or digits + len(code) > LONGEST:
            return DEAD
        if (states, digits) not in known:
            followers = [build(following, digits + 1) for following in patterns.step(states)]
            known[states, digits] = automaton.state(grade(states, digits), followers)
        return known[states, digits]

    return build(patterns.start, 0)


class _Labels:
    def __init__(self) -> None:
        self._last = 0

    def new(self) -> int:
        self._last += 1
        return self._last


def _add_edition(patterns: Patterns, labels: _Labels, code: str, edition: Facts) -> Judge:
    """Add the patterns of a country code, and return what tells by their labels whether a number is valid.

    As the library does (``region_code_for_number``): the first region counts whose leading digits fit, or, where it has
    none, in which the number is valid.
    """
    judges: list[tuple[int | None, Judge]] = []
    for name in edition["codes"][code]:
        region = edition["regions"].get(name)
        if region is None:
            continue
        leading = labels.new() if region["leading"] and len(edition["codes"][code]) > 1 else None
        if leading is not None:
            patterns.add(region["leading"], leading, prefix=True)
        judges.append((leading, _add_region(patterns, labels, region)))
    return partial(_judge_regions, judges)


def _judge_regions(judges: Sequence[tuple[int | None, Judge]], found: set[int], digits: int) -> bool:
    for leading, judge in judges:
        if leading is None:
            if judge(found, digits):
                return True
        elif leading in found:
            return judge(found, digits)
    return False


def _add_region(patterns: Patterns, labels: _Labels, region: Facts) -> Judge:
    kinds: list[tuple[int, frozenset[int]]] = []
    for pattern, lengths in [region["general"], *region["kinds"].values()]:
        label = labels.new()
        patterns.add(pattern, label)
        kinds.append((label, frozenset(lengths)))
    return partial(_judge_kinds, kinds[0], kinds[1:])


def _judge_kinds(
    general: tuple[int, frozenset[int]], kinds: Sequence[tuple[int, frozenset[int]]], found: set[int], digits: int
) -> bool:
    def fits(kind: tuple[int, frozenset[int]]) -> bool:
        return kind[0] in found and (not kind[1] or digits in kind[1])

    return fits(general) and any(map(fits, kinds))
