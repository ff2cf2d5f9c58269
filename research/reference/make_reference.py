"""Write ``number_plan.csv`` and ``locations.csv`` of the rulebook: ``python research/reference/make_reference.py``.

Needs the package ``naija-data`` beside the project's own dependencies; SOURCES.md beside the tables says what comes
from where.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata

from sentinel_batch.numbers.plan import FORMER_PLAN, MARKED, load_plan

FOLDER = Path(__file__).parents[2] / "sentinel_batch" / "rulebook" / "reference"
HOME, HOME_REGION = "234", "NG"
ALLOCATED, UNALLOCATED, WITHDRAWN = "allocated", "unallocated", "withdrawn"
STATUSES = {
    "allocated": ALLOCATED,
    "shared_vas": ALLOCATED,
    "returned": WITHDRAWN,
    "withdrawn": WITHDRAWN,
    "available": UNALLOCATED,
    "reserved_vanity": UNALLOCATED,
}
"""Status of a block in the NCC's table, and what it means for a number that calls."""

LONGEST = 15
"""Digits of the longest number (ITU-T E.164)."""

SERVICES = (700, 800)
"""Home prefixes of special services, whose numbers may be longer than ten digits (libphonenumber)."""

CITIES = {
    "LOS": ("LA", "Ikeja"),
    "ABV": ("FC", "Abuja Municipal"),
    "KAN": ("KN", "Kano Municipal"),
    "PHC": ("RI", "Port Harcourt"),
    "IBA": ("OY", "Ibadan North"),
    "BNI": ("ED", "Oredo"),
    "ENU": ("EN", "Enugu North"),
    "KAD": ("KD", "Kaduna North"),
    "JOS": ("PL", "Jos North"),
}
"""City in front of a cell's number (IATA's code of its airport), its state, and the LGA that it stands for."""

Range = tuple[str, int, int, str]  # prefix, shortest and longest number that begins with it, status


@cache
def read_naija(name: str) -> Any:
    """Return a table of naija-data."""
    return json.loads(files("naija_data").joinpath("_data", f"{name}.json").read_text(encoding="utf-8"))


def list_ranges() -> Iterator[Range]:
    """Yield the number plan: country codes with their possible lengths, the home country in detail."""
    regions = {str(code): names for code, names in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()}
    for code, names in sorted(regions.items()):
        if code != HOME:
            lengths = {length + len(code) for name in names for length in _possible_lengths(name, int(code))}
            lengths |= {length + len(code) for length in _former_lengths(code)}
            yield from ((code, low, high, ALLOCATED) for low, high in _runs(lengths))
    yield HOME, 13, 13, UNALLOCATED
    yield from _home_fixed()
    yield from _home_ten_digits()


def list_places() -> Iterator[tuple[str, float, float, str]]:
    """Yield location codes (a final ``*`` stands for anything that follows), where they are, and their names."""
    states = read_naija("states")
    areas = read_naija("lgas")
    names = {state["code"]: state["name"] for state in states}
    places = {(area["state_code"], area["name"]): (area["lat"], area["lon"]) for area in areas}
    for city, (state, area) in CITIES.items():
        latitude, longitude = places[state, area]
        yield f"{city}*", latitude, longitude, f"{area} ({city})"
    for state in states:
        for code in (state["iso_code"], state["pcode"]):
            yield f"{code}*", state["lat"], state["lon"], state["name"]
    for area in areas:
        yield f"{area['code']}*", area["lat"], area["lon"], f"{area['name']}, {names[area['state_code']]}"


def _possible_lengths(region: str, code: int) -> Iterable[int]:
    world = PhoneMetadata.metadata_for_nongeo_region(code, None)
    found = world if region == "001" else PhoneMetadata.metadata_for_region(region)
    return found.general_desc.possible_length if found is not None and found.general_desc is not None else ()


def _former_lengths(code: str) -> frozenset[int]:
    """Return how long the numbers of a country's earlier plans are: archives hold them, and so do some switches."""
    plan = load_plan()
    children = plan.children.tolist()

    @cache
    def ends(state: int) -> frozenset[int]:
        after = {1 + digits for child in children[state] if child for digits in ends(child)}
        return frozenset(after | ({0} if int(plan.grades[state]) & ~MARKED == FORMER_PLAN else set()))

    state = plan.root
    for digit in code:
        state = children[state][int(digit)]
    return ends(state)


def _home_fixed() -> Iterator[Range]:
    for area in read_naija("phone")["area_codes"]:
        yield HOME + area["area_code"].lstrip("0"), 10, 11, ALLOCATED


def _home_ten_digits() -> Iterator[Range]:
    """Yield blocks of mobile, special and new fixed numbers; the NCC's word goes before that of libphonenumber."""
    for prefix in range(200, 1000):
        status = {digit: _home_status(f"{prefix}{digit}") for digit in range(10)}
        longest = LONGEST if prefix in SERVICES else 13
        if len(set(status.values())) == 1:
            if status[0] != UNALLOCATED:
                yield f"{HOME}{prefix}", 13, longest, status[0]
        else:
            yield from (
                (f"{HOME}{prefix}{digit}", 13, longest, found)
                for digit, found in status.items()
                if found != UNALLOCATED
            )


def _home_status(block: str) -> str:
    for row in read_naija("phone")["mobile"]:
        if row["prefix"] == "0" + block[:3] and row["range_start"][0] <= block[3] <= row["range_end"][0]:
            return STATUSES[row["status"]]
    known = (phonenumbers.parse(f"+{HOME}{block}{rest:06d}") for rest in range(0, 1_000_000, 9_973))
    return ALLOCATED if any(map(phonenumbers.is_valid_number, known)) else UNALLOCATED


def _runs(lengths: Iterable[int]) -> Iterator[tuple[int, int]]:
    for _, run in groupby(enumerate(sorted(lengths)), key=lambda pair: pair[1] - pair[0]):
        found = [length for _, length in run]
        yield found[0], found[-1]


def _write(name: str, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    with (FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


if __name__ == "__main__":
    _write("number_plan.csv", ("prefix", "min_digits", "max_digits", "status"), list_ranges())
    _write("locations.csv", ("location_code", "latitude", "longitude", "name"), list_places())
