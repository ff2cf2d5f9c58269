"""Tables written in one transaction each: made, appended to, replaced, partitioned, made by two at once."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from time import sleep

import polars as pl
import pytest
from filelock import FileLock

from sentinel_batch.errors import DiskFullError, LakeNotFoundError
from sentinel_batch.lake import Lake, commits, open_log
from sentinel_batch.lake.staging import STAGING, full_disk_reported
from sentinel_batch.schema import CALL_RECORDS, SUPPRESSIONS, polars_schema


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake")


def patterns(*values: str) -> pl.DataFrame:
    schema = polars_schema(SUPPRESSIONS.columns)
    return pl.DataFrame([{"pattern": value} for value in values], schema=schema)


def stored(lake: Lake) -> list[str]:
    return sorted(lake.snapshot().read(SUPPRESSIONS.name)["pattern"])


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EROFS, LakeNotFoundError), (errno.ENAMETOOLONG, LakeNotFoundError), (errno.ENOSPC, DiskFullError)],
)
def test_a_lake_that_cannot_be_made_says_why(
    number: int, expected: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(expected, match="cannot be made" if expected is LakeNotFoundError else "is full"):
        Lake.create(tmp_path / "lake")


@pytest.mark.parametrize("free", [0, 1 << 30])
def test_a_small_table_that_cannot_be_ended_is_a_full_disk_only_if_it_is_full(
    free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free))
    with pytest.raises(pl.exceptions.ComputeError if free else DiskFullError), full_disk_reported(tmp_path):
        raise pl.exceptions.ComputeError("parquet: File out of specification: Invalid thrift: transport error")


def test_rows_are_appended_and_replaced(lake: Lake) -> None:
    lake.append(SUPPRESSIONS.name, patterns("+1", "+2"), commit_id="first")
    lake.append(SUPPRESSIONS.name, patterns("+3"))
    assert stored(lake) == ["+1", "+2", "+3"]
    lake.overwrite(SUPPRESSIONS.name, patterns("+4"), commit_id="last")
    assert stored(lake) == ["+4"]
    lake.overwrite(SUPPRESSIONS.name, patterns())
    assert stored(lake) == []
    assert lake.snapshot().committed(SUPPRESSIONS.name, ["first", "last", "other"]) == {"first", "last"}


def test_a_table_can_begin_without_rows(lake: Lake) -> None:
    lake.overwrite(SUPPRESSIONS.name, patterns())
    lake.append(SUPPRESSIONS.name, patterns("+1"))
    assert stored(lake) == ["+1"]


def test_a_table_that_another_process_makes_meanwhile(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append(SUPPRESSIONS.name, patterns("+1"))
    seen = iter([None])
    monkeypatch.setattr(commits, "open_log", lambda table: next(seen, open_log(table)))
    lake.append(SUPPRESSIONS.name, patterns("+2"), commit_id="second")
    assert stored(lake) == ["+1", "+2"]
    assert lake.snapshot().is_committed(SUPPRESSIONS.name, "second")


def test_partitions_and_their_bounds(lake: Lake) -> None:
    moments = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (22, 23, 23)]
    rows = [{"call_timestamp": moment, "call_date": moment.date(), "caller_number": "+1"} for moment in moments]
    lake.append(CALL_RECORDS.name, pl.DataFrame(rows, schema=polars_schema(CALL_RECORDS.columns)))
    assert lake.snapshot().bounds() == (moments[0], moments[-1])
    assert lake.snapshot().read(CALL_RECORDS.name)["call_date"].sort().to_list() == [
        date(2026, 1, day) for day in (22, 23, 23)
    ]
    assert [path.parent.name for path in lake.snapshot().files(CALL_RECORDS.name, since=moments[1])] == [
        "call_date=2026-01-23"
    ]


@pytest.mark.slow
def test_a_folder_of_its_own_is_given_however_long_another_run_sweeps(lake: Lake) -> None:
    root = lake.path / STAGING
    root.mkdir()
    sweeping = FileLock(str(root / "sweep.lock"))
    with ThreadPoolExecutor(1) as pool:
        with sweeping:
            given = pool.submit(_stage, lake)
            sleep(6)
        assert given.result()


def _stage(lake: Lake) -> bool:
    with lake.staging() as folder:
        return folder.is_dir()
