"""The world's numbering plan, as ``research/numbers`` made it from libphonenumber's metadata.

``plan.npz`` holds an automaton that reads the digits of an international number and ends in a grade; ``plan.json`` the
notations of each region. They are data of this program: a library that is updated does not change what a number is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_NUMBER, VALID, FORMER_PLAN = range(3)
"""Grades of a number: none; valid; valid in an earlier plan only."""

MARKED = 4
"""Added where the national part begins like a national prefix, so that the digits may have another reading."""

LONGEST = 15
"""Digits of the longest number (ITU-T E.164)."""


@dataclass(frozen=True)
class Region:
    """How numbers are written in one region.

    Parameters
    ----------
    name
        ISO 3166-1 alpha-2, or ``001-870`` and the like for country codes of no country.
    code
        Its country code.
    exit
        Pattern of what is dialled before an international number.
    prefix, rule
        Pattern of what is dialled before a national number, and what takes its place where its last group matched.
    general
        Pattern of all its national numbers.
    lengths, local_lengths, usual_lengths, mobile_lengths
        How many digits its national numbers have: all; without area code; of fixed lines and mobiles; of mobiles.
    """

    name: str
    code: str
    exit: re.Pattern[str] | None
    prefix: re.Pattern[str] | None
    rule: str | None
    general: re.Pattern[str]
    lengths: tuple[int, ...]
    local_lengths: tuple[int, ...]
    usual_lengths: tuple[int, ...]
    mobile_lengths: tuple[int, ...]

    @property
    def literal_prefix(self) -> str | None:
        """The national prefix where it is plain digits; empty where there is none, None where it is a pattern."""
        if self.prefix is None:
            return ""
        return self.prefix.pattern if self.prefix.pattern.isdigit() else None

    def is_stripped_length(self, digits: int) -> bool:
        """Tell whether so many digits may be what is left without the prefix (the library's test, not too strict)."""
        return digits not in self.local_lengths and (digits in self.lengths or digits > self.lengths[-1])

    def strip_prefix(self, national: str) -> str:
        """Return a national number without national prefix, by the rules of the library.

        (``_maybe_strip_national_prefix_carrier_code``.) A number that fits the region keeps its first digits if without
        them it would not.
        """
        match = self.prefix.match(national) if self.prefix is not None and national else None
        if match is None or self.prefix is None:
            return national
        plain = not self.rule or match.groups()[-1] is None
        stripped = national[match.end() :] if plain else self.prefix.sub(self.rule or "", national, count=1)
        return national if self.fits(national) and not self.fits(stripped) else stripped

    def fits(self, national: str) -> bool:
        """Tell whether the region's general pattern allows the digits."""
        return self.general.fullmatch(national) is not None


class Plan:
    """The numbering plan: grades of international numbers, and the regions.

    Parameters
    ----------
    notations
        Content of ``plan.json``.
    grades, children
        Grade of each state, and the state after each digit.
    root
        The first state.
    """

    def __init__(
        self, notations: Mapping[str, Any], grades: NDArray[np.uint8], children: NDArray[np.uint16], root: int
    ) -> None:
        self.codes: dict[str, str] = notations["codes"]
        self.grades, self.children, self.root = grades, children, root
        self._facts = notations["regions"]
        self._regions: dict[str, Region] = {}

    def region(self, name: str) -> Region:
        """Return a region by its name; KeyError if there is none."""
        if name not in self._regions:
            self._regions[name] = _read_region(name, self._facts[name])
        return self._regions[name]

    def main_region(self, code: str) -> Region:
        """Return the region whose notation holds for a country code."""
        return self.region(self.codes[code])

    def code_of(self, digits: str) -> str | None:
        """Return the country code that an international number begins with."""
        heads = (digits[:size] for size in (1, 2, 3))
        return next((head for head in heads if head in self.codes), None)

    def grade(self, digits: str) -> int:
        """Return the grade of an international number, without ``+``."""
        if len(digits) > LONGEST:
            return NO_NUMBER
        state = self.root
        for digit in digits:
            state = self._steps[state][int(digit)]
        return self._grades[state]

    @cached_property
    def _steps(self) -> list[list[int]]:
        steps: list[list[int]] = self.children.tolist()
        return steps

    @cached_property
    def _grades(self) -> list[int]:
        grades: list[int] = self.grades.tolist()
        return grades


def _read_region(name: str, facts: Mapping[str, Any]) -> Region:
    exit_code, prefix = (re.compile(facts[key]) if facts[key] else None for key in ("exit", "prefix"))
    return Region(
        name=name,
        code=str(facts["code"]),
        exit=exit_code,
        prefix=prefix,
        rule=facts["rule"],
        general=re.compile(facts["general"]),
        **{key: tuple(facts[key]) for key in ("lengths", "local_lengths", "usual_lengths", "mobile_lengths")},
    )


@cache
def read_notations() -> dict[str, Any]:
    """Return the content of ``plan.json``."""
    content: dict[str, Any] = json.loads(files(__package__).joinpath("plan.json").read_text(encoding="utf-8"))
    return content


@cache
def load_plan() -> Plan:
    """Return the plan that comes with the program."""
    import numpy as np

    path = files(__package__).joinpath("plan.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as table:
        return Plan(read_notations(), table["grades"], table["children"], int(table["root"]))


def plan_edition() -> str:
    """Return the edition of libphonenumber's metadata that says which numbers are valid."""
    return str(read_notations()["edition"])


def list_regions() -> tuple[str, ...]:
    """Return the regions whose national numbers can be read (ISO 3166-1 alpha-2), in order."""
    return tuple(name for name in read_notations()["regions"] if len(name) == 2)


def is_region(code: str) -> bool:
    """Tell whether national numbers can be read in a region (ISO 3166-1 alpha-2, upper case)."""
    return code in list_regions()


def code_of_region(region: str) -> str:
    """Return the country code of a region, such as ``234``; KeyError if there is no such region."""
    return str(read_notations()["regions"][region]["code"])


def prefix_of_region(region: str) -> str:
    """Return what is dialled before national numbers of a region, such as ``0``; empty if no fixed digits are."""
    return _read_region(region, read_notations()["regions"][region]).literal_prefix or ""
