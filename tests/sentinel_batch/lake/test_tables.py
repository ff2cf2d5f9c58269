"""Files are read by what the log says of them, whatever the folders above the lake are called."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from alert_samples import at, call, make_lake

import sentinel_batch as sb
from sentinel_batch.lake import Lake
from sentinel_batch.schema import CALL_RECORDS, PROFILES


@pytest.mark.parametrize("folder", ["env=prod", "call_date=2020", "caller_number=7", "local_date=x", "a=b/lake=1"])
def test_folders_named_like_columns_above_the_lake_are_no_columns(tmp_path: Path, folder: str) -> None:
    calls = [call(hours, f"+1{hours}", 2, f"+23470{hours % 3}") for hours in range(40)]
    lake = make_lake(tmp_path / folder, calls)
    tables = lake.snapshot()
    expected = pl.DataFrame(calls, schema=tables.scan(CALL_RECORDS.name).collect_schema()).sort("call_timestamp")
    assert tables.read(CALL_RECORDS.name).sort("call_timestamp").equals(expected)
    with tables.connect(CALL_RECORDS.name) as connection:
        found = connection.sql("SELECT caller_number, call_date FROM call_records ORDER BY call_timestamp").pl()
    assert found.equals(expected.select("caller_number", "call_date"))
    # What is built from them and found in them, too: rules of all three kinds of input, and an explanation.
    sb.build_profiles(lake=lake)
    assert sb.read_profiles(lake=lake)["local_date"].unique().sort().to_list() == [at(0).date(), at(24).date()]
    with lake.snapshot().connect(PROFILES.name) as connection:
        assert connection.sql("SELECT DISTINCT local_date FROM profiles ORDER BY 1").pl()["local_date"].to_list() == [
            at(0).date(),
            at(24).date(),
        ]
    assert sb.explain("+234701", lake=lake).reasons[0].callers == 2
    assert sb.examine_rules(lake=lake)


def test_files_of_a_lake_in_such_a_folder_are_packed(tmp_path: Path) -> None:
    lake = make_lake(tmp_path / "call_date=1999-01-01", [call(1, "+1")])
    for hours in (2, 3, 26):
        lake.append(
            CALL_RECORDS.name,
            pl.DataFrame([call(hours, "+1")], schema=lake.snapshot().scan("call_records").collect_schema()),
        )
    lake.append(CALL_RECORDS.name, lake.snapshot().read(CALL_RECORDS.name))
    before = lake.snapshot().read(CALL_RECORDS.name).sort("call_timestamp")
    assert [done.files_after for done in sb.maintain(lake=lake).compacted if done.table == CALL_RECORDS.name] == [1]
    assert Lake.open(lake.path).snapshot().read(CALL_RECORDS.name).sort("call_timestamp").equals(before)
