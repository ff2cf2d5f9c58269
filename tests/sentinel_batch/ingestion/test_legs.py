"""Rows that are legs of one call, and the leg abroad that is a call of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.ingestion import ingest
from tests.sentinel_batch.ingestion.layout_samples import FOLDER, headed, read

CALL = "caller,callee,start_time,duration"


@pytest.mark.parametrize("name", ["fork2.csv", "fork2r.csv"])
def test_the_branches_of_a_ring_group_are_one_call(tmp_path: Path, name: str) -> None:
    done = read(tmp_path, FOLDER / name)
    assert done.talk == [(122, True)]
    assert done.rows("caller_number", "callee_number", "termination_cause") == [("+2348012345678", "604", "ANSWERED")]
    assert (done.file.legs_collapsed, done.file.duplicates_skipped) == (1, 1)


def test_a_call_has_the_outcome_of_the_leg_that_was_answered(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "k19_asterisk_answered_dup_cause.csv")
    assert done.talk == [(30, True)]
    assert done.rows("termination_cause", "trunk") == [("ANSWERED", "SIP/301")]


def test_a_call_that_was_never_answered_keeps_its_first_outcome(tmp_path: Path) -> None:
    text = headed(
        "calldate,src,dst,billsec,disposition,linkedid",
        "2026-09-01 10:00:00,A,600,0,BUSY,1.1",
        "2026-09-01 10:00:02,A,600,0,NO ANSWER,1.1",
    )
    assert read(tmp_path, text).rows("answered", "termination_cause") == [(False, "BUSY")]


@pytest.mark.parametrize(
    ("channel", "trunk"),
    [
        ("SIP/301-0000000a", "SIP/301"), ("PJSIP/trunk-ng-0000001f", "PJSIP/trunk-ng"),
        ("Local/604@a-0000003d;2", "Local/604@a"),
        ("DAHDI/i1/08031234567-1", "DAHDI/i1/08031234567-1"), ("SIP/b-1", "SIP/b-1"),
    ],
)  # fmt: skip
def test_the_trunk_is_the_peer_not_the_channel(tmp_path: Path, channel: str, trunk: str) -> None:
    text = headed("calldate,src,dst,billsec,disposition,dstchannel", f"T,A,B,5,ANSWERED,{channel}")
    assert read(tmp_path, text).rows("trunk") == [(trunk,)]


def test_a_call_that_is_forwarded_abroad_is_seen(tmp_path: Path) -> None:
    done = read(tmp_path, FOLDER / "master21.csv")
    assert ("+2348012345678", "+23276123451", 2, True) in done.rows(
        "caller_number", "callee_number", "duration_seconds", "answered"
    )
    assert [callee for (callee,) in done.rows("callee_number")] == [
        "2", "+2348031234567", "620", "+23276123451", "621", "622",
    ]  # fmt: skip
    assert (done.file.records_inserted, done.file.legs_collapsed) == (6, 7)


def test_a_file_with_a_leg_abroad_is_read_once(tmp_path: Path) -> None:
    read(tmp_path, FOLDER / "master21.csv")
    copy = tmp_path / "copy.csv"
    copy.write_bytes((FOLDER / "master21.csv").read_bytes() + b"\n")
    again = ingest(copy, lake=tmp_path / "lake", max_reject_rate=1.0)
    assert (again.records_inserted, again.files[0].status) == (0, "inserted")


def test_legs_abroad_of_one_number_are_one_call(tmp_path: Path) -> None:
    rows = [
        "2026-09-01 10:00:00,A,620,60,ANSWERED,9.1",
        "2026-09-01 10:00:01,A,0023276123451,0,NO ANSWER,9.1",
        "2026-09-01 10:00:05,A,0023276123451,50,ANSWERED,9.1",
        "2026-09-01 10:00:05,A,0044207946000,9,ANSWERED,9.1",
        "2026-09-01 10:00:06,A,B,40,ANSWERED,9.1",
    ]
    done = read(tmp_path, headed("calldate,src,dst,billsec,disposition,linkedid", *rows))
    assert sorted(done.rows("callee_number", "duration_seconds", "termination_cause"))[0] == (
        "+23276123451", 50, "ANSWERED",
    )  # fmt: skip
    assert ("620", 60, "ANSWERED") in done.rows("callee_number", "duration_seconds", "termination_cause")
    assert (done.file.records_inserted, done.file.legs_collapsed) == (3, 2)


@pytest.mark.parametrize("column", ["session_id", "call id", "LinkedID", "uniqueid", "uuid"])
def test_generic_joins_legs_by_any_id(tmp_path: Path, column: str) -> None:
    rows = ["A,600,2026-09-01 10:00:00,0,s1", "A,B,2026-09-01 10:00:05,90,s1", "A,C,2026-09-01 10:10:00,5,s2"]
    done = read(tmp_path, headed(f"{CALL},{column}", *rows))
    assert done.rows("callee_number", "duration_seconds") == [("600", 90), ("+2348051230002", 5)]
    assert "longest talk time" in done.notice("legs of one call")


@pytest.mark.parametrize(
    "rows",
    [
        [f"A,0805123{i:04d},2026-09-01 10:{i:02d}:00,5,c1" for i in range(9)],  # a customer's id
        ["A,B,2026-09-01 10:00:00,5,x", "08031110000,08051110000,2026-09-01 10:00:03,5,x"],  # no number in common
        ["A,B,2026-09-01 10:00:00,5,x", "A,C,2026-09-01 10:06:00,5,x"],  # long after the first ended
        ["A,B,2026-09-01 10:00:00,5,", "A,C,2026-09-01 10:00:02,5,"],  # no id
    ],
)
def test_generic_joins_nothing_else(tmp_path: Path, rows: list[str]) -> None:
    done = read(tmp_path, headed(f"{CALL},call_id", *rows))
    assert (done.file.records_inserted, done.file.legs_collapsed) == (len(rows), 0)


def test_an_id_that_names_no_calls_is_said(tmp_path: Path) -> None:
    rows = [f"A,B,2026-09-01 10:{i:02d}:00,5,c1" for i in range(9)]
    assert "9 rows, 1 values" in read(tmp_path, headed(f"{CALL},call_id", *rows)).notice("no single calls")


@pytest.mark.parametrize(("rule", "talk"), [("longest", 40), ("sum", 55), ("first", 5), ("last", 10)])
def test_a_dialect_says_whose_talk_time_counts(tmp_path: Path, rule: str, talk: int) -> None:
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[fields]\ncaller_number = "caller"\ncallee_number = "callee"\ncall_timestamp = "start_time"\n'
        f'duration_seconds = "duration"\n[legs]\ncall_id = "ref"\ntalk = "{rule}"\n'
    )
    rows = ["A,600,2026-09-01 10:00:00,5,7", "A,B,2026-09-01 10:00:05,40,7", "A,B,2026-09-01 10:01:05,10,7"]
    done = read(tmp_path, headed(f"{CALL},ref", *rows), dialect=tmp_path / "own.toml")
    assert done.rows("callee_number", "duration_seconds") == [("600", talk)]
