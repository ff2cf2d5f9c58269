"""How parts are stored: times read at once, categories, columns that a file does not have."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.ingestion import ingest
from sentinel_batch.ingestion.reading import splitting
from sentinel_batch.ingestion.values.timestamps import read_date_times
from sentinel_batch.lake import Lake

HEADER = "call_date,call_time,caller_number,callee_number,duration_seconds"
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)", re.ASCII)

clocks = st.one_of(
    st.none(),
    st.times().map(lambda moment: moment.strftime("%H:%M:%S")),
    st.from_regex(r"[0-9:/ \-AFaf]{7,9}", fullmatch=True),
    st.text(max_size=9),
    st.builds("{:02d}:{:02d}:{:02d}".format, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
)
dates = st.one_of(
    st.just("2026-01-22"), st.none(), st.sampled_from(["2026-01-23", "2024-02-29", "2026-02-30", "x", ""])
)


def _expected(date: str | None, clock: str | None) -> datetime | None:
    match = _CLOCK.fullmatch(clock or "")
    try:
        day = datetime.strptime(date or "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day + timedelta(hours=int(match[1]), minutes=int(match[2]), seconds=int(match[3])) if match else None


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(st.tuples(dates, clocks), min_size=1, max_size=12))
def test_times_read_at_once_are_those_read_one_by_one(rows: list[tuple[str | None, str | None]]) -> None:
    days, moments = (pl.Series(values, dtype=pl.String) for values in zip(*rows, strict=True))
    assert read_date_times(days, moments, "UTC").to_list() == [_expected(*row) for row in rows]


def _write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def _row(number: int, *more: str) -> str:
    return ",".join([f"2026-01-22,10:{number % 60:02d}:00,+2348030000001,+23480{number:08d},30", *more])


def test_columns_that_a_file_does_not_have_take_no_space_and_read_as_null(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    ingest(_write(tmp_path / "plain.csv", HEADER, [_row(1)]), lake=lake)
    ingest(_write(tmp_path / "full.csv", HEADER + ",imei,trunk", [_row(2, "490154203237518", "T1")]), lake=lake)
    stored = {frozenset(pq.read_schema(path).names) for path in lake.snapshot().files("call_records")}
    assert sorted("imei" in names for names in stored) == [False, True]
    expected = [(None, None, None), ("490154203237518", "T1", None)]
    columns = ["imei", "trunk", "call_id"]
    assert lake.snapshot().scan("call_records").sort("callee_number").select(columns).collect().rows() == expected
    query = "SELECT imei, trunk, call_id FROM call_records ORDER BY callee_number"
    assert lake.snapshot().connect("call_records").sql(query).fetchall() == expected


@pytest.mark.parametrize("files", [["plain.csv"], ["plain.csv", "full.csv"]])
def test_views_have_all_columns_in_order(tmp_path: Path, files: list[str]) -> None:
    lake = Lake.create(tmp_path / "lake")
    _write(tmp_path / "plain.csv", HEADER, [_row(1)])
    _write(tmp_path / "full.csv", HEADER + ",location_code,call_direction", [_row(2, "KAN001", "outbound")])
    ingest([tmp_path / name for name in files], lake=lake)
    assert (
        lake.snapshot().connect("call_records").sql("SELECT * FROM call_records").columns
        == lake.snapshot().scan("call_records").collect_schema().names()
    )


def test_more_values_than_categories_are_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting, "FEW_VALUES", ("location_code", "termination_cause"))
    rows = [_row(number, f"cell-{number}", "BUSY") for number in range(70_000)]
    lake = Lake.create(tmp_path / "lake")
    result = ingest(_write(tmp_path / "a.csv", HEADER + ",location_code,termination_cause", rows), lake=lake)
    assert result.records_inserted == 70_000
    calls = lake.snapshot().scan("call_records").select("location_code", "termination_cause", "callee_number").collect()
    assert calls["location_code"].n_unique() == 70_000
    assert calls.filter(pl.col("callee_number") == "+2348000000007")["location_code"].to_list() == ["cell-7"]
    assert calls["termination_cause"].unique().to_list() == ["BUSY"]


def test_one_changed_value_among_categories(tmp_path: Path) -> None:
    rows = [_row(1, "KAN001", "Outbound"), _row(2, "-", "inbound"), _row(3, "'KAN002'", "OUTBOUND")]
    lake = Lake.create(tmp_path / "lake")
    ingest(_write(tmp_path / "a.csv", HEADER + ",location_code,call_direction", rows), lake=lake)
    calls = (
        lake.snapshot().scan("call_records").sort("callee_number").select("location_code", "call_direction").collect()
    )
    assert calls.rows() == [("KAN001", "outbound"), (None, "inbound"), ("KAN002", "outbound")]
