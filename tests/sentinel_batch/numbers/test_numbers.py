"""Telephone numbers: the order of readings, what is never invented, and that many are read as one is."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.errors import ConfigurationError, DialectError
from sentinel_batch.ingestion import FileResult, ingest, load_dialect
from sentinel_batch.lake import Lake
from sentinel_batch.numbers import (
    E164,
    KINDS,
    MODES,
    READINGS,
    NumberBook,
    Tally,
    find_overlaps,
    is_region,
    list_regions,
    normalise_number,
)
from sentinel_batch.numbers.documentation import PAIRS, render_csv, render_page
from sentinel_batch.numbers.reading import reader_of

SETTINGS = settings(derandomize=True, database=None, deadline=None, max_examples=examples(100))
DOCS = Path(__file__).parents[3] / "docs"

# -- the order of readings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "typed", "number", "kind", "reading"),
    [
        ("NG", "08031230001", "+2348031230001", "e164", "national"),
        ("NG", "8031230001", "+2348031230001", "e164", "national"),
        ("NG", "2348031230001", "+2348031230001", "e164", "home_code"),
        ("NG", "447911123456", "+447911123456", "e164", "bare_international"),
        ("NG", "14155552671", "+14155552671", "e164", "bare_international"),
        ("NG", "252615500100", "+252615500100", "e164", "bare_international"),
        ("NG", "33612345678", "+33612345678", "e164", "bare_international"),
        ("NG", "00447911123456", "+447911123456", "e164", "exit_code"),
        ("NG", "009447911123456", "+447911123456", "e164", "exit_code"),
        ("US", "011447911123456", "+447911123456", "e164", "exit_code"),
        ("US", "00447911123456", "+447911123456", "e164", "exit_code"),
        ("AU", "0011447911123456", "+447911123456", "e164", "exit_code"),
        ("RU", "810447911123456", "+447911123456", "e164", "exit_code"),
        ("US", "14155552671", "+14155552671", "e164", "home_code"),
        ("NG", "2033123456", "+2342033123456", "e164", "national_or_foreign"),
        ("NG", "+23408012345678", "+2348012345678", "e164", "international"),
        ("NG", "23408012345678", "+2348012345678", "e164", "home_code"),
        ("NG", "+390612345678", "+390612345678", "e164", "international"),
        ("IT", "0612345678", "+390612345678", "e164", "national"),
        ("IS", "4101234", "+3544101234", "e164", "national"),
        ("US", "4101234", "4101234", "short_code", "as_typed"),
        ("NG", "0447911123456", "0447911123456", "unknown", "as_typed"),
        ("NG", "0700123456", "0700123456", "unknown", "as_typed"),
        ("NG", "070812345678", "070812345678", "unknown", "as_typed"),
        ("NG", "08991234567", "+2348991234567", "possible", "national"),
        ("NG", "25290123456", "+25290123456", "possible", "bare_international"),
        ("NG", "4912345678", "4912345678", "ambiguous", "as_typed"),
        ("NG", "+99912345678", "+99912345678", "impossible", "international"),
        ("NG", "+22997123456", "+22997123456", "former", "international"),
        ("NG", "22997123456", "+22997123456", "former", "bare_international"),
        ("BJ", "97123456", "+22997123456", "former", "national"),
        ("NG", "22507123456", "+22507123456", "former", "bare_international"),
        ("NG", "+5215512345678", "+5215512345678", "former", "international"),
        ("NG", "012345678", "+23412345678", "former", "national"),
    ],
)
def test_reading(region: str, typed: str, number: str, kind: str, reading: str) -> None:
    assert reader_of(region).read(typed) == (number, kind, reading)


@pytest.mark.parametrize(
    ("typed", "number", "kind"),
    [
        ("8031230001.0", "+2348031230001", "e164"),
        ("+2348031230001.00", "+2348031230001", "e164"),
        ("8031230001,0", "+2348031230001", "e164"),
        ("131.0", "131", "short_code"),
        ("101,00", "101", "short_code"),
        ("8.031230001E+09", "+2348031230001", "e164"),
        ("8.0312300010E9", "+2348031230001", "e164"),
        ("2.348031230001e+12", "+2348031230001", "e164"),
        ("2.34803E+12", "2.34803E+12", "rounded"),
        ("8.03123E+09", "8.03123E+09", "rounded"),
        ("2E+12", "2E+12", "rounded"),
        ("8.0312300015E+09", "8.0312300015E+09", "rounded"),
        ("8031230001.5", "8031230001.5", "unknown"),
        ("0803.123.0001", "+2348031230001", "e164"),
        ("0803.1230001", "+2348031230001", "e164"),
    ],
)
def test_floats_are_exact_or_no_numbers(typed: str, number: str, kind: str) -> None:
    assert normalise_number(typed, "NG") == (number, kind)
    assert book([typed], "NG") == [(number, kind)]


@pytest.mark.parametrize(
    ("mode", "typed", "read"),
    [
        ("auto", "2033123456", ("+2342033123456", "e164", "national_or_foreign")),
        ("international", "2033123456", ("+2033123456", "e164", "bare_international")),
        ("national", "2033123456", ("+2342033123456", "e164", "national")),
        ("national", "447911123456", ("447911123456", "unknown", "as_typed")),
        ("national", "2348031230001", ("+2348031230001", "e164", "home_code")),
        ("national", "00447911123456", ("+447911123456", "e164", "exit_code")),
        ("international", "08031230001", ("+2348031230001", "e164", "national")),
        ("international", "8031230001", ("+2348031230001", "e164", "national")),
        ("international", "4912345678", ("+4912345678", "possible", "bare_international")),
        ("national", "4912345678", ("+2344912345678", "possible", "national")),
    ],
)
def test_modes(mode: str, typed: str, read: tuple[str, str, str]) -> None:
    assert reader_of("NG", mode).read(typed) == read
    assert book([typed], "NG", mode) == [read[:2]]


# -- many numbers --------------------------------------------------------------------------------------------


def book(numbers: list[str | None], region: str, mode: str = "auto") -> list[tuple[str | None, str]]:
    text, kinds, _ = NumberBook(region, mode).normalise(pl.Series("n", numbers, dtype=pl.String))
    return list(zip(text.to_list(), [E164] * len(text) if kinds is None else kinds.to_list(), strict=True))


DIGITS = st.from_regex(r"(\+|00|011|810|0|8|)(234|44|7|39|1|54|55|)0?[1-9][0-9]{5,12}", fullmatch=True)
DRESSED = st.tuples(DIGITS, st.sampled_from(["{}", " {} ", "'{}'", "{}.0", "{}.5", "({}", "{}-1", "{} 22", "tel:{}"]))


@SETTINGS
@given(
    st.lists(st.one_of(DIGITS, DRESSED.map(lambda pair: pair[1].format(pair[0])), st.none()), max_size=30),
    st.sampled_from(["NG", "US", "GB", "RU", "IT", "BR", "AR", "FI", "JP", "CN", "KZ", "BS", "SM", "IS"]),
    st.sampled_from(MODES),
)
@example(["17582345678", "75823456780", "+17582345678", "0017582345678"], "BS", "auto")
@example([None, None], "NG", "auto")
@example(["00372-3212345", "003723212345"], "JP", "national")
def test_many_are_read_as_one_is(numbers: list[str | None], region: str, mode: str) -> None:
    reader = reader_of(region, mode)
    expected = [reader.read(number) for number in numbers]
    found = NumberBook(region, mode).normalise(pl.Series("n", numbers, dtype=pl.String))
    assert book(numbers, region, mode) == [read[:2] for read in expected]
    counts = Tally()
    for read in expected:
        counts.counts[read.reading, read.kind] += 1
    assert found.tally.counts == counts.counts


def test_a_number_is_worked_out_once_and_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NumberBook, "_LIMIT", 3)
    numbers = NumberBook("NG")
    for start in range(0, 40, 5):
        typed = [f"MTN{number}" for number in range(start, start + 5)] * 2
        assert numbers.normalise(pl.Series("n", typed)).numbers.to_list() == typed


def test_every_word_is_one_of_the_lists() -> None:
    rng = random.Random(5)
    typed = ["".join(rng.choices("0123456789+ .*#aE", k=rng.randint(0, 16))) for _ in range(3000)]
    read = [reader_of("NG").read(text) for text in typed]
    assert {r.kind for r in read} <= set(KINDS)
    assert {r.reading for r in read} <= set(READINGS)


# -- what a file's result says -------------------------------------------------------------------------------

HEAD = "call_date,call_time,caller_number,callee_number,duration_seconds\n"


def load(tmp_path: Path, *callees: str, caller: str = "+2348012345678", **options: str) -> FileResult:
    rows = [f"2026-01-22,10:00:{place:02},{caller},{callee},60\n" for place, callee in enumerate(callees)]
    (tmp_path / "calls.csv").write_text(HEAD + "".join(rows))
    return ingest(tmp_path / "calls.csv", lake=tmp_path / "lake", max_reject_rate=1.0, **options).files[0]  # type: ignore[arg-type]


def test_the_result_says_how_numbers_were_read(tmp_path: Path) -> None:
    file = load(tmp_path, "447911123456", "08031234567", "2033123456", "08991234567", "+22997123456", "2.3E+12")
    assert file.number_readings == {
        "international": 7,
        "national": 2,
        "national_or_foreign": 1,
        "bare_international": 1,
        "as_typed": 1,
    }
    assert file.number_types == {"e164": 9, "possible": 1, "former": 1, "rounded": 1}
    assert file.rejects_by_reason == {"rounded_callee": 1}
    parts = [
        "1 without + read as international (447911123456 is +447911123456)",
        "1 valid at home and abroad, read at home (2033123456 is +2342033123456)",
        "1 in no known range (08991234567 is +2348991234567)",
        "1 of an earlier numbering plan (+22997123456)",
        "1 rounded by a spreadsheet, rejected (2.3E+12)",
    ]
    assert file.notices == [f"Telephone numbers: {'; '.join(parts)}. See docs/numbers.md."]


def test_nothing_is_said_of_plain_numbers(tmp_path: Path) -> None:
    file = load(tmp_path, "+447911123456", "08031234567", "2348031234567")
    assert file.notices == []
    assert file.number_types == {"e164": 6}


@pytest.mark.parametrize("caller", ["+22997123456", "+2348991234567", "+99912345678", "4912345678"])
def test_calls_of_numbers_that_are_not_valid_are_kept(tmp_path: Path, caller: str) -> None:
    file = load(tmp_path, "+2348031234567", caller=caller)
    assert (file.records_inserted, file.records_rejected) == (1, 0)
    assert Lake.open(tmp_path / "lake").snapshot().read("call_records")["caller_number"].to_list() == [caller]


def test_flag_before_dialect_before_setting(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    fields = "\n".join(f'{name} = ["{name}"]' for name in HEAD.strip().split(","))
    own.write_text(f'name = "own"\nnumbers = "international"\n[fields]\n{fields}\n')
    settings_file = tmp_path / "sentinel.toml"
    settings_file.write_text('numbers = "national"\n')

    def read(**options: str) -> dict[str, int]:
        return {
            name: n
            for name, n in load(tmp_path, "2033123456", **options).number_readings.items()
            if n and name != "international"
        }

    assert read() == {"national_or_foreign": 1}
    assert read(config=str(settings_file)) == {"national": 1}
    assert read(config=str(settings_file), dialect=str(own)) == {"bare_international": 1}
    assert read(config=str(settings_file), dialect=str(own), numbers="auto") == {"national_or_foreign": 1}


def test_a_way_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'foreign' is not allowed; expected auto, national or international"):
        load(tmp_path, "447911123456", numbers="foreign")
    (tmp_path / "own.toml").write_text('name = "own"\nnumbers = "internatonal"\n[fields]\ncaller_number = ["a"]\n')
    with pytest.raises(DialectError, match="numbers = 'internatonal'") as caught:
        load_dialect(tmp_path / "own.toml")
    assert caught.value.hint == "Did you mean international?"


def test_content_that_was_read_otherwise_is_announced(tmp_path: Path) -> None:
    assert not load(tmp_path, "2033123456", numbers="national").notices
    again = load(tmp_path, "2033123456", numbers="international")
    assert again.records_inserted == 0
    assert any("ingested before, with other settings or by an earlier version" in notice for notice in again.notices)
    assert load(tmp_path, "2033123456", numbers="international").status == "already_ingested"


# -- regions and pages ---------------------------------------------------------------------------------------


def test_regions() -> None:
    assert is_region("NG") and not is_region("ng") and not is_region("XX") and not is_region("001-870")
    assert len(list_regions()) > 240


def test_overlaps_are_what_the_reader_doubts() -> None:
    overlaps = {overlap.foreign: overlap for overlap in find_overlaps("NG")}
    assert set(overlaps) == {"20", "800", "81", "91"}
    for region in ("NG", "RU", "US", "BR", "KZ", "FI", "DE", "BS"):
        for overlap in find_overlaps(region):
            number, kind, reading = reader_of(region).read(overlap.example)
            assert (kind, reading) == ("e164", "national_or_foreign"), overlap
            assert number == overlap.home_reading
            assert reader_of(region, "international").read(overlap.example)[:2] == (f"+{overlap.example}", "e164")


def test_overlaps_are_counted_exactly() -> None:
    grade = reader_of("TG").plan.grade
    numbers = [f"971{rest:05}" for rest in range(10**5)]
    both = [number for number in numbers if grade(number) & 3 == 1 and grade(f"228{number}") & 3 == 1]
    overlap = next(overlap for overlap in find_overlaps("TG") if overlap.foreign == "971")
    assert (overlap.numbers, overlap.example) == (len(both), both[0])


def test_the_page_is_current() -> None:
    page = (DOCS / "numbers.md").read_text(encoding="utf-8")
    assert render_page(page) == page
    assert (DOCS / PAIRS).read_text(encoding="utf-8") == render_csv()


@pytest.mark.parametrize("suffix", ["", ".0"])
def test_numbers_that_a_foreign_zero_could_stand_in_are_read_together_and_as_one_by_one(suffix: str) -> None:
    """``810…`` is a prefix of MTN Nigeria, and could be +81 with Japan's own 0."""
    typed = [f"810{n:07}{suffix}" for n in range(2_000_000, 2_000_600)] + [
        f"8101203456{n % 10}{suffix}" for n in range(9)
    ]
    book = NumberBook("NG")
    read = book.normalise(pl.Series("typed", typed))
    alone = [reader_of("NG").read(text) for text in typed]
    assert read.numbers.to_list() == [each.number for each in alone]
    assert read.tally.counts == Counter((each.reading, each.kind) for each in alone)
    assert len(book._known) < 100
