"""When a call began, where date and time of day stand apart, and where the column's name says UTC."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.ingestion import propose_dialect
from tests.sentinel_batch.ingestion.layout_samples import headed, read

AT_NINE, ANSWERED = ["2026-09-01 09:00:00"], [(45, True)]


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ("caller,callee,Start Date,Start Time,duration", "A,B,2026-09-01,10:00:00,45"),
        ("caller,callee,Start Time,Start Date,duration", "A,B,10:00:00,2026-09-01,45"),
        ("caller,callee,date_debut,heure_debut_appel,duration", "A,B,2026-09-01,10:00:00,45"),
        ("caller,callee,Fecha,Hora inicio,duration", "A,B,2026-09-01,10:00:00,45"),
        ("caller,callee,Datum,Uhrzeit,duration", "A,B,01-Sep-2026,10:00:00,45"),
        ("caller,callee,date,start_time,duration", "A,B,20260901,10:00:00,45"),
        ("caller,callee,dateForStartOfCharge,timeForStartOfCharge,duration", "A,B,260901,100000,45"),
        ("caller,callee,Date,Time,duration", "A,B,2026-09-01,10:00:00 AM,45"),
        ("caller,callee,date,time,created_at,duration", "A,B,2026-09-01,10:00:00,2026-09-30 00:00:00,45"),
        ("caller,callee,time,duration", "A,B,T,45"),
        ("caller,callee,start_date,start_time,end_date,end_time", "A,B,2026-09-01,10:00:00,2026-09-01,10:00:45"),
        ("caller,callee,start_time,end_time", "A,B,T,10:00:45"),
        ("caller,callee,start_time,answer_time,end_time", "A,B,T,10:00:05,10:00:50"),
    ],
)
def test_date_and_time_of_day_may_stand_apart(tmp_path: Path, columns: str, row: str) -> None:
    done = read(tmp_path, headed(columns, row))
    assert (done.file.dialect, done.clocks, done.talk) == ("generic", AT_NINE, ANSWERED)


def test_days_and_months_of_dates_that_stand_apart_are_told_apart(tmp_path: Path) -> None:
    rows = ("A,B,01/09/2026,10:00:00,45", "A,B,14/09/2026,10:02:00,45")
    done = read(tmp_path, headed("caller,callee,Start Date,Start Time,duration", *rows))
    assert done.clocks == ["2026-09-01 09:00:00", "2026-09-14 09:02:00"]
    refused = read(tmp_path / "x", headed("caller,callee,Start Date,Start Time,duration", rows[0])).file.error
    assert refused is not None and "'01/09/2026' in start_date" in refused["message"]


def test_an_end_as_a_time_of_day_may_be_of_the_next_day(tmp_path: Path) -> None:
    done = read(tmp_path, headed("caller,callee,date,time,end_time", "A,B,2026-09-01,23:59:30,00:00:15"))
    assert done.talk == ANSWERED


@pytest.mark.parametrize(
    ("columns", "row", "unread"),
    [
        ("caller,callee,Start Time (UTC),duration", "A,B,T,45", ""),
        ("caller,callee,start_time_utc,duration", "A,B,T,45", ""),
        ("caller,callee,startTimeUTC,duration", "A,B,T,45", ""),
        ("caller,callee,gmt_start_time,local_start_time,duration", "A,B,T,2026-09-01 11:00:00,45", ""),
        ("caller,callee,start_time,start_time_utc,duration", "A,B,2026-09-01 12:00:00,T,45", "start_time"),
        ("caller,callee,date_utc,time_utc,duration", "A,B,2026-09-01,10:00:00,45", ""),
        ("caller,callee,start_time_utc,end_time,duration", "A,B,T,2026-09-01 11:00:45,45", ""),
    ],
)
def test_a_name_that_says_utc_decides_the_zone(tmp_path: Path, columns: str, row: str, unread: str) -> None:
    done = read(tmp_path, headed(columns, row))
    assert (done.file.timezone, done.clocks, done.talk) == ("UTC", ["2026-09-01 10:00:00"], ANSWERED)
    assert "Africa/Lagos, contradicts this" in done.notice("Times are in UTC, as the name of")
    assert f"not from {unread}" in done.notice("several columns") or not unread

    toml = tmp_path / "own.toml"
    toml.write_text(propose_dialect(tmp_path / "calls.csv", timezone="Africa/Lagos").toml, "utf-8")
    assert 'timezone = "UTC"' in toml.read_text("utf-8")
    again = read(tmp_path / "again", headed(columns, row), dialect=toml)
    assert (again.clocks, again.talk) == (done.clocks, done.talk)


def test_a_column_that_is_no_time_is_no_answer(tmp_path: Path) -> None:
    done = read(tmp_path, headed("caller,callee,start_time,response_time,duration", "A,B,T,0.35,45", "A,C,T,,0"))
    assert done.talk == [(45, True), (0, False)]


@pytest.mark.parametrize("written", ["Sep 01 2026 10:00:00", "September 1, 2026 10:00 AM", "2026-09-01 10h00"])
def test_times_with_the_month_in_front_and_with_an_h(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, headed("caller;callee;start;duration", f"A;B;{written};45", delimiter=";")).clocks == AT_NINE


@pytest.mark.parametrize(
    ("column", "written", "seconds"),
    [
        ("duration", "1 min 35 sec", 95), ("duration", "2m 5s", 125), ("duration", "PT1M35S", 95),
        ("duration", "1 h 05 min", 3900), ("duration", "20 sec", 20), ("Durée (mn)", "1,5", 90),
        ("Durée (mn)", "1 min 5 s", 65), ("duration", "35,5", 35),
    ],
)  # fmt: skip
def test_durations_with_names_and_with_a_decimal_comma(tmp_path: Path, column: str, written: str, seconds: int) -> None:
    done = read(tmp_path, headed(f"caller;callee;start;{column}", f"A;B;T;{written}", delimiter=";"))
    assert done.talk == [(seconds, True)]


@pytest.mark.parametrize("written", ["1,500", "PT", "min", "5 apples", "1 min 5 min"])
def test_what_may_mean_anything_is_no_duration(tmp_path: Path, written: str) -> None:
    done = read(tmp_path, headed("caller;callee;start;duration", f"A;B;T;{written}", delimiter=";"))
    assert done.file.rejects_by_reason == {"bad_duration": 1}


def test_fractions_with_a_comma_are_doubted_as_those_with_a_point(tmp_path: Path) -> None:
    done = read(tmp_path, headed("caller;callee;start;duration", "A;B;T;1,5", delimiter=";"))
    assert "have fractions (1.5)" in done.notice("if they are minutes")


@pytest.mark.parametrize(
    ("line", "trailers"),
    [
        ("Total;2;;;00:01:35", 1), ("Total;;;;00:01:35", 1), ("TOTAL DURATION;;;;1:35", 1),
        ("Total;B;2026-09-01;10:05:00;00:01:35", 0), ("Sum;2;;10:05:00;00:01:35", 0),
    ],
)  # fmt: skip
def test_a_total_of_durations_is_a_trailer(tmp_path: Path, line: str, trailers: int) -> None:
    rows = ("A;B;2026-09-01;10:00:00;00:00:45", "A;C;2026-09-01;10:01:00;00:00:50", line)
    done = read(tmp_path, headed("caller;callee;date;time;duration", *rows, delimiter=";"))
    assert done.file.lines_skipped.get("trailer", 0) == trailers
    assert done.file.records_processed == 3 - trailers


@pytest.mark.parametrize("written", ["x204", "ext. 204", "EXT 204", "204"])
def test_extensions_may_be_written_with_their_name(tmp_path: Path, written: str) -> None:
    done = read(tmp_path, headed("caller;callee;start;duration", f"{written};B;T;45", delimiter=";"))
    assert done.file.rejects_by_reason == {"caller_short_code": 1}
    whole = read(
        tmp_path / "whole", headed("caller;callee;start;duration", f"08031230001 x204;{written};T;45", delimiter=";")
    )
    assert whole.rows("caller_number", "callee_number") == [("+2348031230001", "204")]


def test_a_date_in_a_notation_of_its_own_is_read_with_its_time_of_day(tmp_path: Path) -> None:
    done = read(tmp_path, headed("caller,callee,Date,Time,duration", "A,B,1 Sep 2026,10:00:00,45", "A,B,x,10:00:00,45"))
    assert (done.clocks, done.file.rejects_by_reason) == (AT_NINE, {"bad_timestamp": 1})
