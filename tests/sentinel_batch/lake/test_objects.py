"""A lake in object storage: the same as one in a folder, whoever else writes it, whatever breaks off."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from object_stores import running_store, s3

import sentinel_batch as sb
from benchmarks.crash import describe_difference, read_tables
from benchmarks.object_crash import crash
from benchmarks.object_store import BUCKET, READER, SECRET, ObjectStore
from sentinel_batch.errors import (
    ConfigurationError,
    ExitCode,
    LakeDamagedError,
    LakeLockedError,
    LakeNotFoundError,
    LakeReadOnlyError,
    StoreError,
    UsageError,
)
from sentinel_batch.lake import Cache, Lake, LakeReader, lease
from sentinel_batch.lake.lease import LEASE, take_lease
from sentinel_batch.lake.mirror import Mirror
from sentinel_batch.schema import SUPPRESSIONS, polars_schema
from sentinel_batch.simulation import MockCDRGenerator

__all__ = ["running_store", "s3"]


def fresh_address() -> str:
    return f"s3://{BUCKET}/env=prod/{uuid4().hex}"


def generate(path: Path, records: int, seed: int = 1) -> Path:
    MockCDRGenerator(seed, dirty=0.02).save_to_file(path, total_records=records, simbox_callers=3)
    return path


def patterns(*values: str) -> pl.DataFrame:
    return pl.DataFrame([{"pattern": value} for value in values], schema=polars_schema(SUPPRESSIONS.columns))


def stored(lake: Lake) -> list[str]:
    return sorted(lake.snapshot().read(SUPPRESSIONS.name)["pattern"])


def elsewhere(address: str, tmp_path: Path) -> Lake:
    """Open a lake as another machine would, which has read nothing of it."""
    return Lake.open(address, Cache(tmp_path / uuid4().hex))


def object_of(lake: Lake, name: str) -> str:
    return f"{lake.place.removeprefix(f's3://{BUCKET}/')}/{name}"


# -- the same as in a folder ---------------------------------------------------------------------------------


def work(lake: Path | str, file: Path) -> dict[str, Any]:
    """Do what a night does, and return what people see of it."""
    desk = sb.open(lake)
    desk.ingest(file)
    desk.ingest(file)
    desk.build_profiles()
    desk.run_detection(since="4d")
    desk.build_cases()
    desk.record_boxes()
    desk.review_alerts([1], disposition="watch", by="ada")
    desk.maintain()
    alert = desk.get_alert(1)
    volatile = ["created_at", "updated_at", "run_id", "reviewed_at"]
    return {
        "alerts": desk.list_alerts().drop(volatile, strict=False).to_dicts(),
        "cases": desk.list_cases().drop("created_at", "updated_at", "run_id", strict=False).to_dicts(),
        "profiles": desk.read_profiles().drop("run_id", "computed_at", strict=False).sort("local_date", "number"),
        "risk": asdict(desk.assess_risk(alert["suspect_number"])),
    }


def test_a_night_is_the_same_as_in_a_folder(s3: ObjectStore, tmp_path: Path) -> None:
    file, address = generate(tmp_path / "calls.csv", 3_000), fresh_address()
    there, here = work(address, file), work(tmp_path / "lake", file)
    assert len(here["alerts"]) > 3 and here["profiles"].height
    for name, found in here.items():
        same = found.equals(there[name]) if isinstance(found, pl.DataFrame) else found == there[name]
        assert same, name
    assert describe_difference(read_tables(address), read_tables(tmp_path / "lake")) == ""
    # Another machine sees the same, also where it begins with a checkpoint.
    other = elsewhere(address, tmp_path)
    assert (
        other.snapshot().read("call_records").height
        == Lake.open(tmp_path / "lake").snapshot().read("call_records").height
    )
    assert not list(tmp_path.glob("s3:*"))


def test_the_report_of_a_night_is_the_same_as_in_a_folder(s3: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    generate(tmp_path / "in" / "calls.csv", 2_000).with_suffix(".truth.json").unlink()
    reports = []
    for number, lake in enumerate((fresh_address(), tmp_path / "lake")):
        out = tmp_path / f"reports-{number}"
        result = sb.run_nightly(lake=sb.open(lake, inbox=tmp_path / "in", reports=out))
        assert result.status == "success"
        report = (out / "latest" / "report.json").read_text(encoding="utf-8")
        assert json.loads(report)["alerts"]
        # Times of the clock, and ids made of them.
        volatile = r"20\d{6}T\d{6}\.\d+Z-\w{6}|20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z|\"seconds\": [0-9.]+"
        reports.append(re.sub(volatile, "…", report))
    assert reports[0] == reports[1]


def test_the_command_line_takes_an_address(s3: ObjectStore, tmp_path: Path) -> None:
    generate(tmp_path / "calls.csv", 1_000)
    address = fresh_address()

    def run(*words: str) -> dict[str, Any]:
        line = [sys.executable, "-m", "sentinel_batch", "--json", *words]
        environment = {**os.environ, "SENTINEL_LAKE": address}
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment)
        assert SECRET not in done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return {**found, "exit": done.returncode}

    assert run("alerts", "list")["exit"] == ExitCode.USAGE
    rehearsed = run("ingest", "calls.csv", "--dry-run")
    assert run("ingest", "calls.csv")["records_inserted"] == rehearsed["records_inserted"] > 900
    assert run("ingest", "calls.csv", "--dry-run")["records_inserted"] == 0
    checks = {check["name"]: check for check in run("doctor")["checks"]}
    assert checks["lake"]["message"] == address
    assert checks["object storage"]["status"] == checks["table call_records"]["status"] == "ok"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.csv", "calls.truth.json"]


def test_a_reader_sees_each_commit_and_reads_only_what_it_needs(s3: ObjectStore, tmp_path: Path) -> None:
    address = fresh_address()
    lake = Lake.create(address)
    for number in (1, 2):
        sb.ingest(generate(tmp_path / f"{number}.csv", 500, seed=number), lake=address)
    reader = LakeReader(elsewhere(address, tmp_path))
    first = reader.snapshot()
    assert reader.snapshot().versions == first.versions
    s3.requests.clear()
    assert first.read(SUPPRESSIONS.name).is_empty()
    assert not [path for method, path in s3.requests if method == "GET" and path.endswith(".parquet")]
    lake.append(SUPPRESSIONS.name, patterns("+1"))
    assert first.read(SUPPRESSIONS.name).is_empty()
    assert reader.snapshot().read(SUPPRESSIONS.name)["pattern"].to_list() == ["+1"]
    s3.requests.clear()
    assert reader.snapshot().read(SUPPRESSIONS.name).height == 1
    assert not [path for method, path in s3.requests if path.endswith(".parquet")]


# -- two writers ---------------------------------------------------------------------------------------------


def test_two_machines_ingest_the_same_files_at_once(s3: ObjectStore, tmp_path: Path) -> None:
    files = [generate(tmp_path / f"{seed}.csv", 800, seed) for seed in range(3)]
    sb.ingest(files, lake=tmp_path / "calm")
    address, writers = fresh_address(), []
    for number, order in enumerate((files, files[::-1])):
        line = [sys.executable, "-m", "sentinel_batch", "--json", "--lake", address, "ingest", *map(str, order)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / f"cache-{number}")}
        writers.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment))
    done = [json.loads(writer.communicate(timeout=120)[0]) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    calm = read_tables(tmp_path / "calm")
    assert sum(result["records_inserted"] for result in done) == calm["call_records"].height
    assert describe_difference(read_tables(address), calm) == ""


def take_over(lake: Lake) -> None:
    """Take the lease away from who holds it, as another machine does when that one is thought dead."""
    assert lake.store is not None
    said, facts = lake.store.read(LEASE) or pytest.fail("nobody holds it")
    assert lake.store.replace(LEASE, json.dumps(json.loads(said) | {"token": "another"}).encode(), facts.tag)


def test_who_comes_back_after_another_has_written_writes_nothing(s3: ObjectStore, tmp_path: Path) -> None:
    address = fresh_address()
    mine = Lake.create(address)
    mine.append(SUPPRESSIONS.name, patterns("+1"))
    with mine.lock():
        seen = stored(mine)
        take_over(mine)
        elsewhere(address, tmp_path).append(SUPPRESSIONS.name, patterns("+2"))
        with pytest.raises(LakeLockedError, match="Another run has taken the right to write"):
            mine.overwrite(SUPPRESSIONS.name, patterns(*seen, "+3"))
        with pytest.raises(LakeLockedError, match="Another run has taken"):
            mine.snapshot()
    assert stored(mine) == ["+1", "+2"]
    assert json.loads((mine.store.read(LEASE) or pytest.fail())[0])["token"] == "another"  # type: ignore[union-attr]


def test_who_was_not_heard_of_for_long_asks_before_writing(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.create(fresh_address())
    with lake.lock():
        monkeypatch.setattr(lease, "LEASE_SECONDS", 0.0)
        lake.append(SUPPRESSIONS.name, patterns("+1"))
        take_over(lake)
        with pytest.raises(LakeLockedError, match="Another run has taken"):
            lake.append(SUPPRESSIONS.name, patterns("+2"))
    assert stored(lake) == ["+1"]


def test_a_lease_is_waited_for_and_may_be_taken_again(s3: ObjectStore) -> None:
    lake = Lake.create(fresh_address())
    assert lake.store is not None
    assert lake.find_lock_holder() is None
    with lake.lock(), lake.lock():
        holder = lake.find_lock_holder()
        assert holder is not None and holder.pid == os.getpid()
        with pytest.raises(LakeLockedError, match=rf"waited 0.3 s.*process {os.getpid()} on"):
            take_lease(lake.store, 0.3)
    assert lake.find_lock_holder() is None
    other = take_lease(lake.store, 0.0)
    threading.Timer(0.5, other.give_back).start()
    with lake.lock(timeout=10):
        lake.append(SUPPRESSIONS.name, patterns("+1"))


def test_a_lease_is_renewed_while_it_is_held(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEWED_EACH", 0.02)
    lake = Lake.create(fresh_address())
    assert lake.store is not None
    beats, until = 0, time.monotonic() + 30
    with lake.lock():
        while beats < 3 and time.monotonic() < until:
            said, _ = lake.store.read(LEASE) or pytest.fail("nobody holds it")
            beats = json.loads(said)["beats"]
        lake.append(SUPPRESSIONS.name, patterns("+1"))
    assert beats >= 3


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_the_lease_of_the_dead_is_taken(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    lake = Lake.create(fresh_address())
    assert lake.store is not None
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, lake.place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(LakeLockedError, match=f"process {holder.pid}"):
        take_lease(lake.store, 0.0)
    holder.kill()
    holder.communicate()
    if where == "elsewhere":
        said, facts = lake.store.read(LEASE) or pytest.fail("nobody holds it")
        assert lake.store.replace(LEASE, json.dumps(json.loads(said) | {"machine": "another"}).encode(), facts.tag)
        with pytest.raises(LakeLockedError):
            take_lease(lake.store, 0.0)
        monkeypatch.setattr(lease, "LEASE_SECONDS", 0.5)
    take_lease(lake.store, 20).give_back()


_HOLDER = """
import sys
from sentinel_batch.lake import Lake
with Lake.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_lakes_are_opened_while_another_is_read(
    s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = fresh_address()
    Lake.create(address).append(SUPPRESSIONS.name, patterns("+1"))
    reader = elsewhere(address, tmp_path)  # Has no copy of the rows yet.
    real = Mirror.fetch

    def fetch(mirror: Mirror, files: Sequence[Path]) -> None:
        Lake.create(fresh_address())  # As another thread may.
        real(mirror, files)

    monkeypatch.setattr(Mirror, "fetch", fetch)
    assert stored(reader) == ["+1"]


def test_rows_without_a_lock_are_added_on_top_of_others(s3: ObjectStore, tmp_path: Path) -> None:
    address = fresh_address()
    lakes = [Lake.create(address), elsewhere(address, tmp_path), elsewhere(address, tmp_path)]

    def add(number: int) -> None:
        for turn in range(5):
            lakes[number].append(SUPPRESSIONS.name, patterns(f"+{number}{turn}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(lakes[0]) == sorted(f"+{number}{turn}" for number in range(3) for turn in range(5))


# -- what breaks off -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("locked", [True, False])
def test_a_commit_whose_answer_got_lost_counts_once(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    lake = Lake.create(fresh_address())
    lake.append(SUPPRESSIONS.name, patterns("+1"))
    real = DeltaTable.create_write_transaction

    def answered(table: DeltaTable, *given: Any, **options: Any) -> None:
        real(table, *given, **options)
        raise OSError("connection reset")

    def refused(*given: Any, **options: Any) -> None:
        raise DeltaError("connection reset")

    def add(how: Callable[..., None], pattern: str) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(DeltaTable, "create_write_transaction", how)
            lake.append(SUPPRESSIONS.name, patterns(pattern))

    def add_locked(how: Callable[..., None], pattern: str) -> None:
        with lake.lock():
            add(how, pattern)
            lake.append(SUPPRESSIONS.name, patterns(f"{pattern}0"))

    (add_locked if locked else add)(answered, "+2")
    assert stored(lake) == (["+1", "+2", "+20"] if locked else ["+1", "+2"])
    with pytest.raises(StoreError, match="connection reset"):
        add(refused, "+3")
    assert "+3" not in stored(lake)


@pytest.mark.slow
def test_two_writers_that_are_killed_lose_and_double_nothing(s3: ObjectStore, tmp_path: Path) -> None:
    done = crash(s3, tmp_path, 8, 2_000, seed=3)
    assert done.failures == []
    assert done.kills >= 8


def test_files_that_are_missing_in_the_store_are_named(s3: ObjectStore, tmp_path: Path) -> None:
    address = fresh_address()
    lake = Lake.create(address)
    lake.append(SUPPRESSIONS.name, patterns("+1"))
    [file] = [key for key in s3.list_keys(object_of(lake, SUPPRESSIONS.name)) if key.endswith(".parquet")]
    s3.client().delete_object(Bucket=BUCKET, Key=file)
    with pytest.raises(LakeDamagedError, match="1 files are missing in s3://"):
        elsewhere(address, tmp_path).snapshot().read(SUPPRESSIONS.name)
    checks = {check.name: check for check in sb.diagnose(lake=address).checks}
    assert "is missing" in checks[f"table {SUPPRESSIONS.name}"].message


# -- rights, secrets, room -----------------------------------------------------------------------------------


def test_keys_that_may_only_read(s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = fresh_address()
    sb.ingest(generate(tmp_path / "calls.csv", 500), lake=address)
    held = Lake.open(address).snapshot().read("call_records").height
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "reader"))
    assert sb.open(address).tables.read("call_records").height == held
    assert sb.examine_rules(lake=address)
    for write in (
        lambda: sb.build_profiles(lake=address),
        lambda: sb.suppress("+2348031234567", reason="x", lake=address),
    ):
        with pytest.raises(LakeReadOnlyError, match="can only be read with these keys"):
            write()
    rights = next(check for check in sb.diagnose(lake=address).checks if check.name == "object storage")
    assert rights.status == "warning" and "can only be read" in rights.message


def test_a_store_that_heeds_no_conditions_is_named(s3: ObjectStore) -> None:
    lake = Lake.create(fresh_address())
    s3.heedless = True
    rights = next(check for check in sb.diagnose(lake=lake).checks if check.name == "object storage")
    assert rights.status == "error" and "two writers would overwrite each other" in rights.message
    s3.heedless = False
    assert not [key for key in s3.list_keys() if ".doctor" in key]


def test_what_cannot_be_reached_is_said_without_secrets(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LakeNotFoundError, match="There is no lake at s3://fraud-desk/none"):
        Lake.open(f"s3://{BUCKET}/none")
    with pytest.raises(StoreError, match="NoSuchBucket") as caught:
        Lake.create("s3://another-bucket/lake")
    assert SECRET not in str(caught.value) + caught.value.hint
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.7:9")
    with pytest.raises(UsageError, match=r"192\.0\.2\.7 would be spoken to without encryption"):
        Lake.open(fresh_address())


def test_copies_take_no_more_room_than_they_may(s3: ObjectStore, tmp_path: Path) -> None:
    address = fresh_address()
    sb.ingest(generate(tmp_path / "calls.csv", 2_000), lake=address)
    lake = Lake.open(address, Cache(tmp_path / "small", most_bytes=50_000))
    copies = lake.snapshot().files("call_records")
    height = lake.snapshot().read("call_records").height
    assert sum(file.stat().st_size for file in copies) > 50_000
    # Who has just read them may still be reading.
    assert all(file.exists() for file in copies)
    for file in copies:
        os.utime(file, (time.time() - 10_000, time.time() - 10_000))
    sb.open(lake).snapshot().tables.read("ingests")
    assert sum(file.stat().st_size for file in copies if file.exists()) <= 50_000
    assert lake.snapshot().read("call_records").height == height
    assert lake.path.stat().st_mode & 0o077 == 0


def test_what_lies_beside_a_lake_needs_a_folder(s3: ObjectStore, tmp_path: Path) -> None:
    lake = Lake.create(fresh_address())
    with pytest.raises(UsageError, match="simulation lies in the lake's folder") as refused:
        sb.simulate_population(lake=lake, subscribers=1_000, days=1)
    assert "SENTINEL_LAKE_STATE=DIR" in refused.value.hint
    with pytest.raises(UsageError, match="need a folder of this machine"):
        sb.maintain(lake=lake, keep_days=3)
    with pytest.raises(LakeNotFoundError, match=r"is what this machine remembers of the lake s3://"):
        subprocess_open(lake.path)
    for command in ("serve --insecure-local", "keys list"):
        line = [sys.executable, "-m", "sentinel_batch", "--json", "--lake", lake.place, *command.split()]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.returncode == ExitCode.USAGE, done.stdout
        assert "object storage holds tables only" in json.loads(done.stdout)["error"]["message"]


def test_a_simulated_population_is_the_same_as_in_a_folder(s3: ObjectStore, tmp_path: Path) -> None:
    address, state = fresh_address(), tmp_path / "state"
    there, here = sb.open(address, lake_state=state), sb.open(tmp_path / "lake")
    told = [sb.simulate_population(desk, subscribers=1_000, days=2, boxes=1) for desk in (there, here)]
    assert told[0].numbers.equals(told[1].numbers) and told[0].folder.is_relative_to(state)
    assert sb.read_truth(there).plan == sb.read_truth(here).plan
    calls = [desk.tables.read("call_records").drop("processed_at") for desk in (there, here)]
    assert calls[0].height > 1_000 and calls[0].sort(calls[0].columns).equals(calls[1].sort(calls[1].columns))
    # Another lake has a truth of its own, in the same folder.
    with pytest.raises(UsageError, match="was not simulated"):
        sb.read_truth(sb.open(Lake.create(fresh_address()), lake_state=state))


def subprocess_open(folder: Path) -> None:
    """Open a mirror's folder in a process that has not opened the lake, and raise what that raised."""
    script = "import sys; from sentinel_batch.lake import Lake; Lake.open(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise LakeNotFoundError(done.stderr.strip().splitlines()[-2], hint="")


@pytest.mark.parametrize(
    "address",
    ["s3://", "s3:///lake", "s3://user:word@bucket/lake", "s3://bucket/../lake", "s3://bucket/a b", "abfss://c/lake"],
)
def test_addresses_that_cannot_be_used(address: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a folder, s3://"):
        sb.open(address)
    with pytest.raises(LakeNotFoundError):
        Lake.open(address)


@pytest.mark.parametrize(
    ("address", "variables"),
    [
        ("gs://bucket/lake", {"GOOGLE_SKIP_SIGNATURE": "true"}),
        ("az://container/lake", {"AZURE_STORAGE_ACCOUNT_NAME": "desk", "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0"}),
        ("abfss://container@desk.dfs.core.windows.net/lake", {"AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0"}),
    ],
)
def test_other_clouds_are_opened_by_the_same_means(
    monkeypatch: pytest.MonkeyPatch, address: str, variables: dict[str, str]
) -> None:
    from sentinel_batch.lake import Store

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert sb.open(f"{address}/").config.lake == address
    assert Store(address).options == {}
