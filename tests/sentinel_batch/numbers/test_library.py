"""The numbering plan against the library that it was made from, and the search for invented numbers.

The search goes over every region as home and every region's example number of every kind, in four notations: 245 homes,
1,383 examples, 1.4 million readings in some ten seconds of processor time. The quick run
takes every sixth home.
"""

from __future__ import annotations

import random
from functools import cache

import phonenumbers
import polars as pl
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sentinel_batch.numbers import E164, NumberBook, list_regions, plan_edition
from sentinel_batch.numbers.plan import LONGEST
from sentinel_batch.numbers.reading import SHORT_CODE_DIGITS, SHORTEST, reader_of

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@cache
def examples() -> list[str]:
    """Return the example number of every region and kind, without ``+``."""
    kinds = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]
    found = [phonenumbers.example_number_for_type(region, kind) for region in REGIONS for kind in kinds]
    found += map(phonenumbers.example_number_for_non_geo_entity, phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS)
    written = (phonenumbers.format_number(number, PhoneNumberFormat.E164) for number in found if number is not None)
    return sorted({text.removeprefix("+") for text in written})


@cache
def ask_library(text: str, region: str | None) -> str | None:
    """Return the E.164 form of a number that the library calls valid."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return written if phonenumbers.is_valid_number(number) and len(written) <= LONGEST + 1 else None


def find_invented(home: str, mode: str, notation: str) -> list[tuple[str, str, str]]:
    """Return what is called ``e164``, is not the true number, and is no valid reading at home."""
    typed = [notation.format(number) for number in examples()]
    numbers, kinds, _ = NumberBook(home, mode).normalise(pl.Series("n", typed))
    found = [E164] * len(typed) if kinds is None else kinds.to_list()
    rows = zip(examples(), typed, numbers.to_list(), found, strict=True)
    wrong = [(text, number, f"+{true}") for true, text, number, kind in rows if kind == E164 and number != f"+{true}"]
    if notation.startswith("+") or mode == "international":
        return wrong
    # 00 is an exit code nearly everywhere; where it is not, 0016 or 0021 may be one, and the library says so too.
    plain = [(row, row[0] if notation.startswith("00") else row[2].removeprefix("+")) for row in wrong]
    return [row for row, dialled in plain if ask_library(dialled, home) != row[1]]


def test_the_plan_is_of_the_installed_edition() -> None:
    assert plan_edition() == phonenumbers.__version__
    assert list(list_regions()) == REGIONS


@pytest.mark.parametrize("homes", [REGIONS[::6], pytest.param(REGIONS, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("mode", ["auto", "international"])
@pytest.mark.parametrize("notation", ["+{}", "{}"])
def test_no_number_is_invented(homes: list[str], mode: str, notation: str) -> None:
    invented = {home: rows for home in homes if (rows := find_invented(home, mode, notation))}
    assert len(examples()) > 1000
    assert invented == {}


@pytest.mark.slow
@pytest.mark.parametrize("notation", ["00{}", "{}.0", "+{} ", "'{}"])
def test_no_number_is_invented_in_other_notations(notation: str) -> None:
    invented = {home: rows for home in REGIONS if (rows := find_invented(home, "auto", notation))}
    assert invented == {}


@pytest.mark.parametrize("home", ["NG", "US", "IT", "AR"])
def test_valid_numbers_are_found(home: str) -> None:
    for notation, shortest in (("+{}", SHORTEST), ("{}", SHORT_CODE_DIGITS + 1), ("00{}", SHORTEST)):
        typed = [notation.format(number) for number in examples() if len(number) >= shortest]
        assert NumberBook(home, "international").normalise(pl.Series("n", typed)).kinds is None


def mutate(rng: random.Random, digits: str) -> str:
    """Return a number with digits changed, added, left out, or a national prefix put in."""
    changed = list(digits)
    for _ in range(rng.randint(0, 3)):
        changed[rng.randrange(1, len(changed))] = str(rng.randint(0, 9))
    text = "".join(changed)
    kind = rng.random()
    if kind < 0.1:
        return text + str(rng.randint(0, 9))
    if kind < 0.2:
        return text[:-1]
    place = rng.choice([1, 2, 3])
    return text[:place] + rng.choice(["0", "1", "8", "80", "15", "06"]) + text[place:] if kind < 0.35 else text


def test_international_numbers_are_what_the_library_says() -> None:
    rng = random.Random(20261129)
    for _ in range(4000):
        digits = mutate(rng, rng.choice(examples()))
        if SHORTEST <= len(digits) <= LONGEST:
            number, kind, _ = reader_of("NG").read(f"+{digits}")
            assert (number if kind == E164 else None) == ask_library(f"+{digits}", None), digits


def test_dialled_numbers_are_what_the_library_says() -> None:
    rng = random.Random(20261130)
    heads = ["", "", "", "0", "1", "8", "00", "06", "011", "810", "0011", "009", "99", "119", "010"]
    for _ in range(4000):
        home = rng.choice(REGIONS)
        code = str(phonenumbers.country_code_for_region(home))
        own = [number for number in examples() if number.startswith(code)]
        national = (
            mutate(rng, rng.choice(own))[len(code) :] if rng.random() < 0.6 else mutate(rng, rng.choice(examples()))
        )
        typed = rng.choice(heads) + national
        wanted = ask_library(typed, home)
        if wanted is not None and len(typed) > SHORT_CODE_DIGITS:
            assert reader_of(home).read(typed)[:2] == (wanted, E164), (home, typed)
