"""A lake that can only be read, such as a replica or a mounted snapshot: what reads works, what writes says so."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import sentinel_batch as sb
from sentinel_batch.errors import ExitCode

READING = [
    "alerts list",
    "alerts show 1",
    "alerts suppressions",
    "alerts export {out}/alerts.csv",
    "boxes list",
    "boxes find",
    "cases list",
    "cases show CASE",
    "doctor",
    "explain 1",
    "labels list",
    "model score",
    "profiles list",
    "profiles show PROFILED",
    "queue",
    "report --out {out}/report",
    "risk NUMBER",
    "risk --all",
    "rules scorecard",
]
WRITING = [
    "alerts review 1 --disposition false-positive",
    "alerts suppress NUMBER --reason x",
    "boxes find --save",
    "cases build",
    "keys add x --role reader",
    "serve --insecure-local",
    "detect",
    "ingest {out}/calls.csv",
    "labels import {out}/labels.csv",
    "maintain",
    "profiles build",
    "rules run SDHF_001",
]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lake with calls, alerts, a case and profiles of some days, in which nothing can be written."""
    lake = tmp_path_factory.mktemp("sealed") / "lake"
    desk = sb.open(lake)
    sb.simulate_population(lake=desk, subscribers=1_000, days=3, seed=2, boxes=2, campaigns=False)
    first, _ = desk.tables.bounds() or pytest.fail("no calls")
    desk.build_profiles(until=first.date() + timedelta(days=1))
    desk.run_detection(since="4d")
    desk.build_cases()
    folders = [lake, *(path for path in lake.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield lake
    for folder in folders:
        folder.chmod(0o755)


def bound_by_modes() -> None:
    """Take the right to write everywhere from the administrator, in the process that is about to start."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


def call(lake: Path, out: Path, line: str) -> subprocess.CompletedProcess[str]:
    desk = sb.open(lake)
    words = {
        "NUMBER": desk.get_alert(1)["suspect_number"],
        "PROFILED": desk.read_profiles()["number"][0],
        "CASE": str(desk.list_cases()["case_id"][0]),
    }
    arguments = [words.get(word, word.format(out=out)) for word in line.split()]
    command = [sys.executable, "-m", "sentinel_batch", "--lake", str(lake), "--json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=bound_by_modes, cwd=out)


def list_files(lake: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in lake.rglob("*"))


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are those of POSIX")
@pytest.mark.parametrize("line", READING)
def test_commands_that_read_a_lake_that_cannot_be_written(sealed: Path, tmp_path: Path, line: str) -> None:
    before = list_files(sealed)
    done = call(sealed, tmp_path, line)
    assert done.returncode == ExitCode.DONE, done.stderr + done.stdout
    assert list_files(sealed) == before
    if line == "doctor":
        assert "which can only be read" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are those of POSIX")
@pytest.mark.parametrize(
    ("place", "line"), [(".staging", "explain 1"), (".staging/sweep.lock", "alerts list"), (".lock", "maintain")]
)
def test_a_folder_that_is_shared_with_what_another_user_made_in_it(
    sealed: Path, tmp_path: Path, place: str, line: str
) -> None:
    lake = tmp_path / "lake"
    shutil.copytree(sealed, lake)
    shutil.rmtree(lake / ".cache", ignore_errors=True)
    for path in [lake, *lake.rglob("*")]:
        path.chmod(0o755)
    (lake / place).chmod(0o555)
    done = call(lake, tmp_path, line)
    if line in WRITING:
        assert json.loads(done.stdout)["error"]["code"] == "lake_read_only"
    else:
        assert done.returncode == ExitCode.DONE, done.stderr + done.stdout


@pytest.mark.skipif(os.name != "posix", reason="modes of folders are those of POSIX")
@pytest.mark.parametrize("line", WRITING)
def test_commands_that_write_say_that_the_lake_cannot_be_written(sealed: Path, tmp_path: Path, line: str) -> None:
    (tmp_path / "calls.csv").write_text("caller,callee,start,duration\n+2348030000001,+2348030000002,2026-01-01,3\n")
    (tmp_path / "labels.csv").write_text("number,label,source,date\n+2348030000001,positive,x,2026-01-01\n")
    before = list_files(sealed)
    done = call(sealed, tmp_path, line)
    error = json.loads(done.stdout)["error"]
    assert done.returncode == ExitCode.FAILED, done.stdout
    assert error["code"] == "lake_read_only"
    assert f"The lake {sealed} can only be read" in error["message"]
    assert "Commands that only read work" in error["hint"]
    assert list_files(sealed) == before
