"""Zones that a second clock in the row measures, clocks without seconds, years of two digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sentinel_batch.ingestion.layout_samples import FOLDER, MOMENT, headed, read

TEN_UTC = 1788256800
"""2026-09-01 10:00:00 UTC."""
CALL = "caller,callee,start_time,duration"


def test_master_csv_in_utc_is_read_as_utc(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "zone1.csv")
    assert (done.clocks, done.file.timezone) == (["2026-11-20 22:40:22"], "UTC")
    said = done.notice("measured by uniqueid in 1 row")
    assert "Africa/Lagos, contradicts this" in said


@pytest.mark.parametrize("zone", ["Africa/Lagos", "UTC", "Asia/Kolkata"])
def test_the_measured_zone_counts_whatever_was_given(tmp_path: Path, zone: str) -> None:
    done = read(tmp_path, FOLDER / "zone1.csv", timezone=zone)
    assert done.clocks == ["2026-11-20 22:40:22"]
    assert ("contradicts" in done.notice("measured")) == (zone != "UTC")


@pytest.mark.parametrize(
    ("column", "value", "begun", "zone"),
    [
        ("uniqueid", f"pbx1-{TEN_UTC}.26", MOMENT, "UTC"),
        ("start_epoch", f"{TEN_UTC}", "2026-09-01 11:00:00", "Africa/Lagos"),
        ("start_epoch", f"{TEN_UTC}123", "2026-09-01 11:00:00", "Africa/Lagos"),
        ("epoch", f"{TEN_UTC}", "2026-09-01 15:30:00", "UTC+05:30"),
        ("epoch", f"{TEN_UTC}", "2026-09-01 06:30:00", "UTC-03:30"),
        ("end_utc", "2026-09-01T10:00:30Z", "2026-09-01 12:00:00", "UTC+02:00"),
        ("timezone", "America/Bogota", "2026-09-01 05:00:00", "America/Bogota"),
    ],
)
def test_other_second_clocks(tmp_path: Path, column: str, value: str, begun: str, zone: str) -> None:
    done = read(tmp_path, headed(f"{CALL},{column}", f"A,B,{begun},30,{value}"))
    assert (done.clocks, done.file.timezone) == ([MOMENT], zone)
    assert ("contradicts" in done.notice(zone)) == (zone != "Africa/Lagos")
    assert not done.notice("not used: " + column)


def test_each_row_may_have_its_offset(tmp_path: Path) -> None:
    rows = [f"A,B,{MOMENT},1,+0300", f"A,C,{MOMENT},2,+05:30", f"A,B,{MOMENT},3,UTC-1", f"A,B,{MOMENT},4,Z"]
    done = read(tmp_path, headed(f"{CALL},utc_offset", *rows))
    assert [clock[11:16] for clock in done.clocks] == ["04:30", "07:00", "10:00", "11:00"]
    assert "utc_offset" in done.notice("offset from UTC")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("uniqueid", (TEN_UTC - 1000, TEN_UTC + 5000)),  # no two rows agree
        ("uniqueid", (TEN_UTC + 86_400 * 2, TEN_UTC + 86_400 * 2 + 60)),  # further than any zone
        ("account", (1414155526, 1414155527)),  # telephone numbers that look like epochs
    ],
)
def test_what_measures_nothing_changes_nothing(tmp_path: Path, column: str, values: tuple[int, int]) -> None:
    rows = [f"A,B,2026-09-01 10:0{place}:00,1,{value}" for place, value in enumerate(values)]
    done = read(tmp_path, headed(f"{CALL},{column}", *rows))
    assert (done.clocks[0], done.file.timezone) == ("2026-09-01 09:00:00", "Africa/Lagos")


def test_times_that_know_their_zone_need_no_other(tmp_path: Path) -> None:
    done = read(tmp_path, headed(f"{CALL},epoch", f"A,B,2026-09-01T10:00:00+02:00,1,{TEN_UTC}"))
    assert (done.clocks, done.notice("measured")) == (["2026-09-01 08:00:00"], "")


def test_a_dialect_can_name_the_second_clock(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[fields]\ncaller_number = "x"\ncallee_number = "y"\n'
        'call_timestamp = "t"\nduration_seconds = "d"\n'
        '[time]\nepoch = "good"\ntimezone = "Asia/Tokyo"\n'
    )
    text = headed("x,y,t,d,bad,good", f"A,B,{MOMENT},9,{TEN_UTC + 7200},{TEN_UTC - 3600}")
    done = read(tmp_path, text, dialect=tmp_path / "own.toml")
    assert (done.clocks, done.file.timezone) == (["2026-09-01 09:00:00"], "UTC+01:00")
    assert "measured by good in 1 row. The zone that was given, Asia/Tokyo" in done.notice("measured")


@pytest.mark.parametrize("text", ["2026-09-01 10:00", "01/09/2026 10:00", "2026-09-01 10:00 +0100", "202609011000"])
def test_a_clock_without_seconds_is_said(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, headed(CALL, f"A,B,{text},9"), day_first=True).notice("whole minutes")


@pytest.mark.parametrize("text", ["20260901 100000", "20260901T100000Z", "2026-09-01-10.00.00.000000", "1788256800"])
def test_one_time_at_a_full_minute_says_nothing_of_the_clock(tmp_path: Path, text: str) -> None:
    assert not read(tmp_path, headed(CALL, f"A,B,{text},9")).notice("whole minutes")


@pytest.mark.parametrize(("seconds", "said"), [(["00"] * 12, True), (["00"] * 11 + ["01"], False), (["00"] * 9, False)])
def test_seconds_that_are_always_zero(tmp_path: Path, seconds: list[str], said: bool) -> None:
    rows = [f"A,B,2026-09-01 10:{place:02d}:{second},9" for place, second in enumerate(seconds)]
    assert bool(read(tmp_path, headed(CALL, *rows)).notice("whole minutes")) == said


def test_a_year_of_two_digits_is_never_guessed(tmp_path: Path) -> None:
    refused = read(tmp_path, FOLDER / "k12_two_digit_year.csv").file
    assert refused.error is not None and refused.error["code"] == "ambiguous_dates"
    assert "'04/09/26 12:39'" in refused.error["message"]
    assert "--day-first" in refused.error["hint"]
    assert read(tmp_path, FOLDER / "k12_two_digit_year.csv", day_first=True).clocks == ["2026-09-04 11:39:00"]


@pytest.mark.parametrize("delimiter", ["/", "-", "."])
def test_one_date_decides_years_of_two_digits(tmp_path: Path, delimiter: str) -> None:
    days = [f"{day:02d}/09/26".replace("/", delimiter) for day in (4, 5, 21)]
    text = headed(f"{CALL},address", *(f"A,B,{day} 10:00:0{place},9,10.13.26.7" for place, day in enumerate(days)))
    assert [clock[:10] for clock in read(tmp_path, text).clocks] == ["2026-09-04", "2026-09-05", "2026-09-21"]


@pytest.mark.parametrize(
    ("days", "first"),
    [
        (("26/09/01", "26/09/14"), "2026-09-01"), (("26-09-27", "26-09-28"), "2026-09-27"),
        (("13/09/26", "14/09/26"), "2026-09-13"), (("26.08.31", "26.09.01"), "2026-08-31"),
        (("09/13/26", "09/14/26"), "2026-09-13"), (("14/09/26", "14/09/26"), "2026-09-14"),
        (("26/09/05", "26/09/05"), "2026-09-05"), (("31/12/25", "01/01/26"), "2025-12-31"),
        (("25/12/31", "26/01/01"), "2025-12-31"),
    ],
)  # fmt: skip
def test_the_file_shows_where_years_of_two_digits_stand(tmp_path: Path, days: tuple[str, str], first: str) -> None:
    rows = [f"A,B,{day} 10:00:0{place},9" for place, day in enumerate(days)]
    done = read(tmp_path, headed(CALL, *rows))
    assert (done.file.error, done.clocks[:1]) == (None, [f"{first} 09:00:00"])


@pytest.mark.parametrize("day", ["25/09/26", "04/09/26", "26/09/25"])
def test_years_of_two_digits_in_doubt_are_refused(tmp_path: Path, day: str) -> None:
    refused = read(tmp_path, headed(CALL, f"A,B,{day} 10:00:00,9")).file
    assert refused.error is not None and refused.error["code"] == "ambiguous_dates"


def test_a_dialect_says_that_the_year_comes_first(tmp_path: Path) -> None:
    fields = 'caller_number="caller"\ncallee_number="callee"\ncall_timestamp="start_time"\nduration_seconds="duration"'
    (tmp_path / "own.toml").write_text(f'name="own"\n[fields]\n{fields}\n[time]\nyear_first=true\n')
    done = read(tmp_path, headed(CALL, "A,B,04/09/03 10:00:00,9"), dialect=tmp_path / "own.toml")
    assert done.clocks == ["2004-09-03 09:00:00"]
