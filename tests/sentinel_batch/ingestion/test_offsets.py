"""Offsets from UTC in whatever unit, second clocks at a call's end, columns and lines that name a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest

from sentinel_batch.ingestion.values.zones import OFFSETS, find_offset_unit
from tests.sentinel_batch.ingestion.layout_samples import MOMENT, headed, read

CALL = "caller,callee,start_time,duration"
NINE = datetime(2026, 9, 1, 9, tzinfo=UTC)


def test_the_offsets_are_those_of_the_time_zone_database() -> None:
    days = [datetime(2026, month, 1) for month in (1, 7)]
    found = {day.replace(tzinfo=ZoneInfo(zone)).utcoffset() for zone in available_timezones() for day in days}
    assert {offset // timedelta(minutes=1) for offset in found if offset is not None} <= OFFSETS


@pytest.mark.parametrize(
    ("column", "offset", "hour"),
    [
        ("utc_offset", "-300", "15:00"), ("utc_offset_minutes", "+330", "04:30"), ("tz_offset", "330", "04:30"),
        ("utc_offset", "3", "07:00"), ("utc_offset", "+5.5", "04:30"), ("gmt_offset", "-18000", "15:00"),
        ("utc_offset", "+60", "09:00"), ("utc_offset", "+0530", "04:30"), ("utc_offset", "+530", "04:30"),
        ("timezone", "GMT+1", "09:00"), ("utc_offset", "0", "10:00"), ("utc_offset_sec", "3600", "09:00"),
    ],
)  # fmt: skip
def test_offsets_of_many_units(tmp_path: Path, column: str, offset: str, hour: str) -> None:
    done = read(tmp_path, headed(f"{CALL},{column}", f"A,B,{MOMENT},9,{offset}"), timezone="Asia/Tokyo")
    assert done.clocks[0][11:16] == hour
    assert column in done.notice("Each row's offset")


def test_rows_may_differ_in_minutes(tmp_path: Path) -> None:
    done = read(tmp_path, headed(f"{CALL},utc_offset", f"A,B,{MOMENT},9,+60", f"A,C,{MOMENT},9,+120"))
    assert [clock[11:16] for clock in done.clocks] == ["08:00", "09:00"]


@pytest.mark.parametrize(("column", "values"), [("timezone", "IST IST"), ("utc_offset", "+37 +60"),
                                                ("timezone", "Africa/Lagos Africa/Nairobi")])  # fmt: skip
def test_what_is_no_offset_for_certain_is_said_and_not_used(tmp_path: Path, column: str, values: str) -> None:
    rows = [f"A,{party},{MOMENT},9,{value}" for party, value in zip("BC", values.split(), strict=True)]
    done = read(tmp_path, headed(f"{CALL},{column}", *rows))
    assert (set(done.clocks), done.file.timezone) == ({"2026-09-01 09:00:00"}, "Africa/Lagos")
    assert find_offset_unit(column, values.split()) is None
    assert f"Column {column} holds" in done.notice("is not used")


def second_clock(column: str, durations: list[int]) -> str:
    """Return calls in Lagos with an epoch of their ends."""
    starts = [NINE + timedelta(minutes=place) for place in range(len(durations))]
    rows = [
        f"A,B,{start + timedelta(hours=1):%Y-%m-%d %H:%M:%S},{seconds},{int(start.timestamp()) + seconds}"
        for start, seconds in zip(starts, durations, strict=True)
    ]
    return headed(f"{CALL},{column}", *rows)


@pytest.mark.parametrize("column", ["end_epoch", "written"])
@pytest.mark.parametrize(
    "durations", [[900, 910, 890], [1750, 1810, 1795], [45, 600, 1200, 700], [45, 50], [2690, 2720]]
)
def test_a_clock_of_the_end_is_none_of_the_start(tmp_path: Path, column: str, durations: list[int]) -> None:
    done = read(tmp_path, second_clock(column, durations), timezone="UTC")
    assert (done.clocks[0], done.file.timezone) == ("2026-09-01 09:00:00", "UTC+01:00")


def test_a_clock_that_may_show_two_zones_is_said_and_not_used(tmp_path: Path) -> None:
    done = read(tmp_path / "a", second_clock("written", [3600, 3590]))
    assert done.file.timezone == "Africa/Lagos"
    assert "UTC or UTC+01:00" in done.notice("written may show")
    assert read(tmp_path / "b", second_clock("end_epoch", [3600, 3590]), timezone="UTC").file.timezone == "UTC+01:00"


def test_other_times_of_a_row_are_no_clock(tmp_path: Path) -> None:
    done = read(tmp_path, headed(f"{CALL},token_expires", f"A,B,{MOMENT},9,2026-09-01T10:00:00Z"))
    assert (done.clocks, done.notice("measured")) == (["2026-09-01 09:00:00"], "")


@pytest.mark.parametrize(
    ("columns", "times"),
    [
        ("start_time,start_time_utc", f"2026-09-01 12:00:00,{MOMENT}"),
        ("gmt_start_time,local_start_time", f"{MOMENT},2026-09-01 12:00:00"),
        ("start_time_utc", MOMENT),
        ("Start Time (UTC)", MOMENT),
    ],
)
def test_columns_in_utc(tmp_path: Path, columns: str, times: str) -> None:
    done = read(tmp_path, headed(f"caller,callee,{columns},duration", f"A,B,{times},9"))
    assert (done.clocks, done.file.timezone) == ([MOMENT], "UTC")
    assert done.notice("contradicts")


@pytest.mark.parametrize(
    ("line", "zone"),
    [
        ("# CDR export, all times in UTC", "UTC"), ("Time zone: GMT+3", "UTC+03:00"),
        ("Zone: Asia/Tokyo", "Asia/Tokyo"),
        ("# generated 2026-09-01 10:00 UTC", "Africa/Lagos"), ("# calls of the month", "Africa/Lagos"),
    ],
)  # fmt: skip
def test_a_line_before_the_header_names_the_zone(tmp_path: Path, line: str, zone: str) -> None:
    done = read(tmp_path, f"{line}\n" + headed(CALL, f"A,B,{MOMENT},9"))
    assert done.file.timezone == zone
    assert bool(done.notice(line.strip("# "))) == (zone != "Africa/Lagos")
