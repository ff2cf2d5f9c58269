"""What follows from one file is worked out once; a lake that was made anew is never taken for the old one."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from full_disks import full_disk

import sentinel_batch as sb
from sentinel_batch.lake import CACHE, Lake, logs, recall_facts, scan_parts
from sentinel_batch.profiles.days import list_stored, read_calendar
from sentinel_batch.schema import CALL_RECORDS

ZONE = "Africa/Lagos"


class Counted:
    """Counts the rows of a file, and how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, file: Path) -> pl.LazyFrame:
        self.asked.append(file.name)
        return scan_parts(CALL_RECORDS.name, [file], partitions=False).select(calls=pl.len())


def write(folder: Path, number: int, calls: int = 3) -> Path:
    """Write a file of calls of one day in January."""
    lines = ["call_date,call_time,caller_number,callee_number,duration_seconds"]
    lines += [f"2026-01-{number:02},12:00:{n:02},+2348011110000,+23470222200{n:02},5" for n in range(calls)]
    path = folder / f"{number}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.create(tmp_path / "lake")
    for number in (5, 6, 7):
        sb.ingest(write(tmp_path, number, number), lake=lake)
    return lake


def ask(lake: Lake, compute: Counted, *asked: object) -> dict[str, int]:
    tables = lake.snapshot()
    files = tables.files(CALL_RECORDS.name)
    found = recall_facts(tables, CALL_RECORDS.name, files, compute, *asked)
    assert found.height == len(files)
    return dict(found.select(pl.col("file").str.extract(r"call_date=([-\d]+)"), "calls").iter_rows())


def test_only_new_files_are_looked_at(lake: Lake, tmp_path: Path) -> None:
    compute = Counted()
    first = ask(lake, compute, "rows")
    assert first == {"2026-01-05": 5, "2026-01-06": 6, "2026-01-07": 7}
    assert (ask(lake, compute, "rows"), len(compute.asked)) == (first, 3)
    sb.ingest(write(tmp_path, 8, 8), lake=lake)
    assert ask(lake, compute, "rows") == {**first, "2026-01-08": 8}
    assert len(compute.asked) == 4
    ask(lake, compute, "other rows")
    assert len(compute.asked) == 8


@pytest.mark.parametrize("damage", ["gone", "noise"])
def test_what_was_kept_may_be_lost(lake: Lake, damage: str) -> None:
    compute = Counted()
    first = ask(lake, compute, "rows")
    for file in (lake.path / CACHE).glob("files-*"):
        file.unlink() if damage == "gone" else file.write_bytes(b"noise")
    assert (ask(lake, compute, "rows"), len(compute.asked)) == (first, 6)


def test_a_full_disk_keeps_nothing_and_is_no_obstacle(lake: Lake) -> None:
    compute = Counted()
    with full_disk():
        first = ask(lake, compute, "rows")
    assert (ask(lake, compute, "rows"), len(compute.asked)) == (first, 6)


def test_what_left_the_table_is_forgotten(lake: Lake) -> None:
    ask(lake, Counted(), "rows")
    [gone] = [file for file in lake.snapshot().files(CALL_RECORDS.name) if "01-05" in str(file)]
    with lake.lock():
        lake.add_files(CALL_RECORDS.name, [], commit_id=None, removed=[gone])
    sb.ingest(write(lake.path.parent, 9), lake=lake)
    assert set(ask(lake, Counted(), "rows")) == {"2026-01-06", "2026-01-07", "2026-01-09"}
    [kept] = (lake.path / CACHE).glob("files-*")
    assert not pl.read_parquet(kept)["file"].str.contains("01-05").any()


def test_days_are_counted_as_before(lake: Lake) -> None:
    tables = lake.snapshot()
    days = {date(2026, 1, number): number for number in (5, 6, 7)}
    for _ in range(2):
        assert read_calendar(tables, ZONE).calls == days
        assert read_calendar(tables, ZONE, date(2026, 1, 6), date(2026, 1, 6)).calls == {date(2026, 1, 6): 6}
    sb.build_profiles(lake=lake)
    stored = list_stored(lake.snapshot())
    assert {day: found.calls for day, found in stored.items()} == days
    sb.ingest(write(lake.path.parent, 7, 9), lake=lake)
    assert read_calendar(lake.snapshot(), ZONE).calls == {**days, date(2026, 1, 7): 9}
    assert sb.build_profiles(lake=lake).built == (date(2026, 1, 7),)


def test_a_lake_made_anew_in_the_same_place_is_another(lake: Lake, tmp_path: Path) -> None:
    assert read_calendar(lake.snapshot(), ZONE).calls[date(2026, 1, 5)] == 5
    versions = lake.snapshot().versions
    shutil.rmtree(lake.path)
    again = Lake.create(lake.path)
    for number in (5, 6, 7):
        sb.ingest(write(tmp_path, number, number + 10), lake=again)
    assert again.snapshot().versions == versions
    assert again.snapshot().read(CALL_RECORDS.name).height == 48
    assert read_calendar(again.snapshot(), ZONE).calls[date(2026, 1, 5)] == 15


def test_a_log_is_opened_once_for_each_version(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = logs.open_log
    monkeypatch.setattr(logs, "open_log", lambda table, version: opened.append(table.name) or real(table, version))
    for _ in range(3):
        assert len(lake.snapshot().files(CALL_RECORDS.name)) == 3
    assert opened in ([], ["call_records"])
    before = lake.snapshot()
    monkeypatch.undo()
    sb.ingest(write(tmp_path, 8), lake=lake)
    assert (len(lake.snapshot().files(CALL_RECORDS.name)), len(before.files(CALL_RECORDS.name))) == (4, 3)


def test_the_last_day_is_found_among_the_newest(lake: Lake) -> None:
    from sentinel_batch.errors import ModelError
    from sentinel_batch.learning.history import find_last_day, last_day, list_days

    desk = sb.open(lake.path).snapshot()
    noon = desk.tables.newest_call
    assert noon is not None
    for until in (None, noon, noon - timedelta(days=1), noon + timedelta(days=400)):
        assert find_last_day(desk, until) == last_day(list_days(desk), until)
    with pytest.raises(ModelError, match="no calls before"):
        find_last_day(desk, noon - timedelta(days=30))
