"""Ingests that are killed, that run side by side, and that meet a full disk."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from thoroughness import slow_but

from benchmarks.crash import Trial, describe_difference, read_tables
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import DiskFullError, ExitCode, LakeLockedError
from sentinel_batch.ingestion import ingest
from sentinel_batch.lake import Lake, commits
from sentinel_batch.simulation import MockCDRGenerator

WHERE = ("ingest_id", "source_file", "source_line")
"""Columns that say which of two files a call came from, when both hold it."""


def generate(path: Path, records: int, seed: int = 1, dirty: float = 0.02) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    MockCDRGenerator(seed, dirty=dirty).save_to_file(path, total_records=records, simbox_callers=3)
    return path


def assert_same(lake: Path, other: Path, *dropped: str) -> None:
    left, right = read_tables(lake), read_tables(other)
    for name in ("call_records", "rejected_records"):
        extra = [column for column in dropped if column in left[name].columns]
        left[name], right[name] = left[name].drop(extra), right[name].drop(extra)
    names = ("call_records",) if dropped else tuple(left)
    assert describe_difference({name: left[name] for name in names}, {name: right[name] for name in names}) == ""


# -- killed --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_ingest_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = generate(tmp_path / "calls.csv", 100_000)
    trial = Trial("ingest", lambda lake: ["--lake", str(lake), "ingest", str(path)], lambda lake: None)
    trial.repeat(6, tmp_path, random.Random(4))
    assert trial.failures == []
    assert trial.kills >= 3


class Killed(BaseException):
    """Stands for the end of the process."""


STEPS = {
    "before rejects": ("sentinel_batch.ingestion.loading.commit._prepare", False),
    "after side tables": ("sentinel_batch.ingestion.loading.commit._prepare", True),
    "between side tables": ("sentinel_batch.lake.Lake.append", True),
    "after the commit": ("sentinel_batch.lake.Lake.add_files", True),
}


@pytest.mark.parametrize("step", STEPS)
def test_an_ingest_that_ends_between_two_writes_is_invisible_or_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = generate(tmp_path / "calls.csv", 2000)
    ingest(path, lake=tmp_path / "calm")
    lake = tmp_path / "killed"
    target, after = STEPS[step]
    owner, name = target.rsplit(".", 1)
    from sentinel_batch.ingestion.loading import commit

    place: Any = Lake if owner.endswith("Lake") else commit
    real = getattr(place, name)

    def killed(*given: Any, **options: Any) -> None:
        if after:
            real(*given, **options)
        raise Killed

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, killed)
            if step == "after the commit":
                patch.setattr("sentinel_batch.runs._append", lambda *_: None)
            with pytest.raises(Killed):
                ingest(path, lake=lake)
        seen = read_tables(lake)
        if step == "after the commit":
            assert_same(lake, tmp_path / "calm")
            break
        assert all(frame.is_empty() for frame in seen.values())
    result = ingest(path, lake=lake)
    assert result.files[0].status == ("already_ingested" if step == "after the commit" else "inserted")
    assert_same(lake, tmp_path / "calm")
    raw = Lake.open(lake).snapshot().read("rejected_records")
    assert raw.height == result.records_rejected > 0
    assert Lake.open(lake).snapshot().read("ingests").height == 1


def test_files_moved_but_never_committed_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = generate(tmp_path / "calls.csv", 2000)
    ingest(path, lake=tmp_path / "calm")
    lake = tmp_path / "killed"

    real = commits.create_table_with_add_actions

    def killed(table_uri: str, **given: Any) -> None:
        if table_uri.endswith("call_records"):
            raise Killed
        real(table_uri, **given)

    with monkeypatch.context() as patch:
        patch.setattr(commits, "create_table_with_add_actions", killed)
        with pytest.raises(Killed):
            ingest(path, lake=lake)
    assert list((lake / "call_records").rglob("*.parquet"))
    assert Lake.open(lake).snapshot().read("call_records").is_empty()
    ingest(path, lake=lake)
    assert_same(lake, tmp_path / "calm")
    referenced = Lake.open(lake).snapshot().files("call_records")
    assert sorted((lake / "call_records").rglob("*.parquet")) == referenced


def test_the_staging_of_a_killed_run_is_swept(tmp_path: Path) -> None:
    path = generate(tmp_path / "calls.csv", 1000)
    lake = tmp_path / "lake"
    ingest(path, lake=lake)
    stale = lake / ".staging" / "run-stale"
    stale.mkdir(parents=True)
    (stale / "00001.parquet").write_bytes(b"half")
    with Lake.open(lake).staging() as held:
        (held / "mine.parquet").write_bytes(b"whole")
        ingest(path, lake=lake)
        assert not stale.exists()
        assert (held / "mine.parquet").exists()
    assert not list((lake / ".staging").glob("run-*"))


# -- side by side --------------------------------------------------------------------------------------------


def _ingest(paths: list[Path], lake: Path, results: Any = None) -> None:
    result = ingest(paths, lake=lake)
    if results is not None:
        results.put((result.status, result.records_inserted))


def at_once(lake: Path, *orders: list[Path]) -> list[tuple[str, int]]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_ingest, args=(paths, lake, results)) for paths in orders]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return [results.get(timeout=10) for _ in processes]


def test_the_same_files_ingested_by_two_processes_at_once(tmp_path: Path) -> None:
    paths = [generate(tmp_path / "in" / f"{seed}.csv", 2000, seed) for seed in range(3)]
    ingest(paths, lake=tmp_path / "calm")
    done = at_once(tmp_path / "lake", paths, paths)
    assert [status for status, _ in done] == ["success", "success"]
    assert sum(inserted for _, inserted in done) == Lake.open(tmp_path / "calm").snapshot().read("call_records").height
    assert_same(tmp_path / "lake", tmp_path / "calm")


@pytest.mark.slow
def test_overlapping_files_ingested_by_two_processes_at_once(tmp_path: Path) -> None:
    whole = generate(tmp_path / "whole.csv", 3000, dirty=0.0).read_text().splitlines(keepends=True)
    paths = []
    for number, start in enumerate(range(0, 2400, 400)):
        path = tmp_path / "in" / f"{number}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join([whole[0], *whole[1 + start : 1 + start + 1000]]))
        paths.append(path)
    ingest(tmp_path / "whole.csv", lake=tmp_path / "calm")
    at_once(tmp_path / "lake", paths[::2], paths[1::2], paths[::-1])
    assert_same(tmp_path / "lake", tmp_path / "calm", *WHERE)
    assert ingest(paths, lake=tmp_path / "lake").records_inserted == 0


def test_a_lake_that_another_run_holds(tmp_path: Path) -> None:
    path = generate(tmp_path / "calls.csv", 1000)
    lake = Lake.create(tmp_path / "lake")
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(lake.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LakeLockedError) as caught:
            ingest(path, lake=open_desk(lake, lock_timeout=0.2))
    finally:
        holder.communicate("\n", timeout=30)
    assert str(lake.path) in caught.value.message and "waited 0.2 s" in caught.value.message
    # Who it is that is waited for.
    assert f"(process {holder.pid} on " in caught.value.message
    assert "--lock-timeout" in caught.value.hint
    assert caught.value.exit_code == ExitCode.LOCKED
    assert all(lake.snapshot().read(name).is_empty() for name in ("call_records", "rejected_records", "ingests"))
    assert ingest(path, lake=open_desk(lake, lock_timeout=0.2)).status == "success"


_HOLDER = """
import sys
from sentinel_batch.lake import Lake
with Lake.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.readline()
"""

# -- a full disk ---------------------------------------------------------------------------------------------

_LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from sentinel_batch.errors import DiskFullError
from sentinel_batch.ingestion import ingest
ingest(sys.argv[1], lake=sys.argv[2], dry_run=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    ingest(sys.argv[3], lake=sys.argv[2])
except DiskFullError as error:
    print(error.message, "|", error.hint)
    sys.exit(7)
"""


@pytest.mark.parametrize("limit", slow_but([4_000], [1, 300, 4_000, 30_000, 200_000]))
def test_files_that_may_not_grow(tmp_path: Path, limit: int) -> None:
    lake = tmp_path / "lake"
    small = generate(tmp_path / "small.csv", 500, seed=9)
    large = generate(tmp_path / "large.csv", 40_000)
    ingest(small, lake=lake)
    held = read_tables(lake)
    command = [sys.executable, "-c", _LIMITED, str(small), str(lake), str(large), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 7, done.stderr[-2000:]
    assert f"The disk that holds {lake} is full" in done.stdout
    assert "what was committed before is intact" in done.stdout
    assert "Free space" in done.stdout
    assert describe_difference(read_tables(lake), held) == ""
    assert ingest(large, lake=lake).status == "success"
    ingest([small, large], lake=tmp_path / "calm")
    assert_same(lake, tmp_path / "calm")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    lake, ballast = small_disk / "lake", small_disk / "ballast"
    small = generate(tmp_path / "small.csv", 500, seed=9)
    large = generate(tmp_path / "large.csv", 100_000)
    ingest(small, lake=lake)
    held = read_tables(lake)
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    refused = 0
    for left in (0, 8_192, 100_000, 1_000_000, 2_500_000, 4_000_000):
        ballast.write_bytes(bytes(free - left))
        try:
            ingest(large, lake=lake)
        except DiskFullError as error:
            refused += 1
            assert f"The disk that holds {lake} is full" in error.message
            assert describe_difference(read_tables(lake), held) == ""
        ballast.unlink()
    assert refused >= 3
    ingest(large, lake=lake)
    ingest([small, large], lake=tmp_path / "calm")
    assert_same(lake, tmp_path / "calm")
    assert not list((lake / ".staging").glob("run-*"))
