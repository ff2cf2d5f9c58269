"""Building, reading and showing profiles: what is kept, what is built anew, and what is said."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from detection_lake import make_lake

from sentinel_batch.config import Config
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import LakeDamagedError, LakeLockedError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.profiles import build_profiles, load_days, load_overlapping, read_profiles, scan_profiles
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.segments import read_segments
from tests.sentinel_batch.profiles.profile_commands import call

NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)
DAYS = [date(2026, 1, 20), date(2026, 1, 21), date(2026, 1, 22)]
A, B = "+2348030000001", "+2348030000002"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake of three days: A calls B and five strangers every day, B calls A on the second."""
    monkeypatch.chdir(tmp_path)
    calls = [
        (A, f"+23480500000{day}{stranger}", NOON + timedelta(days=day, minutes=stranger), 30)
        for day in range(3)
        for stranger in range(5)
    ]
    calls += [(A, B, NOON + timedelta(days=day, hours=1), 60) for day in range(3)]
    calls.append((B, A, NOON + timedelta(days=1, hours=2), 90))
    return make_lake(tmp_path / "data" / "lake", calls)


def add_calls(lake: Lake, folder: Path, *rows: tuple[str, str, datetime, int]) -> None:
    lake.append("call_records", make_lake(folder, rows).snapshot().read("call_records"))


def test_a_second_build_computes_nothing(lake: Lake) -> None:
    first, second = build_profiles(lake=lake), build_profiles(lake=lake)
    assert (first.built, first.kept, first.rows) == (tuple(DAYS), (), 4)
    assert (second.built, second.kept, second.rows) == ((), tuple(DAYS), 0)
    runs = lake.snapshot().read("runs").filter(pl.col("command") == "profiles").sort("run_id")
    assert runs["counts"].to_list() == ['{"built": 3, "kept": 0, "rows": 4}', '{"built": 0, "kept": 3, "rows": 0}']


def test_days_know_what_went_before(lake: Lake) -> None:
    build_profiles(lake=lake)
    rows = read_profiles(lake=lake).filter(pl.col("number") == A)
    assert rows["new_callees"].to_list() == [6, 5, 5]
    assert rows["callees_calling_back"].to_list() == [0, 1, 1]
    assert rows["history_days"].to_list() == [0, 1, 2]
    assert rows["incoming_calls"].to_list() == [0, 1, 0]


def test_only_the_asked_days_are_built(lake: Lake) -> None:
    assert build_profiles(lake=lake, since="2026-01-21", until=DAYS[1]).built == (DAYS[1],)
    assert read_profiles(lake=lake)["local_date"].unique().to_list() == [DAYS[1]]
    assert build_profiles(lake=lake).built == (DAYS[0], DAYS[2])


def test_a_late_call_makes_its_day_and_those_after_it_stale(lake: Lake, tmp_path: Path) -> None:
    build_profiles(lake=lake)
    add_calls(lake, tmp_path / "late", (A, "+2348050000020", NOON + timedelta(days=1, hours=3), 5))
    done = build_profiles(lake=lake)
    assert (done.built, done.kept) == (tuple(DAYS[1:]), (DAYS[0],))
    rows = read_profiles(lake=lake).filter(pl.col("number") == A)
    assert rows["new_callees"].to_list() == [6, 6, 4]
    assert rows.height == 3


def test_another_definition_makes_days_stale(lake: Lake) -> None:
    build_profiles(lake=lake)
    config = Config(lake=lake.path, timezone="Asia/Tokyo")
    assert build_profiles(lake=lake, config=config).kept == ()
    assert read_profiles(lake=lake)["definition"].unique().to_list() == ["1 Asia/Tokyo NG bands"]


def test_archived_calls_leave_their_profiles(lake: Lake) -> None:
    build_profiles(lake=lake)
    before = read_profiles(lake=lake)
    kept = lake.snapshot().read("call_records").filter(pl.col("call_date") > DAYS[0])
    lake.overwrite("call_records", kept)
    assert build_profiles(lake=lake).built == ()
    assert read_profiles(lake=lake).equals(before)


def test_unstored_days_are_computed_and_not_kept(lake: Lake, tmp_path: Path) -> None:
    build_profiles(lake=lake, until=DAYS[1])
    desk = open_desk(lake).snapshot()
    days = load_days(desk, DAYS[0], DAYS[2])
    assert len(days.files) == 2
    assert days.scan_computed().collect()["local_date"].unique().to_list() == [DAYS[2]]
    assert len(read_profiles(lake=lake)["local_date"].unique()) == 2
    with desk.tables.connect() as connection:
        overlapping = load_overlapping(desk, NOON - timedelta(hours=13, seconds=1), NOON + timedelta(days=2))
        found = overlapping.relate(connection).order("local_date, number").pl()
    build_profiles(lake=lake)
    assert found.select(sorted(found.columns)).equals(read_profiles(lake=lake).select(sorted(found.columns)))


def test_computed_days_last_as_long_as_what_scans_them(lake: Lake) -> None:
    staging = lake.path / ".staging"

    def count_folders() -> int:
        return len([*staging.glob("run-*")])

    scanned = load_days(open_desk(lake).snapshot(), *DAYS[:2]).scan().filter(pl.col("call_count") > 0)
    gc.collect()
    assert count_folders() == 1
    # Another command sweeps what killed ones left, and leaves this.
    with lake.staging():
        assert count_folders() == 2
    assert scanned.select("local_date").collect()["local_date"].unique().sort().to_list() == DAYS[:2]
    # Dropped by another thread than the one that made it.
    with ThreadPoolExecutor(1) as pool:
        held = [scanned]
        del scanned
        pool.submit(held.clear).result()
    gc.collect()
    assert count_folders() == 0


def test_days_of_other_settings_are_computed_by_those_of_the_desk(lake: Lake) -> None:
    build_profiles(lake=lake)
    tokyo = open_desk(lake, timezone="Asia/Tokyo")
    days = load_days(tokyo, DAYS[0], DAYS[2])
    assert days.files == ()
    assert days.scan_computed().collect()["definition"].unique().to_list() == ["1 Asia/Tokyo NG bands"]
    night = (NOON + timedelta(hours=2), NOON + timedelta(hours=4))  # Midnight in Tokyo is 15:00 UTC.
    with tokyo.tables.connect() as connection:
        overlapping = load_overlapping(tokyo, *night)
        related = overlapping.relate(connection).pl()
    assert related["local_date"].unique().sort().to_list() == DAYS[:2]


def test_a_lake_without_calls_has_no_profiles(tmp_path: Path) -> None:
    empty = Lake.create(tmp_path / "lake")
    assert build_profiles(lake=empty).built == ()
    assert read_profiles(lake=empty).is_empty()
    assert scan_profiles(lake=empty).collect_schema().names() == read_profiles(lake=empty).columns
    assert load_days(open_desk(empty), *DAYS[:2]).scan().collect().is_empty()


def test_segments_come_from_the_file_then_from_volume(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "segments.csv"
    file.write_text("number,segment\n08030000001,call centre\n", "utf-8")
    config = Config(lake=lake.path, segments_file=file)
    build_profiles(lake=lake, config=config)
    found = read_profiles(lake=lake).select("number", "segment").unique().sort("number")
    assert found.rows() == [(A, "call centre"), (B, "consumer")]
    file.write_text("number,segment\n08030000001,pbx\n", "utf-8")
    assert build_profiles(lake=lake, config=config).built == tuple(DAYS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("number,kind\n1,2\n", "segments.csv:1: there is no column segment."),
        ("number,segment\n+2348030000001,\n", "segments.csv:2: number = '+2348030000001', segment = ''"),
        ("number,segment\n08030000001,a\n+2348030000001,b\n", "segments.csv:3: +2348030000001 is in two segments"),
        ("number,segment\n\0\udcff,a\n", "cannot be read"),
    ],
)
def test_a_wrong_segments_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "segments.csv"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match="number,segment") as caught:
        read_segments(file, "NG")
    assert message in caught.value.message


def test_a_missing_segments_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_segments(tmp_path / "none.csv", "NG")


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"since": "yesterday"}, "since = 'yesterday' is not a day."),
        ({"until": "2026-13-01"}, "until = '2026-13-01' is not a day."),
        ({"since": "2026-01-22", "until": "2026-01-21"}, "since = 2026-01-22 is after until = 2026-01-21."),
    ],
)
def test_wrong_days_are_refused(lake: Lake, bounds: dict[str, str], message: str) -> None:
    for function in (build_profiles, read_profiles):
        with pytest.raises(UsageError) as caught:
            function(lake=lake, **bounds)
        assert caught.value.message == message


def test_bounds_may_be_the_ends_of_the_calendar(lake: Lake) -> None:
    built = build_profiles(lake=lake, since=date.min, until=date.max)
    assert built.built
    assert build_profiles(lake=lake, since=built.built[0], until=date.max).kept == built.built
    assert build_profiles(lake=lake, since=date(1, 1, 2), until=built.built[-1]).kept == built.built
    assert build_profiles(lake=lake, since=date.max, until=date.max).kept == ()
    assert load_days(open_desk(lake), date.min, date.max).computed == ()


def test_a_broken_file_is_reported(lake: Lake) -> None:
    lake.snapshot().files("call_records")[0].write_bytes(b"PAR1 no PAR1")
    with pytest.raises(LakeDamagedError, match="doctor"):
        build_profiles(lake=lake)


def test_a_locked_lake_is_left_alone(lake: Lake) -> None:
    script = f"from sentinel_batch.lake import Lake\nwith Lake({lake.path!r}).lock():\n  print(1, flush=True); input()"
    script = script.replace("PosixPath", "__import__('pathlib').Path")
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        with pytest.raises(LakeLockedError):
            build_profiles(lake=open_desk(lake, lock_timeout=0.1))
        other.communicate("\n")


def test_a_killed_build_leaves_whole_days(lake: Lake) -> None:
    script = (
        "import os, signal, sys\n"
        "from sentinel_batch.profiles import building\n"
        "add, count = building.Lake.add_files, []\n"
        "def die(*given, **named):\n"
        "    count.append(1)\n"
        "    if len(count) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    add(*given, **named)\n"
        "building.Lake.add_files = die\n"
        "building.build_profiles(lake=sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(lake.path)], env={**os.environ}, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert read_profiles(lake=lake)["local_date"].unique().to_list() == [DAYS[0]]
    assert build_profiles(lake=lake).built == tuple(DAYS[1:])
    assert read_profiles(lake=lake)["new_callees"].sum() == 17


def test_keys_are_one_to_one() -> None:
    numbers = [A, "+0123", "100", "+12a", "+1_0", "+1 0", "+١", "+" + "9" * 18, "+" + "9" * 19, "+1"]
    keys, frame = NumberKeys(), pl.DataFrame({"n": numbers})
    found = frame.select(keys.express("n"))["n"]
    assert found.n_unique() == len(numbers)
    assert keys.decode(found.to_numpy()).to_list() == numbers


def test_the_command_builds_lists_and_shows(lake: Lake) -> None:
    built = call("profiles", "build", "--json").document
    assert built["built"] == ["2026-01-20", "2026-01-21", "2026-01-22"]
    assert (built["status"], built["kept"], built["rows"]) == ("success", [], 4)
    assert call("profiles", "build").stdout == "0 days built (0 profiles), 3 up to date.\n"
    listed = call("profiles", "list", "--json", "--limit", "2").document
    assert [(row["local_date"], row["number"]) for row in listed["profiles"]] == [("2026-01-22", A), ("2026-01-21", A)]
    assert "Stopped at 2" in call("profiles", "list", "--limit", "2").stderr
    shown = call("profiles", "show", "08030000001", "--since", "2026-01-21", "--json").document
    assert [row["new_callees"] for row in shown["profiles"]] == [5, 5]
    assert "new_callee_share" in call("profiles", "show", A).stdout


def test_the_command_says_what_is_wrong(lake: Lake) -> None:
    assert call("profiles", "show", "+1").code == 2
    assert "There is no profile of '+1'" in call("profiles", "show", "+1").stderr
    assert "--limit 0 is not allowed" in call("profiles", "list", "--limit", "0").stderr
    assert "since = 'x' is not a day" in call("profiles", "build", "--since", "x").stderr
    assert call("profiles", "list", "--lake", "nowhere").code == 2
