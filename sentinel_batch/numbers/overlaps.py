"""Digits that are a valid number at home and a valid international number: no rule can tell which was meant.

Counted exactly, by walking the plan's automaton twice at once: from its start, for the international number, and from
behind the home country code, for the national one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .plan import LONGEST, MARKED, VALID, Region, load_plan
from .reading import SHORT_CODE_DIGITS

Counts = tuple[int, ...]
"""For each number of digits still to come, how many endings are valid in both readings."""


@dataclass(frozen=True)
class Overlap:
    """Numbers of one country code that could be national numbers of another.

    Parameters
    ----------
    home, foreign
        Country codes.
    numbers
        How many strings of digits are valid both as ``+`` digits and as a national number at home.
    example
        The first of them.
    home_reading
        What the example is at home.
    """

    home: str
    foreign: str
    numbers: int
    example: str
    home_reading: str


def find_overlaps(region: str) -> list[Overlap]:
    """Return the country codes whose bare numbers can be national numbers of a region, most numbers first.

    Numbers of more than seven digits count, dialled without national prefix, or with one that is no 0.
    """
    plan = load_plan()
    home = plan.region(region)
    found = [_measure(home, code) for code in plan.codes if code != home.code]
    return sorted((overlap for overlap in found if overlap.numbers), key=lambda o: (-o.numbers, o.foreign))


def _measure(home: Region, foreign: str) -> Overlap:
    prefixes = {"", (home.literal_prefix or "").removeprefix("0")}
    counts = {prefix: _count(*_enter(home, foreign, prefix)) for prefix in sorted(prefixes)}
    totals = {prefix: sum(count[_shortest(foreign) :]) for prefix, count in counts.items()}
    numbers = sum(totals.values())
    first = next((prefix for prefix, total in totals.items() if total), "")
    example = foreign + _find_first(*_enter(home, foreign, first), _shortest(foreign)) if numbers else ""
    return Overlap(home.code, foreign, numbers, example, f"+{home.code}{example.removeprefix(first)}")


def _shortest(foreign: str) -> int:
    return SHORT_CODE_DIGITS + 1 - len(foreign)


def _enter(home: Region, foreign: str, prefix: str) -> tuple[int, int]:
    """Return the states of both readings behind the foreign country code; the dead one where it is no beginning."""
    plan = load_plan()
    abroad = _walk(plan.root, foreign)
    if not foreign.startswith(prefix) and not prefix.startswith(foreign):
        return abroad, 0
    return abroad, _walk(plan.root, home.code + foreign.removeprefix(prefix))


def _walk(state: int, digits: str) -> int:
    for digit in digits:
        state = int(load_plan().children[state, int(digit)])
    return state


@cache
def _count(abroad: int, home: int) -> Counts:
    """Count the endings, by their length, that are valid from both states."""
    if not abroad or not home:
        return (0,) * (LONGEST + 1)
    followers = [_count(*pair) for pair in _pairs(abroad, home)]
    deeper = [sum(lengths) for lengths in zip(*followers, strict=True)]
    return (int(_is_valid(abroad) and _is_valid(home)), *deeper[:LONGEST])


def _find_first(abroad: int, home: int, shortest: int) -> str:
    if shortest <= 0 and _is_valid(abroad) and _is_valid(home):
        return ""
    for digit, pair in enumerate(_pairs(abroad, home)):
        if any(_count(*pair)[max(shortest - 1, 0) :]):
            return f"{digit}{_find_first(*pair, shortest - 1)}"
    raise AssertionError("There is no such number.")


def _pairs(abroad: int, home: int) -> list[tuple[int, int]]:
    children = _children()
    return list(zip(children[abroad], children[home], strict=True))


@cache
def _children() -> list[list[int]]:
    found: list[list[int]] = load_plan().children.tolist()
    return found


def _is_valid(state: int) -> bool:
    return int(load_plan().grades[state]) & ~MARKED == VALID
