"""Worker processes: any number of them, and what happens when one dies, hangs or is killed with the batch."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from polars.testing import assert_frame_equal

from audio_batch.batch import BatchResult, Progress, run
from audio_batch.batch.analysis import estimate_seconds
from audio_batch.batch.pool import Worker
from audio_batch.batch.processes import KEPT_MEMORY, THREAD_LIMITS, Deadline, make_environment
from audio_batch.batch.tasks import Task
from audio_batch.errors import AudioError
from tests.audio_batch.batch.batch_samples import assert_same, fill_inbox, find_row, stable, wait_for, write_recording

ROOT = Path(__file__).parents[3]

BATCH = """
import sys
from audio_batch.batch import run, settings
settings._hash_code = lambda: "the code as it is"
run(sys.argv[1], workers=2, checkpoint_dir=sys.argv[2])
"""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten recordings, two of which fail."""
    folder = fill_inbox(tmp_path_factory.mktemp("crowd"))
    (folder / "bad.wav").write_text("<html>")
    write_recording(folder / "boom.wav", 9)
    for number in range(3):
        write_recording(folder / f"more{number}.wav", 100 + number, seconds=2)
    return folder


@pytest.fixture(scope="module")
def undisturbed(crowd: Path) -> BatchResult:
    """The tables of ``crowd``, made by two workers."""
    return run(crowd, workers=2)


def test_tables_do_not_depend_on_the_number_of_workers(crowd: Path, undisturbed: BatchResult) -> None:
    here = run(crowd, workers=0)
    assert_same(undisturbed, run(crowd, workers=1))
    assert_frame_equal(stable(here).recordings, stable(undisturbed).recordings)
    assert_frame_equal(here.features, undisturbed.features, check_exact=False, rel_tol=1e-3, abs_tol=1e-3)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_file_never_stops_the_batch(inbox: Path, workers: int) -> None:
    for number, name in enumerate(["kill.wav", "exit.wav", "boom.wav", "memory.wav"]):
        write_recording(inbox / name, 20 + number)
    (inbox / "page.wav").write_text("<html><body>Not found</body></html>")
    (inbox / "empty.wav").write_bytes(b"")
    os.mkfifo(inbox / "pipe.wav")
    result = run(inbox, workers=workers, with_features=False, policy="voice_only")
    errors = {row["path"]: row for row in result.recordings.iter_rows(named=True) if row["status"] == "failed"}
    assert {path: (row["error_stage"], row["error_code"]) for path, row in errors.items()} == {
        "kill.wav": ("worker", "worker_lost"),
        "exit.wav": ("worker", "worker_lost"),
        "boom.wav": ("score", "unexpected"),
        "memory.wav": ("score", "out_of_memory"),
        "page.wav": ("validate", "not_audio"),
        "empty.wav": ("validate", "empty_file"),
        "pipe.wav": ("read", "not_opened"),
    }
    assert "SIGKILL" in errors["kill.wav"]["error_message"] and "exit code 7" in errors["exit.wav"]["error_message"]
    assert "ZeroDivisionError: a defect" in errors["boom.wav"]["error_message"]
    assert "not a regular file" in errors["pipe.wav"]["error_message"]
    assert {row["action"] for row in errors.values()} == {"ESCALATE_TO_HUMAN"}
    assert (result.recordings["status"] == "scored").sum() == 5


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give recordings that hang 5 s of grace, and the others time enough on the busiest machine."""
    real = Worker._begin

    def begin(worker: Worker, facts: dict[str, Any], deadline: Deadline) -> None:
        real(worker, facts, deadline)
        if not facts["row"]["path"].startswith("hang"):
            deadline.extend(300)

    monkeypatch.setattr("audio_batch.batch.pool.GRACE_SECONDS", 5.0)
    monkeypatch.setattr(Worker, "_begin", begin)


@pytest.mark.usefixtures("short_grace")
def test_a_recording_that_hangs_costs_itself_only(inbox: Path) -> None:
    for number in range(2):
        write_recording(inbox / f"hang{number}.wav", 60 + number, seconds=2)
        write_recording(inbox / f"later{number}.wav", 62 + number, seconds=1.5)  # the longest go first
    result = run(inbox, workers=2, with_features=False, policy="voice_only")
    row = find_row(result, "hang0.wav")
    assert (row["status"], row["error_stage"], row["error_code"]) == ("failed", "worker", "timed_out")
    assert row["error_message"] == "Its analysis was stopped after 6 s."  # 5 s, and 30 s per minute of 2 s of audio
    assert row["sha256"] == hashlib.sha256((inbox / "hang0.wav").read_bytes()).hexdigest()
    assert row["action"] == "ESCALATE_TO_HUMAN"
    assert sorted(result.recordings["status"]) == ["failed"] * 2 + ["scored"] * 7


def test_a_worker_that_answers_in_time_is_not_ended() -> None:
    process = subprocess.Popen(["sleep", "60"])
    with Deadline(process, 0.2) as deadline:
        deadline.extend(-0.1)
        deadline.extend(60)
    time.sleep(0.3)
    assert process.poll() is None and not deadline.is_over
    with Deadline(process, 0.05) as late:
        assert process.wait(30) == -signal.SIGKILL
    assert late.is_over


@pytest.mark.parametrize(("name", "seconds"), [("a.wav", 4.0), ("notes.txt", len("no recording") / 500)])
def test_the_length_is_declared_or_follows_from_the_size(inbox: Path, name: str, seconds: float) -> None:
    path = inbox / name
    assert estimate_seconds(Task(str(path), name, path.stat().st_size, {})) == pytest.approx(seconds)


@pytest.mark.slow
def test_kill_in_mid_batch_and_run_again(crowd: Path, undisturbed: BatchResult, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    environment = os.environ | {"TEST_SCORER_SECONDS": "1"}
    batch = subprocess.Popen([sys.executable, "-c", BATCH, crowd, kept], env=environment, cwd=ROOT)
    wait_for(lambda: len(list(kept.rglob("*.json"))) >= 4)
    workers = psutil.Process(batch.pid).children(recursive=True)
    os.kill(batch.pid, signal.SIGKILL)
    assert batch.wait() == -signal.SIGKILL
    assert len(workers) == 2 and not psutil.wait_procs(workers, timeout=60)[1]
    again = run(crowd, workers=2, checkpoint_dir=kept)
    assert 4 <= again.recordings["resumed"].sum() < again.recordings.height
    assert_same(again, undisturbed)


def test_an_exception_of_the_progress_callback_ends_the_workers(inbox: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(inbox, workers=2, progress=stop, with_features=False)
    wait_for(lambda: not any("audio_batch.batch.worker" in child.cmdline() for child in psutil.Process().children()))


def test_workers_have_one_numerical_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    assert {make_environment()[name] for name in THREAD_LIMITS} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "16"


def test_workers_keep_their_memory_unless_the_administrator_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEPT_MEMORY:
        monkeypatch.delenv(name, raising=False)
    assert KEPT_MEMORY.items() <= make_environment().items()
    # The most that every version of the GNU C library takes (mallopt(3)); more would leave it at 128 KiB.
    assert int(KEPT_MEMORY["MALLOC_MMAP_THRESHOLD_"]) <= 4 * 1024 * 1024 * 8
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert make_environment()["MALLOC_TRIM_THRESHOLD_"] == "1000"


def test_workers_that_cannot_start_are_said(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AudioError, match="worker process does not start: exit code 1") as caught:
        run(inbox, workers=1)
    assert "--workers 0" in caught.value.hint
