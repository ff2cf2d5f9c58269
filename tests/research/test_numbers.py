"""The maker of the numbering plan: its automaton is its patterns, and the shipped plan is what it makes."""

from __future__ import annotations

import random
import re

import pytest

from research.numbers.automaton import DEAD, FORMER, LONGEST, MARKED, VALID, build_automaton
from research.numbers.editions import read_edition
from research.numbers.patterns import Patterns
from sentinel_batch.numbers.plan import load_plan

WORDS = ["", "0", "12", "815", "0815", "71234", "0612345", "99"]


@pytest.mark.parametrize("pattern", [r"0?8\d5|1[2-4]", r"(?:7[1-3]|99)\d{3}", r"\d{2,4}", r"(0(6|8)?)12345", r"9{0,2}"])
def test_patterns_match_what_regular_expressions_match(pattern: str) -> None:
    rng = random.Random(3)
    for word in [*WORDS, *("".join(rng.choices("0123456789", k=rng.randint(1, 7))) for _ in range(500))]:
        patterns = Patterns()
        patterns.add(pattern, 1)
        patterns.add(pattern, 2, prefix=True)
        states = patterns.start
        for digit in word:
            states = patterns.step(states)[int(digit)]
        found = patterns.labels(states)
        assert (1 in found) == bool(re.fullmatch(pattern, word)), word
        assert (2 in found) == any(re.fullmatch(pattern, word[:size]) for size in range(len(word) + 1)), word


def test_a_construct_that_is_not_known_is_an_error() -> None:
    with pytest.raises(re.error, match="not known here"):
        Patterns().add(r"(?=0)1", 1)


@pytest.mark.slow
def test_the_shipped_plan_is_what_the_maker_makes() -> None:
    automaton, root = build_automaton(read_edition(), [])
    plan, rng = load_plan(), random.Random(4)

    def grade(digits: str) -> int:
        state = root
        for digit in digits:
            state = automaton.children[state][int(digit)]
        return automaton.grades[state]

    assert automaton.children[DEAD] == (DEAD,) * 10
    for _ in range(50_000):
        digits = rng.choice(list(plan.codes)) + "".join(rng.choices("0123456789", k=rng.randint(4, LONGEST - 3)))
        made, shipped = grade(digits[:LONGEST]), plan.grade(digits[:LONGEST])
        assert made == shipped or (made & ~MARKED != VALID and shipped & ~MARKED == FORMER)
