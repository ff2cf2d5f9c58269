"""Housekeeping changes nothing that a reader sees, and loses nothing."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from full_disks import full_disk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.desk import open_desk
from sentinel_batch.errors import DiskFullError, LakeDamagedError, LakeLockedError, UsageError
from sentinel_batch.lake import Lake, StagedFile, read_calls_of
from sentinel_batch.maintenance import compaction, maintain, pack_calls, retention
from sentinel_batch.maintenance.files import DataFile
from sentinel_batch.schema import CALL_RECORDS, RUNS, polars_schema

START = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = polars_schema(CALL_RECORDS.columns)
CALL_COLUMNS = list(CALL_RECORDS.columns)


def calls(day: int, count: int, salt: int) -> pl.DataFrame:
    """Calls of one day, at microseconds that milliseconds cannot hold."""
    base = START + timedelta(days=day)
    moments = [base + timedelta(seconds=7 * i, microseconds=123_456 + salt) for i in range(count)]
    frame = pl.DataFrame(
        {
            "call_timestamp": moments,
            "caller_number": [f"+23480{salt:04d}{i % 3}" for i in range(count)],
            "callee_number": [f"+23470{i:08d}" for i in range(count)],
            "duration_seconds": list(range(count)),
            "answered": [i % 2 == 0 for i in range(count)],
            "local_hour": [i % 24 for i in range(count)],
            "ingest_id": [f"ingest-{day}-{salt}"] * count,
            "source_file": ["<b>é.csv"] * count,
            "call_date": [base.date()] * count,
        }
    )
    return frame.select(
        (pl.col(c) if c in frame.columns else pl.lit(None)).cast(kind).alias(c) for c, kind in SCHEMA.items()
    )


def add(lake: Lake, day: int, salt: int, count: int = 9) -> pl.DataFrame:
    frame = calls(day, count, salt)
    with lake.lock(), lake.staging() as folder:
        path = folder / "x.parquet"
        frame.drop("call_date").write_parquet(path)
        partition = {"call_date": str(frame["call_date"][0])}
        moments = frame["call_timestamp"].to_list()
        name = f"part-{day}-{salt}.parquet"
        staged = StagedFile(path, name, partition, count, min(moments), max(moments))
        lake.add_files(CALL_RECORDS.name, [staged], commit_id=f"ingest-{day}-{salt}")
    return frame


def seen(lake: Lake) -> pl.DataFrame:
    return lake.snapshot().read(CALL_RECORDS.name).sort(*CALL_RECORDS.key)


def archived(folder: Path) -> pl.DataFrame:
    frame = pl.scan_parquet(folder, hive_partitioning=True, hive_schema={"call_date": pl.Date})
    return frame.select(pl.col(c).cast(kind) for c, kind in SCHEMA.items()).sort(*CALL_RECORDS.key).collect()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.create(tmp_path / "a lake é")
    for day in range(3):
        for salt in range(5):
            add(lake, day, salt)
    return lake


def test_maintain_changes_nothing_that_a_reader_sees(lake: Lake) -> None:
    before, bounds = seen(lake), lake.snapshot().bounds()
    result = maintain(lake=lake)
    assert [c.files_before for c in result.compacted if c.table == "call_records"] == [5, 5, 5]
    assert len(lake.snapshot().files("call_records")) == 3
    assert seen(lake).equals(before)
    assert lake.snapshot().bounds() == bounds
    with lake.snapshot().connect(CALL_RECORDS.name) as connection:
        rows = connection.execute("SELECT count(*), count(DISTINCT call_date) FROM call_records").fetchone()
    assert rows == (before.height, 3)


def test_packed_calls_lie_by_caller_in_groups_with_statistics(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "GROUP_ROWS", 10)
    maintain(lake=lake)
    for file in lake.snapshot().files(CALL_RECORDS.name):
        rows = pl.read_parquet(file, columns=["caller_number", "call_timestamp"], hive_partitioning=False)
        assert rows.equals(rows.sort("caller_number", "call_timestamp"))
        groups = [pq.read_metadata(file).row_group(number) for number in range(5)]
        callers = [group.column(CALL_COLUMNS.index("caller_number")).statistics for group in groups]
        assert callers[0].max < callers[-1].min
        assert [group.num_rows for group in groups] == [10, 10, 10, 10, 5]


def test_calls_of_a_number_are_the_same_before_and_after_packing(lake: Lake) -> None:
    ends = START - timedelta(days=1), START + timedelta(days=9)
    before = {n: read_calls_of(lake.snapshot(), [n], *ends) for n in seen(lake)["caller_number"].unique()}
    maintain(lake=lake)
    assert len(before) == 15
    for number, rows in before.items():
        assert read_calls_of(lake.snapshot(), [number], *ends).equals(rows)


def test_compacted_files_are_still_skipped_and_found(lake: Lake) -> None:
    maintain(lake=lake)
    newest = seen(lake)["call_timestamp"].max()
    assert isinstance(newest, datetime)
    assert len(lake.snapshot().files("call_records", since=newest)) == 1
    assert lake.snapshot().files("call_records", since=newest + timedelta(milliseconds=2)) == []
    assert len(lake.snapshot().files("call_records", until=START + timedelta(days=1))) == 1


def test_commit_ids_survive_maintenance(lake: Lake) -> None:
    ids = {f"ingest-{day}-{salt}" for day in range(3) for salt in range(5)}
    maintain(lake=lake)
    assert lake.snapshot().committed("call_records", [*ids, "never"]) == ids
    assert (lake.path / "call_records" / "_delta_log" / "_last_checkpoint").exists()


def test_a_second_maintenance_has_nothing_to_do(lake: Lake) -> None:
    maintain(lake=lake)
    again = maintain(lake=lake)
    assert again.compacted == []
    assert again.archived == []
    assert again.checkpoints == ["runs"]  # maintain itself adds a row of runs


def test_a_run_is_recorded_and_small_tables_are_compacted(lake: Lake) -> None:
    for _ in range(5):
        maintain(lake=lake)
    runs = lake.snapshot().read(RUNS.name)
    assert runs["command"].to_list() == ["maintain"] * 5
    assert runs["run_id"].n_unique() == 5
    assert len(lake.snapshot().files(RUNS.name)) < 5


def test_large_files_are_left_alone_and_bins_respect_the_target() -> None:
    def file(number: int, size: int) -> DataFile:
        return DataFile(Path(f"{number}"), (("call_date", "2026-01-01"),), 1, size)

    big = file(0, compaction.SMALL_BYTES)
    assert compaction.plan_bins([big, *(file(n, 10) for n in (1, 2, 3))]) == []
    plan = compaction.plan_bins([big, *(file(n, compaction.TARGET_BYTES * 2 // 5) for n in range(1, 6))])
    assert [[f.path.name for f in group] for group in plan] == [["1", "2"], ["3", "4"]]


def test_what_is_to_be_sorted_is_packed_whatever_its_size_and_then_left_alone() -> None:
    def file(name: str, size: int, rows: int) -> DataFile:
        return DataFile(Path(name), (("call_date", "2026-01-01"),), rows, size)

    def plan(*files: DataFile) -> list[list[str]]:
        return [[one.path.name for one in group] for group in compaction.plan_bins(list(files), in_order=True)]

    large = compaction.UNSORTED_BYTES
    assert plan(file("part-1", large, 9)) == [["part-1"]]
    assert plan(file("part-1", compaction.TARGET_BYTES * 3, 9)) == [["part-1"]]
    assert plan(file("sorted-1", large, 9)) == []
    assert plan(file("part-1", large - 1, 9)) == []
    # A few late calls wait for more; then they are merged with what is small, and not with what is full.
    late = [file(f"part-{n}", 10, 9) for n in range(3)]
    full = [file(f"sorted-{n}", large, compaction.SORTED_ROWS // 2) for n in range(4)]
    assert plan(*late, *full) == []
    assert plan(*full, *late, file("part-3", 10, 9)) == [["part-0", "part-1", "part-2", "part-3"]]
    # So many rows at once, to bound memory.
    half = [file(f"part-{n}", large, compaction.SORTED_ROWS // 2) for n in range(3)]
    assert plan(*half) == [["part-0", "part-1"], ["part-2"]]


def test_a_night_packs_the_newest_days_and_no_more_than_it_may(lake: Lake) -> None:
    before = seen(lake)
    done = pack_calls(lake=lake, most_rows=60)
    assert [(one.partition, one.rows) for one in done] == [("call_date=2026-01-03", 45), ("call_date=2026-01-02", 45)]
    assert seen(lake).equals(before)
    assert [one.partition for one in pack_calls(lake=lake)] == ["call_date=2026-01-01"]
    assert pack_calls(lake=lake) == []
    assert seen(lake).equals(before)


def test_a_dry_run_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    listing = sorted((str(p), p.stat().st_size) for p in tmp_path.rglob("*") if p.is_file())
    result = maintain(lake=lake, keep_days=1, dry_run=True)
    assert [(d.call_date, d.rows) for d in result.archived] == [(date(2026, 1, 1), 45)]
    assert len(result.compacted) == 3
    assert result.to_dict()["dry_run"] is True
    assert sorted((str(p), p.stat().st_size) for p in tmp_path.rglob("*") if p.is_file()) == listing


def test_nothing_is_archived_unasked(lake: Lake, tmp_path: Path) -> None:
    assert maintain(lake=lake).archived == []
    assert not (tmp_path / "a lake é-archive").exists()


def test_archive_and_lake_together_hold_what_the_lake_held(lake: Lake, tmp_path: Path) -> None:
    before = seen(lake)
    result = maintain(lake=lake, keep_days=1)
    folder = tmp_path / "a lake é-archive"
    assert [(d.call_date, d.rows, d.already_archived) for d in result.archived] == [(date(2026, 1, 1), 45, 0)]
    assert result.to_dict()["rows_archived"] == 45
    assert set(seen(lake)["call_date"]) == {date(2026, 1, 2), date(2026, 1, 3)}
    assert pl.concat([archived(folder), seen(lake)]).sort(*CALL_RECORDS.key).equals(before)
    assert lake.snapshot().is_committed("call_records", "ingest-0-0")


def test_an_archive_that_was_interrupted_before_the_removal_doubles_nothing(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(lake)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "add_files", killed)
        with pytest.raises(KeyboardInterrupt):
            maintain(lake=lake, keep_days=1, archive=tmp_path / "old")
    assert seen(lake).equals(before)
    late = add(lake, 0, 77)  # a late file arrives in between
    result = maintain(lake=lake, keep_days=1, archive=tmp_path / "old")
    assert [(d.rows, d.already_archived) for d in result.archived] == [(54, 45)]
    both = pl.concat([archived(tmp_path / "old"), seen(lake)]).sort(*CALL_RECORDS.key)
    assert both.equals(pl.concat([before, late]).sort(*CALL_RECORDS.key))


def test_an_archive_that_was_interrupted_while_copying_is_copied_again(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(lake)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            maintain(lake=lake, keep_days=1, archive=tmp_path / "old")
    assert list((tmp_path / "old").rglob("*.parquet")) == []
    maintain(lake=lake, keep_days=1, archive=tmp_path / "old")
    assert pl.concat([archived(tmp_path / "old"), seen(lake)]).sort(*CALL_RECORDS.key).equals(before)
    assert list((tmp_path / "old").rglob("*.tmp")) == []


def test_calls_that_return_after_being_archived_are_not_archived_twice(lake: Lake, tmp_path: Path) -> None:
    maintain(lake=lake, keep_days=1, archive=tmp_path / "old")
    held = archived(tmp_path / "old")
    add(lake, 0, 3)
    result = maintain(lake=lake, keep_days=1, archive=tmp_path / "old")
    assert [(d.rows, d.already_archived) for d in result.archived] == [(9, 9)]
    assert archived(tmp_path / "old").equals(held)


def test_a_copy_that_lacks_rows_removes_nothing(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = seen(lake)
    copy = retention._copy
    monkeypatch.setattr(retention, "_copy", lambda rows, target: copy(rows.head(44), target))
    with pytest.raises(LakeDamagedError, match="lacks 1 of 45 rows; the day was left in the lake") as caught:
        maintain(lake=lake, keep_days=1, archive=tmp_path / "old")
    assert "doctor" in caught.value.hint
    assert seen(lake).equals(before)


def test_a_full_disk_while_archiving_is_said_and_loses_nothing(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(lake)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(retention, "_copy", full)
    with pytest.raises(DiskFullError, match="is full"):
        maintain(lake=lake, keep_days=1)
    assert seen(lake).equals(before)


def test_a_full_disk_is_said_once_what_nobody_needs_is_gone(lake: Lake) -> None:
    before = seen(lake)
    orphan = lake.path / "call_records" / "call_date=2026-01-01" / "killed.parquet"
    orphan.write_bytes(b"never committed")
    os.utime(orphan, (1, 1))
    # Room for entries of a log, and for no file of calls.
    with full_disk(3_000), pytest.raises(DiskFullError, match="is full"):
        maintain(lake=lake)
    assert not orphan.exists()
    assert seen(lake).equals(before)


def test_files_that_disagree_with_the_log_are_not_compacted(lake: Lake) -> None:
    victim = lake.path / "call_records" / "call_date=2026-01-01" / "part-0-0.parquet"
    calls(0, 8, 0).drop("call_date").write_parquet(victim)
    with pytest.raises(LakeDamagedError, match=r"hold 44 rows, but the log of table call_records says 45"):
        maintain(lake=lake)
    assert len(lake.snapshot().files("call_records")) == 15


@pytest.mark.parametrize("keep_days", [0, -3])
def test_keep_days_must_be_positive(lake: Lake, keep_days: int) -> None:
    with pytest.raises(UsageError, match=f"keep_days is {keep_days}; it must be 1 or more"):
        maintain(lake=lake, keep_days=keep_days)


def test_an_archive_inside_the_lake_is_refused(lake: Lake) -> None:
    with pytest.raises(UsageError, match="lies inside the lake") as caught:
        maintain(lake=lake, keep_days=1, archive=lake.path / "call_records" / "old")
    assert "--archive" in caught.value.hint


def test_retention_below_a_day_is_refused(lake: Lake) -> None:
    with pytest.raises(UsageError, match="retention_hours is 1; it must be 24 or more"):
        maintain(lake=lake, retention_hours=1)


def test_a_lake_in_use_is_not_touched(lake: Lake) -> None:
    import threading

    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        from filelock import FileLock

        with FileLock(str(lake.path / ".lock")):
            taken.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(20)
    try:
        with pytest.raises(LakeLockedError, match="Another run holds the lock"):
            maintain(lake=open_desk(lake, lock_timeout=0.1))
    finally:
        done.set()
        thread.join()
    assert len(lake.snapshot().files("call_records")) == 15


def test_vacuum_spares_what_a_reader_under_way_needs(lake: Lake) -> None:
    folder = lake.path / "call_records" / "call_date=2026-01-01"
    reading = lake.snapshot().files("call_records")
    for path in reading:
        os.utime(path, (1, 1))  # old files, but only now replaced
    orphan, fresh = folder / "killed.parquet", folder / "moving.parquet"
    for path in (orphan, fresh):
        path.write_bytes(b"never committed")
    os.utime(orphan, (1, 1))
    result = maintain(lake=lake)
    assert (result.vacuumed_files, result.vacuumed_bytes) == (1, 15)
    assert not orphan.exists()
    assert fresh.exists()
    assert all(path.exists() for path in reading)


def test_staging_of_killed_runs_is_removed_but_not_that_of_a_living_one(lake: Lake) -> None:
    dead = lake.path / ".staging" / "run-dead"
    dead.mkdir(parents=True)
    (dead / "half.parquet").write_bytes(b"x")
    spill = lake.path / ".staging" / "duckdb"
    spill.mkdir()
    for name, age in (("old.tmp", 2 * 86400), ("new.tmp", 0)):
        (spill / name).write_bytes(b"x")
        os.utime(spill / name, (time.time() - age,) * 2)
    with lake.staging() as living:
        (living / "working").write_bytes(b"x")
        dead.mkdir(exist_ok=True)
        result = maintain(lake=lake)
        assert (living / "working").exists()
    assert result.staging_removed == 1
    assert not dead.exists()
    assert [path.name for path in spill.iterdir()] == ["new.tmp"]


def test_an_empty_lake_can_be_maintained(tmp_path: Path) -> None:
    result = maintain(lake=Lake.create(tmp_path / "lake"), keep_days=1)
    assert (result.archived, result.compacted, result.vacuumed_files) == ([], [], 0)


@settings(
    max_examples=examples(12, quick=3), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, 3), st.integers(1, 6)),
            st.tuples(st.just("maintain"), st.none() | st.integers(1, 2), st.just(0)),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_any_order_of_ingest_and_maintenance_keeps_every_call(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int | None, int]]
) -> None:
    lake = Lake.create(tmp_path_factory.mktemp("property") / "lake")
    folder = lake.path.with_name("lake-archive")
    expected = [pl.DataFrame(schema=SCHEMA)]
    for salt, (what, number, count) in enumerate(steps):
        if what == "add":
            expected.append(add(lake, number or 0, salt, count))
        else:
            maintain(lake=lake, keep_days=number)
    held = [archived(folder)] if folder.exists() else []
    together = pl.concat([seen(lake), *held]).sort(*CALL_RECORDS.key)
    assert together.equals(pl.concat(expected).sort(*CALL_RECORDS.key))


def test_files_of_ingest_and_of_compaction_are_read_together(tmp_path: Path) -> None:
    from sentinel_batch.ingestion import ingest
    from sentinel_batch.rules import examine

    header = "call_date,call_time,caller_number,callee_number,duration_seconds\n"
    lake = tmp_path / "lake"
    for number in range(8):
        rows = [
            f"2026-01-22,1{number}:{n // 60:02}:{n % 60:02},+23480312345{number:02},+23480512{n:05},1\n"
            for n in range(60)
        ]
        (tmp_path / f"{number}.csv").write_text(header + "".join(rows))
        ingest(tmp_path / f"{number}.csv", lake=lake)
    before = Lake.open(lake).snapshot().read("call_records").sort("caller_number", "callee_number")
    assert maintain(lake=lake).compacted
    assert Lake.open(lake).snapshot().read("call_records").sort("caller_number", "callee_number").equals(before)
    (tmp_path / "late.csv").write_text(
        header
        + "2026-01-22,10:00:00,+2348031234500,+2348051200000,1\n"
        + "2026-01-22,23:00:00,+2348031234599,+2348051200000,1\n"
    )
    late = ingest(tmp_path / "late.csv", lake=lake)
    assert (late.records_inserted, late.duplicates_skipped) == (1, 1)
    assert Lake.open(lake).snapshot().read("call_records").height == before.height + 1
    assert examine(lake=lake).findings.height == 8
