"""Talk time: ringing that durations count, units that the times of a row show, columns beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.ingestion.values.durations import read_duration
from tests.sentinel_batch.ingestion.layout_samples import headed, read

DAY = "2026-09-01"
CALL = "caller,callee,start_time"


@pytest.mark.parametrize("column", ["answer_time", "answered_time", "connect_time"])
@pytest.mark.parametrize("lengths", [("65", "30"), ("65000", "30000"), ("00:01:05", "00:00:30")])
def test_ringing_is_no_talk_time(tmp_path: Path, column: str, lengths: tuple[str, str]) -> None:
    rows = [
        f"A,B,{DAY} 10:00:00,{DAY} 10:00:20,{DAY} 10:01:05,{lengths[0]}",
        f"A,C,{DAY} 10:02:00,,{DAY} 10:02:30,{lengths[1]}",
    ]
    done = read(tmp_path, headed(f"{CALL},{column},end_time,duration", *rows))
    assert done.talk == [(45, True), (0, False)]
    assert done.notice("counts the ringing")


def test_talk_time_is_not_taken_for_ringing(tmp_path: Path) -> None:
    row = f"A,B,{DAY} 10:00:00,{DAY} 10:00:20,{DAY} 10:01:05,45"
    done = read(tmp_path, headed(f"{CALL},answer_time,end_time,duration", row))
    assert (done.talk, done.notice("ringing")) == ([(45, True)], "")


@pytest.mark.parametrize(
    ("end", "lengths", "unit"),
    [
        ("10:00:45", "450", "tenths of a second"), ("10:01:35", "950", "tenths of a second"),
        ("11:35:00", "01:35", "hours and minutes"), ("11:35:00", "0135", "hours and minutes"),
        ("10:01:35", "135", "without colons"), ("10:00:45", "45120", "milliseconds"), ("10:01:35", "01:35", ""),
    ],
)  # fmt: skip
def test_the_times_of_a_row_show_the_unit(tmp_path: Path, end: str, lengths: str, unit: str) -> None:
    rows = [f"A,B,{DAY} 10:00:00,{DAY} {end},{lengths}", f"A,C,{DAY} 10:00:00,{DAY} 10:00:30,0"]
    done = read(tmp_path, headed(f"{CALL},end_time,duration", *rows))
    hours, minutes, seconds = map(int, end.split(":"))
    assert max(done.talk) == ((hours - 10) * 3600 + minutes * 60 + seconds, True)
    assert unit in done.notice("Durations in duration are") if unit else not done.notice("Durations")


def test_durations_that_contradict_the_times_of_their_rows_are_said(tmp_path: Path) -> None:
    rows = [f"A,B,{DAY} 10:00:00,{DAY} 10:00:15,15", f"A,C,{DAY} 10:00:00,{DAY} 10:02:00,20"]
    done = read(tmp_path, headed(f"{CALL},end_time,duration", *rows))
    assert "1 of 2 rows, such as '20' where those are 120 s apart" in done.notice("differ")
    assert sorted(done.talk) == [(15, True), (20, True)]


@pytest.mark.parametrize(
    "column", ["talk time (s)", "bill_duration", "connect_duration", "Talk Duration (sec)", "conversation_time_s"]
)
def test_talk_time_counts_before_the_whole_duration(tmp_path: Path, column: str) -> None:
    done = read(tmp_path, headed(f"{CALL},duration,{column}", "A,B,T,50,45"))
    assert done.talk == [(45, True)]


@pytest.mark.parametrize(("text", "unit"), [("0.75", "seconds"), ("400", "ms"), ("0.01", "min")])
def test_a_fraction_of_a_second_was_answered(tmp_path: Path, text: str, unit: str) -> None:
    done = read(tmp_path, headed(f"{CALL},duration_{unit}", f"A,B,T,{text}", "A,C,T,0", "A,B,T,0.0"))
    assert sorted(done.talk) == [(0, False), (0, False), (0, True)]


def test_hours_and_minutes() -> None:
    assert [read_duration(text, "hhmm") for text in ("01:35", "1:00:05", "0:61")] == [5700, 3605, None]
