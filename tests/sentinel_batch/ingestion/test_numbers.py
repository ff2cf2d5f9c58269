"""Cells to values: telephone numbers, times, durations, and the search for duplicate keys, each against an oracle."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thoroughness import examples, slow_but

from sentinel_batch.ingestion.loading import deduplication
from sentinel_batch.ingestion.loading.deduplication import KeySpill, find_clashes
from sentinel_batch.ingestion.values.durations import LONGEST_SECONDS, read_durations
from sentinel_batch.ingestion.values.timestamps import read_times
from sentinel_batch.numbers import E164, KINDS, NumberBook, normalise_number

SETTINGS = settings(derandomize=True, database=None, deadline=None, max_examples=examples(150))

# -- numbers -------------------------------------------------------------------------------------------------

PRETTY = st.text("+0123456789 -().'\"*#/aZé٣", max_size=20)
TYPED = st.one_of(st.none(), PRETTY, st.text(max_size=12), st.from_regex(r"\+?0{0,2}[1-9][0-9]{5,16}", fullmatch=True))


def book(numbers: list[str | None], region: str = "NG") -> list[tuple[str | None, str]]:
    text, kind, _ = NumberBook(region).normalise(pl.Series("caller_number", numbers, dtype=pl.String))
    return list(zip(text.to_list(), [E164] * len(text) if kind is None else kind.to_list(), strict=True))


@SETTINGS
@given(st.lists(TYPED, max_size=40))
@example(["+-1234567", "+ 2348031234", "++23480312345", "+02348031234", "+2348031234567", "+٢٣٤٨٠٣١٢٣٤", "+1234567\n"])
@example(["+1234567.5", "+1e100000", "+18446744073709551616", "+999999999999999", "", None])
def test_many_numbers_are_read_as_one_is(numbers: list[str | None]) -> None:
    assert book(numbers) == [normalise_number(number, "NG") for number in numbers]


@SETTINGS
@given(TYPED, st.sampled_from(["NG", "FR", "GB", "US", "GH"]))
def test_normal_forms_are_fixed_points(number: str | None, region: str) -> None:
    text, kind = normalise_number(number, region)
    assert kind in KINDS
    assert (text is None) == (kind == "missing")
    if kind == E164:
        assert text is not None and re.fullmatch(r"\+[1-9][0-9]{6,14}", text)
    if kind in (E164, "anonymous"):
        assert normalise_number(text, region) == (text, kind)


@SETTINGS
@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(["NG", "FR", "US"]))
def test_international_numbers_stay_international(number: str, region: str) -> None:
    [(text, kind)] = book([number], region)
    assert kind in (E164, "possible", "former", "impossible")
    assert text == number or (kind == E164 and text is not None and text.startswith("+") and len(text) < len(number))


@SETTINGS
@given(
    st.sampled_from(["803", "805", "701", "902", "816"]),
    st.from_regex(r"[0-9]{7}", fullmatch=True),
    st.sampled_from(
        [
            "+234{0}{1}",
            "0{0}{1}",
            "00234{0}{1}",
            "234{0}{1}",
            "+234 {0} {1}",
            "+234-{0}-{1}",
            "(0{0}) {1}",
            "+234 (0){0} {1}",
            "'+234{0}{1}'",
            '"0{0}{1}"',
            " 0{0}{1}\t",
            '="0{0}{1}"',
            "tel:+234{0}{1}",
            "sip:+234{0}{1}@example.org",
            "009234{0}{1}",
        ]
    ),
)
def test_one_number_in_many_spellings(prefix: str, rest: str, spelling: str) -> None:
    assert book([spelling.format(prefix, rest)]) == [(f"+234{prefix}{rest}", E164)]


# -- times ---------------------------------------------------------------------------------------------------

ZONES = ("Africa/Lagos", "Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe")
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2037, 12, 31)).map(lambda moment: moment.replace(microsecond=0))
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NAIVE = {
    "main": lambda m: f"{m:%Y-%m-%d %H:%M:%S}",
    "iso": lambda m: f"{m:%Y-%m-%dT%H:%M:%S}",
    "slashes": lambda m: f"{m:%Y/%m/%d %H:%M:%S}",
    "fraction": lambda m: f"{m:%Y-%m-%d %H:%M:%S}.250",
    "unpadded": lambda m: f"{m.year}-{m.month}-{m.day} {m.hour}:{m:%M:%S}",
    "day first": lambda m: f"{m:%d/%m/%Y %H:%M:%S}",
    "day first dots": lambda m: f"{m:%d.%m.%Y %H:%M:%S}",
    "day first unpadded": lambda m: f"{m.day}/{m.month}/{m.year} {m.hour}:{m:%M:%S}",
    "compact": lambda m: f"{m:%Y%m%d%H%M%S}",
    "half days": lambda m: f"{m:%d/%m/}{m.year} {m.hour % 12 or 12}:{m:%M:%S} {'PM' if m.hour > 11 else 'AM'}",
    "month by name": lambda m: f"{m:%d-%b-%Y %H:%M:%S}",
    "month by name, dots": lambda m: f"{m:%d-%b-%Y %I.%M.%S.000000 %p}".upper(),
    "dashes and dots": lambda m: f"{m:%Y-%m-%d-%H.%M.%S}.000000",
    "quoted": lambda m: f"'{m:%Y-%m-%d %H:%M:%S}'",
    "ctime": lambda m: f"{DAYS[m.weekday()]} {m:%b} {m.day:2} {m:%H:%M:%S %Y}",
}


def truth(moment: datetime, zone: str) -> datetime | None:
    """Return a wall clock's time in UTC; None where the zone's clocks skip it."""
    utc = moment.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    return utc if utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == moment else None


def read(cells: list[str | None], zone: str = "UTC", day_first: bool | None = True) -> list[datetime | None]:
    return read_times(pl.Series("t", cells, dtype=pl.String), zone, day_first).to_list()


@pytest.mark.parametrize("notation", slow_but(("main", "day first unpadded", "half days", "ctime"), NAIVE))
@settings(SETTINGS, max_examples=examples(40))
@given(moments=st.lists(MOMENTS, min_size=1, max_size=30), zone=st.sampled_from(ZONES))
@example(moments=[datetime(2026, 3, 29, 2, 30), datetime(2026, 10, 25, 2, 30)], zone="Europe/Paris")
@example(moments=[datetime(2026, 3, 29, 2, 30)], zone="Europe/Paris")
@example(moments=[datetime(2026, 10, 25, 2, 30)], zone="Europe/Paris")
@example(moments=[datetime(2026, 10, 4, 2, 15), datetime(2026, 4, 5, 1, 45)], zone="Australia/Lord_Howe")
def test_naive_times(notation: str, moments: list[datetime], zone: str) -> None:
    typed = [NAIVE[notation](moment) for moment in moments]
    more = timedelta(milliseconds=250 if notation == "fraction" else 0)
    expected = [None if (utc := truth(moment, zone)) is None else utc + more for moment in moments]
    assert read(typed, zone) == expected


@SETTINGS
@given(st.lists(st.tuples(MOMENTS, st.integers(-48, 56)), min_size=1, max_size=30), st.sampled_from(ZONES))
def test_times_with_offset(moments: list[tuple[datetime, int]], zone: str) -> None:
    aware = [moment.replace(tzinfo=timezone(timedelta(minutes=15 * quarters))) for moment, quarters in moments]
    expected = [moment.astimezone(UTC) for moment in aware]
    assert read([moment.isoformat() for moment in aware], zone) == expected
    assert read([f"{moment:%Y-%m-%d %H:%M:%S%z}" for moment in aware], zone) == expected
    assert read([f"{moment:%a, %d %b %Y %H:%M:%S %z}" for moment in aware], zone) == expected
    assert read([f"{moment:%a %b} {moment.day:2} {moment:%H:%M:%S %Y %z}" for moment in aware], zone) == expected
    assert read([f"{moment:%a %b} {moment.day:2} {moment:%H:%M:%S %z %Y}" for moment in aware], zone) == expected
    assert read([f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in aware], zone) == expected


@SETTINGS
@given(st.lists(MOMENTS.filter(lambda moment: 2001 < moment.year < 2033), min_size=1, max_size=30))
def test_epoch_times(moments: list[datetime]) -> None:
    expected = [moment.replace(tzinfo=UTC) for moment in moments]
    seconds = [int(moment.timestamp()) for moment in expected]
    assert read([str(second) for second in seconds], "Asia/Kolkata") == expected
    assert read([str(second * 1000) for second in seconds], "Asia/Kolkata") == expected
    half = [moment + timedelta(milliseconds=500) for moment in expected]
    assert read([f"{second}.5" for second in seconds], "Asia/Kolkata") == half
    assert read([str(second * 1000 + 500) for second in seconds], "Asia/Kolkata") == half


@SETTINGS
@given(st.lists(MOMENTS, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_mixed_notations(moments: list[datetime], random: object) -> None:
    notations = list(NAIVE.values())
    typed = [notations[number % len(notations)](moment) for number, moment in enumerate(moments)]
    alone = [read([cell], "Europe/Paris")[0] for cell in typed]
    assert read(typed, "Europe/Paris") == alone


@pytest.mark.parametrize(
    ("typed", "utc"),
    [
        ("202601221405", "2026-01-22 14:05:00"),
        ("260122140509", "2026-01-22 14:05:09"),
        ("2601221405", "2026-01-22 14:05:00"),
        ("1769072405", "2026-01-22 09:00:05"),  # an epoch
        ("201011121314", None),  # 12 November 2010, 13:14, or 11 October 2020, 12:13:14
        ("946771200000", "2000-01-02 00:00:00"),  # an epoch in milliseconds
        ("2613221405", "2052-10-22 14:50:05"),  # no day of a month 13, so an epoch
    ],
)
def test_digits_without_century_or_seconds(typed: str, utc: str | None) -> None:
    [time] = read([typed])
    assert (time and f"{time:%Y-%m-%d %H:%M:%S}") == utc


def test_month_first() -> None:
    cells = ["03/04/2026 10:00:00", "12/31/2026 10:00:00", "31/12/2026 10:00:00"]
    assert read(cells, day_first=False) == [
        datetime(2026, 3, 4, 10, tzinfo=UTC),
        datetime(2026, 12, 31, 10, tzinfo=UTC),
        None,
    ]
    assert read(cells, day_first=None)[0] is None


@SETTINGS
@given(st.lists(st.one_of(st.none(), st.text(max_size=25), st.text("0123456789-/.: TZ+", max_size=25)), max_size=30))
@example(["-0026-01-22 10:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00", "0000-00-00 00:00:00"])
@example(["9999-12-31 23:59:59-1100", "0001-01-01T00:00:00+1400", "99999999999", "+262142-01-01 00:00:00"])
def test_no_text_stops_the_reading_of_times(cells: list[str | None]) -> None:
    times = read_times(pl.Series("t", cells, dtype=pl.String), "Europe/Paris", True)
    assert times.dtype == pl.Datetime("us", "UTC")
    assert len(times) == len(cells)


# -- durations -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("0", 0),
        ("65", 65),
        ("65.9", 65),
        ("-1", -1),
        ("-30", -30),
        ("1:05", 65),
        ("0:01:05", 65),
        ("00:01:05", 65),
        ("26:00:00", 93_600),
        ("100:00", 6000),
        (" 65 ", 65),
        ("'65'", 65),
        ("65 s", 65),
        ("-0:30", -30),
        ("-0:01", -2),
        ("1:60", None),
        ("1:60:00", None),
        ("1:5", None),
        ("", None),
        ("n/a", None),
        ("1e3", None),
        ("0x10", None),
        (str(LONGEST_SECONDS), LONGEST_SECONDS),
        (str(LONGEST_SECONDS + 1), None),
        ("9223372036854775807", None),
        ("-9223372036854775808", None),
        ("99999999999999999999", None),
        (None, None),
    ],
)
def test_duration(typed: str | None, seconds: int | None) -> None:
    assert read_durations(pl.Series([typed], dtype=pl.String)).to_list() == [seconds]
    assert read_durations(pl.Series(["7", typed, None, "1:00"], dtype=pl.String)).to_list() == [7, seconds, None, 60]


@SETTINGS
@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=30))
def test_durations(seconds: list[int]) -> None:
    clocks = [f"{second // 3600}:{second // 60 % 60:02}:{second % 60:02}" for second in seconds]
    mixed = [clock if number % 2 else str(seconds[number]) for number, clock in enumerate(clocks)]
    for typed in (clocks, mixed, [f"{second}.75" for second in seconds]):
        assert read_durations(pl.Series(typed)).to_list() == seconds


@SETTINGS
@given(st.lists(st.one_of(st.none(), st.text(max_size=12), st.text("0123456789:.-+ es", max_size=24)), max_size=30))
def test_no_text_stops_the_reading_of_durations(cells: list[str | None]) -> None:
    series = pl.Series("d", cells, dtype=pl.String)
    together = read_durations(series)
    assert together.dtype == pl.Int64
    assert together.to_list() == [read_durations(series[place : place + 1])[0] for place in range(len(cells))]


# -- duplicate keys ------------------------------------------------------------------------------------------

HASH = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**63 - 1, 2**64 - 1, 2**60, 2**58]))
PARTS = st.lists(st.lists(HASH, max_size=12), max_size=8)


@pytest.mark.parametrize(("held", "buckets"), [(1_000_000, 64), (3, 4), (0, 64), (7, 1)])
@SETTINGS
@given(new=PARTS, old=PARTS, common=st.lists(HASH, max_size=5))
def test_keys_that_clash(
    held: int, buckets: int, new: list[list[int]], old: list[list[int]], common: list[int]
) -> None:
    fresh, known = [*new, common], [common[::2], *old]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(deduplication, "HELD_KEYS", held)
        patch.setattr(deduplication, "BUCKETS", buckets)
        patch.setattr(deduplication, "CLASHES_AT_ONCE", 2)
        spills = []
        for name, parts in (("new", fresh), ("old", known)):
            spill = KeySpill(Path(folder) / name)
            for part in parts:
                spill.add(np.sort(np.array(part, dtype=np.uint64)))
            spills.append(spill)
        found = [int(key) for clashes in find_clashes(*spills) for key in clashes]
    counts = Counter(key for part in fresh for key in part)
    stored = {key for part in known for key in part}
    assert sorted(found) == sorted(key for key, count in counts.items() if count > 1 or key in stored)
