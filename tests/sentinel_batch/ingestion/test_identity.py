"""When two rows are one call: against an oracle that matches row by row, and through whole ingests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel_batch import ingest
from sentinel_batch.ingestion.loading.identity import IDENTITY, find_duplicates
from sentinel_batch.lake import Lake
from sentinel_batch.schema import CALL_RECORDS, polars_schema

SCHEMA = {name: polars_schema(CALL_RECORDS.columns)[name] for name in IDENTITY}
NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)
Call = tuple[int, bool, str | None]
CALLS = st.lists(st.tuples(st.sampled_from([0, 9]), st.booleans(), st.sampled_from([None, "a", "b"])), max_size=7)


def frame(calls: list[Call]) -> pl.DataFrame:
    rows = [("+2348031234567", "+2348051234567", NOON, *call) for call in calls]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def find(new: list[Call], stored: list[Call], *, repeats_are_calls: bool = False) -> tuple[list[int], list[int], int]:
    rows = frame(new).with_columns(source_line=pl.int_range(pl.len(), dtype=pl.Int64))
    found = find_duplicates(rows, frame(stored), repeats_are_calls=repeats_are_calls)
    return found.repeated.sort().to_list(), found.stored.sort().to_list(), found.told_apart


def match_by_hand(new: list[Call], stored: list[Call], *, repeats_are_calls: bool) -> tuple[list[int], list[int], int]:
    """Do the same one row after the other: ids first, then rows of which one side has no id."""
    repeated, told_apart, lake = [], 0, list(stored)
    for line, call in enumerate(new):
        if call in new[:line]:
            if call[2] is None and repeats_are_calls:
                told_apart += 1
            else:
                repeated.append(line)
    fresh = [line for line in range(len(new)) if line not in repeated]
    known = []
    for line in fresh:
        if new[line] in lake:
            lake.remove(new[line])
            known.append(line)
    for line in fresh:
        if line in known:
            continue
        for held in lake:
            if held[:2] == new[line][:2] and (held[2] is None) != (new[line][2] is None):
                lake.remove(held)
                known.append(line)
                break
    return repeated, sorted(known), told_apart


@given(CALLS, CALLS, st.booleans())
def test_rows_are_matched_as_by_hand(new: list[Call], stored: list[Call], repeats: bool) -> None:
    assert find(new, stored, repeats_are_calls=repeats) == match_by_hand(new, stored, repeats_are_calls=repeats)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((9, True, None), True),
        ((10, True, None), False),
        ((9, False, None), False),
        ((9, True, "a"), True),
    ],
)
def test_what_tells_calls_apart(other: Call, same: bool) -> None:
    assert find([other], [(9, True, None)])[1] == ([0] if same else [])
    assert find([(9, True, "a")], [(9, True, "b")])[1] == []


def test_the_second_of_equal_rows_is_known_where_the_lake_has_two() -> None:
    one, three = [(0, False, None)], [(0, False, None)] * 3
    assert find(three, one, repeats_are_calls=True) == ([], [0], 2)
    assert find(three, three, repeats_are_calls=True) == ([], [0, 1, 2], 2)
    assert find(three, one, repeats_are_calls=False) == ([1, 2], [0], 0)


HEADER = "call_date,call_time,caller_number,callee_number,duration_seconds\n"


def line(time: str, seconds: int) -> str:
    return f"2026-01-22,{time},+2348031234567,+2348051234567,{seconds}\n"


def count(path: Path, text: str, lake: Path) -> tuple[int, int]:
    path.write_text(HEADER + text)
    result = ingest(path, lake=lake)
    return result.records_inserted, result.duplicates_skipped


def test_calls_of_one_second_that_last_differently_are_kept(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    text = line("09:00:01", 0) + line("09:00:01", 7) + line("09:00:01", 7) + line("09:00:02", 7)
    assert count(tmp_path / "a.csv", text, lake) == (3, 1)
    assert count(tmp_path / "b.csv", text + line("09:00:01", 8), lake) == (1, 4)
    seconds = Lake.open(lake).snapshot().read("call_records").sort("call_timestamp", "duration_seconds")
    assert seconds["duration_seconds"].to_list() == [0, 7, 8, 7]


@pytest.mark.parametrize(
    ("time", "repeats", "inserted", "said"),
    [
        (
            "09:00",
            None,
            3,
            "2 rows equal a row before them in the file in both numbers, time, duration and outcome, and "
            "count as calls of their own",
        ),
        (
            "09:00",
            "copies",
            1,
            "2 rows equal a row before them in the file in both numbers, time, duration and outcome, "
            "and count as copies",
        ),
        ("09:00:01", None, 1, "count as copies"),
        ("09:00:01", "calls", 3, "count as calls of their own"),
    ],
)
def test_equal_rows_are_calls_where_the_clock_has_no_seconds(
    tmp_path: Path, time: str, repeats: str | None, inserted: int, said: str
) -> None:
    path, lake = tmp_path / "a.csv", tmp_path / "lake"
    path.write_text(HEADER + line(time, 0) * 3)
    dialect = tmp_path / "own.toml"
    columns = HEADER.strip().split(",")
    rows = f'[rows]\nrepeats = "{repeats}"\n' if repeats else ""
    dialect.write_text('name = "own"\n' + rows + "[fields]\n" + "".join(f'{name} = "{name}"\n' for name in columns))
    first = ingest(path, lake=lake, dialect=dialect)
    assert (first.records_inserted, first.duplicates_skipped) == (inserted, 3 - inserted)
    assert said in " ".join(first.files[0].notices)
    path.write_text(path.read_text() + line(time, 0) + line(time.replace("09", "10"), 0))
    again = ingest(path, lake=lake, dialect=dialect)
    assert again.records_inserted == (2 if inserted == 3 else 1)


def test_equal_rows_with_a_call_id_are_copies_at_any_clock(tmp_path: Path) -> None:
    row = "2026-01-22 09:00,+2348031234567,+2348051234567,0,"
    path = tmp_path / "a.csv"
    path.write_text("start_time,caller,callee,duration,call_id\n" + "".join(f"{row}{i}\n" for i in "xxyy"))
    result = ingest(path, lake=tmp_path / "lake")
    assert (result.records_inserted, result.duplicates_skipped) == (2, 2)


@pytest.mark.parametrize("options", [{"timezone": "UTC"}, {"region": "GH"}, {"dialect": "generic"}])
def test_the_same_content_read_otherwise_doubles_no_call(tmp_path: Path, options: dict[str, Any]) -> None:
    lake, path = tmp_path / "lake", tmp_path / "a.csv"
    path.write_text(HEADER + line("09:00:01", 9) * 2 + line("09:00:02", 0))
    first = ingest(path, lake=lake)
    assert (first.records_inserted, first.duplicates_skipped) == (2, 1)
    again = ingest(path, lake=lake, **options)
    assert (again.files[0].status, again.records_inserted, again.duplicates_skipped) == ("inserted", 0, 3)
    assert "the 2 calls that the lake has of it stay" in " ".join(again.files[0].notices)
    assert Lake.open(lake).snapshot().read("call_records").height == 2


def test_other_content_with_the_same_calls_at_another_time_is_new(tmp_path: Path) -> None:
    lake, path = tmp_path / "lake", tmp_path / "a.csv"
    assert count(path, line("09:00:01", 9), lake) == (1, 0)
    path.write_text(path.read_text() + "\n")
    assert ingest(path, lake=lake, timezone="UTC").records_inserted == 1
