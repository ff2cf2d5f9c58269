"""A folder of recordings to tables: bad files, dying workers, kill -9, any number of workers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pytest
import soundfile
from audio_speech import speak
from polars.testing import assert_frame_equal

import audio_batch.spoof
from audio_batch.batch import VOLATILE_COLUMNS, BatchResult, Progress, remove_stale, run
from audio_batch.batch.analysis import estimate_seconds
from audio_batch.batch.discovery import find_recordings
from audio_batch.batch.measurement import WORST_SEGMENTS, read_spans
from audio_batch.batch.tasks import Task
from audio_batch.errors import AudioError, AudioUsageError
from audio_batch.verdict import SegmentScore

ROOT = Path(__file__).parents[1]

SCORER = """
import hashlib, os, signal, time
from pathlib import Path
import audio_batch.spoof
from audio_batch.verdict import SegmentScore, Verdict

def score(path, *, model=None, channel_roles=None, profile="telephone", **_):
    name, content = Path(path).name, Path(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if "kill" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in name:
        os._exit(7)
    if "hang" in name:
        while True:
            time.sleep(60)
    if "boom" in name:
        raise ZeroDivisionError("a defect")
    if "memory" in name:
        raise MemoryError
    print("a library that prints to standard output")
    time.sleep(float(os.environ.get("TEST_SCORER_SECONDS", 0)))
    value = int(digest[:4], 16) / 65535
    roles = channel_roles or {}
    segments = tuple(SegmentScore(0, roles.get(0), t, t + 1.0, 0.8, value * (t + 1) / 5) for t in (0.0, 1.0, 2.0, 3.0))
    label = "likely_real" if value < 0.5 else "likely_synthetic"
    return Verdict(str(path), digest, value, label, 0.9, time.time() % 1000, digest[:16], "fake-1", 4.0, 3.2,
                   "narrowband", None, segments)

audio_batch.spoof.score = score
"""


@pytest.fixture(autouse=True)
def fake_scorer(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give this process and every worker a scorer that costs nothing and misbehaves by file name."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SCORER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(folder)]))
    monkeypatch.setattr(audio_batch.spoof, "score", None, raising=False)
    monkeypatch.setattr("audio_batch.batch.settings._hash_code", lambda: "the code as it is")
    exec(SCORER, {})
    yield


def write_recording(path: Path, seed: int, seconds: float = 4.0, channels: int = 1) -> Path:
    voice = speak(seconds, 8000, seed)
    signal = voice + 0.001 * np.random.default_rng(seed).standard_normal(voice.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([signal] * channels, axis=1), 8000, subtype="PCM_16", format="WAV")
    return path


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    for number, name in enumerate(["b.wav", "a.wav", "deep/er/c.WAV", "é ü.wav", "line\nbreak.wav"]):
        write_recording(folder / name, number)
    (folder / "notes.txt").write_text("no recording")
    return folder


def stable(result: BatchResult) -> BatchResult:
    return BatchResult(result.recordings.drop(VOLATILE_COLUMNS), result.segments, result.features)


def assert_same(one: BatchResult, other: BatchResult) -> None:
    for name in ("recordings", "segments", "features"):
        assert_frame_equal(getattr(stable(one), name), getattr(stable(other), name))


def find_row(result: BatchResult, path: str) -> dict[str, object]:
    return result.recordings.row(by_predicate=pl.col("path") == path, named=True)


def test_one_row_per_recording_in_the_order_of_the_names(inbox: Path) -> None:
    result = run(inbox, workers=0)
    assert result.recordings["path"].to_list() == ["a.wav", "b.wav", "deep/er/c.WAV", "line\nbreak.wav", "é ü.wav"]
    assert result.recordings["status"].unique().to_list() == ["scored"]
    assert result.segments["path"].to_list() == [p for p in result.recordings["path"] for _ in range(4)]
    assert result.features.height == WORST_SEGMENTS * 5 and result.features["start"].to_list()[:3] == [1.0, 2.0, 3.0]
    row = find_row(result, "a.wav")
    assert row["worst_start"] == 3.0 and row["sampling_rate"] == 8000 and row["error_code"] is None


def test_tables_do_not_depend_on_the_number_of_workers(inbox: Path) -> None:
    (inbox / "bad.wav").write_text("<html>")
    write_recording(inbox / "boom.wav", 9)
    alone, here = run(inbox, workers=1), run(inbox, workers=0)
    assert_same(alone, run(inbox, workers=3))
    assert_frame_equal(stable(here).recordings, stable(alone).recordings)
    assert_frame_equal(here.features, alone.features, check_exact=False, rel_tol=1e-3, abs_tol=1e-3)


def test_volatile_columns_are_columns(inbox: Path) -> None:
    assert set(VOLATILE_COLUMNS) <= set(run(inbox, workers=0, with_features=False).recordings.columns)


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


def test_a_recording_that_hangs_costs_itself_only(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_batch.batch.pool.GRACE_SECONDS", 6.0)
    for number in range(2):
        write_recording(inbox / f"hang{number}.wav", 60 + number)
    result = run(inbox, workers=2, with_features=False, policy="voice_only")
    row = find_row(result, "hang0.wav")
    assert (row["status"], row["error_stage"], row["error_code"]) == ("failed", "worker", "timed_out")
    assert row["error_message"] == "Its analysis was stopped after 8 s."  # 6 s, and 30 s per minute of 4 s of audio
    assert row["sha256"] == hashlib.sha256((inbox / "hang0.wav").read_bytes()).hexdigest()
    assert row["action"] == "ESCALATE_TO_HUMAN"
    assert sorted(result.recordings["status"]) == ["failed"] * 2 + ["scored"] * 5


def test_a_worker_that_answers_in_time_is_not_ended(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from audio_batch.batch.pool import Deadline

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


def test_a_damaged_recording_keeps_its_score_without_a_label(inbox: Path) -> None:
    whole = write_recording(inbox / "cut.wav", 30).read_bytes()
    (inbox / "cut.wav").write_bytes(whole[: len(whole) // 2])
    row = find_row(run(inbox, workers=0, with_features=False), "cut.wav")
    assert row["is_valid"] is False and "truncated" in row["issue_codes"]
    assert (row["status"], row["label"], row["abstention"]) == ("abstained", "uncertain", "invalid_recording")
    assert row["score"] is not None


def test_links_are_not_followed_out_of_the_folder(inbox: Path, tmp_path: Path) -> None:
    secret = write_recording(tmp_path / "elsewhere" / "secret.wav", 40)
    (inbox / "out.wav").symlink_to(secret)
    (inbox / "folder").symlink_to(secret.parent)
    (inbox / "loop").symlink_to(inbox)
    (inbox / "within.wav").symlink_to(inbox / "a.wav")
    (inbox / "gone.wav").symlink_to(inbox / "nothing.wav")
    result = run(inbox, workers=0, with_features=False)
    assert "leads out of the folder" in find_row(result, "out.wav")["error_message"]
    assert find_row(result, "out.wav")["sha256"] is None
    assert "cannot be read" in find_row(result, "gone.wav")["error_message"]
    assert find_row(result, "within.wav")["sha256"] == find_row(result, "a.wav")["sha256"]
    assert result.recordings.height == 8


@pytest.mark.parametrize("workers", [0, 2])
def test_hostile_names(tmp_path: Path, workers: int) -> None:
    names = [b"\xff\xfe.wav", b"-rf.wav", b"$(touch x).wav", b"\x1b[2J.wav", b"a" * 200 + b".wav", b"'\";--.wav"]
    for number, name in enumerate(names):
        write_recording(tmp_path / "plain.wav", number).rename(tmp_path / os.fsdecode(name))
    result = run(tmp_path, workers=workers, with_features=False)
    assert result.recordings["status"].to_list() == ["scored"] * len(names)
    assert "\\xff\\xfe.wav" in result.recordings["path"].to_list()[-1].replace("udcff", "xff").replace("udcfe", "xfe")
    json.dumps(result.to_dict()).encode()


def test_an_empty_folder_has_empty_tables_with_all_columns(tmp_path: Path, inbox: Path) -> None:
    (tmp_path / "nothing").mkdir()
    empty, full = run(tmp_path / "nothing"), run(inbox, workers=0)
    assert empty.recordings.schema == full.recordings.schema and empty.recordings.height == 0
    assert empty.segments.schema == full.segments.schema
    assert empty.to_dict() == {"recordings": [], "segments": [], "features": []}


def test_to_dict_is_json_without_nan(inbox: Path) -> None:
    document = run(inbox, workers=0, policy="voice_only").to_dict()
    json.dumps(document, allow_nan=False)
    assert document["recordings"][0]["decision"]["action"] == document["recordings"][0]["action"]
    assert isinstance(document["recordings"][0]["issues"], list)


def test_manifest_policy_and_roles_reach_the_row(inbox: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "calls.csv"
    manifest.write_text("file,call_id,amount,enrollment_id\na.wav,C1,250000,anna\ndeep/er/c.WAV,C2,5,\n")
    result = run(inbox, manifest=manifest, policy="wire_transfer", workers=0, channel_roles="left=customer")
    row = find_row(result, "a.wav")
    assert row["call_id"] == "C1" and json.loads(row["context"])["amount"] == "250000"
    assert row["policy"] == "wire_transfer" and row["action"] and row["decisive_rule"]
    assert find_row(result, "b.wav")["missing_inputs"] and find_row(result, "b.wav")["context"] is None
    assert set(result.segments["role"]) == {"customer"} and row["verified"] is None


def test_verification_is_asked_where_the_manifest_names_a_voice(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import audio_batch.speaker
    from audio_batch.errors import EnrollmentError
    from audio_batch.verdict import Verification

    def verify(path: str, enrollment_id: str, *, verdict: object, channel: int | None, **_: object) -> Verification:
        if enrollment_id == "nobody":
            raise EnrollmentError("Nobody is enrolled as 'nobody'")
        return Verification(path, True, enrollment_id, 0.97, "s", 3.5, 0.8, True, 0.1, (f"channel {channel}",))

    monkeypatch.setattr(audio_batch.speaker, "verify", verify)
    write_recording(inbox / "two.wav", 50, channels=2)
    manifest = tmp_path / "calls.csv"
    manifest.write_text("file,enrollment_id\na.wav,anna\nb.wav,nobody\ntwo.wav,anna\n")
    roles = {0: "agent", 1: "customer"}
    store = tmp_path / "voices"
    result = run(inbox, manifest=manifest, store=store, workers=0, channel_roles=roles, with_features=False)
    row, unknown, two = (find_row(result, name) for name in ("a.wav", "b.wav", "two.wav"))
    assert row["verified"] is True and row["log_likelihood_ratio"] == 3.5 and row["enrollment_id"] == "anna"
    assert unknown["error_stage"] == "verify" and "Nobody is enrolled" in unknown["error_message"]
    assert unknown["status"] == "scored" and unknown["score"] is not None
    assert two["verification_reasons"] == ["channel 1"] and row["verification_reasons"] == ["channel None"]


def test_a_second_run_repeats_nothing_but_errors_and_changes(inbox: Path, tmp_path: Path) -> None:
    write_recording(inbox / "boom.wav", 9)
    kept = tmp_path / "kept"
    first = run(inbox, workers=0, checkpoint_dir=kept)
    write_recording(inbox / "b.wav", 77)
    second = run(inbox, workers=0, checkpoint_dir=kept)
    resumed = dict(second.recordings.select("path", "resumed").iter_rows())
    assert not first.recordings["resumed"].any()
    assert [path for path, old in resumed.items() if not old] == ["b.wav", "boom.wav"]
    assert find_row(second, "b.wav")["sha256"] != find_row(first, "b.wav")["sha256"]
    assert find_row(second, "a.wav") == find_row(first, "a.wav") | {"resumed": True}
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "change",
    [{"policy": "voice_only"}, {"with_features": False}, {"channel_roles": "left=agent"}, {"profile": "remote"}],
)
def test_other_parameters_do_not_take_old_results(inbox: Path, tmp_path: Path, change: dict[str, object]) -> None:
    if "profile" in change:
        (tmp_path / "own.toml").write_text('extends = "telephone"\n')
        change = {"profile": str(tmp_path / "own.toml")}
    run(inbox, workers=0, checkpoint_dir=tmp_path / "kept")
    again = run(inbox, workers=0, checkpoint_dir=tmp_path / "kept", **change)  # type: ignore[arg-type]
    assert not again.recordings["resumed"].any()


def test_another_model_or_other_code_does_not_take_old_results(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resume() -> int:
        result = run(inbox, workers=0, checkpoint_dir=tmp_path / "kept", model=model, with_features=False)
        return int(result.recordings["resumed"].sum())

    model = tmp_path / "model.json"
    model.write_text("one")
    assert [resume(), resume()] == [0, 5]
    model.write_text("two")
    assert [resume(), resume()] == [0, 5]
    monkeypatch.setattr("audio_batch.batch.settings._hash_code", lambda: "other code")
    assert resume() == 0


def count_kept(folder: Path) -> int:
    return len([path for path in folder.rglob("*") if path.is_file()])


def test_a_finished_batch_keeps_only_what_it_would_use_again(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    options: dict[str, object] = {"workers": 0, "checkpoint_dir": kept, "with_features": False}
    run(inbox, **options)  # type: ignore[arg-type]
    assert count_kept(kept) == 5
    (inbox / "a.wav").unlink()
    write_recording(inbox / "b.wav", 70)
    left = next(kept.rglob("*.json")).with_name(".abc.123.part")
    left.write_text("half a result")
    write_recording(tmp_path / "other" / "o.wav", 71)
    run(tmp_path / "other", **options)  # type: ignore[arg-type]
    assert count_kept(kept) == 5 + 1 + 1
    assert run(inbox, **options).recordings["resumed"].sum() == 3  # type: ignore[arg-type]
    assert count_kept(kept) == 4 + 1 and not left.exists()
    monkeypatch.setattr("audio_batch.batch.settings._hash_code", lambda: "other code")
    assert run(inbox, **options).recordings["resumed"].sum() == 0  # type: ignore[arg-type]
    assert count_kept(kept) == 4 + 1
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "other", progress=lambda _: (_ for _ in ()).throw(KeyboardInterrupt), **options)  # type: ignore[arg-type]
    assert count_kept(kept) == 4 + 2


def test_results_that_nobody_uses_grow_stale(inbox: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    run(inbox, workers=0, checkpoint_dir=kept, with_features=False)
    old = time.time() - 3 * 3600
    for path in kept.rglob("*.json"):
        os.utime(path, (old, old))
    assert remove_stale(kept, 4) == 0
    assert remove_stale(kept, 2, dry_run=True) == 5 and count_kept(kept) == 5
    run(inbox, workers=0, checkpoint_dir=kept, with_features=False)
    assert remove_stale(kept, 2) == 0
    assert remove_stale(kept, -1) == 5 and list(kept.iterdir()) == []
    assert remove_stale(tmp_path / "nowhere", 1) == 0


def test_a_damaged_checkpoint_is_computed_again(inbox: Path, tmp_path: Path) -> None:
    first = run(inbox, workers=0, checkpoint_dir=tmp_path / "kept")
    files = sorted((tmp_path / "kept").rglob("*.json"))
    assert len(files) == 5
    files[0].write_text("")
    files[1].write_text('{"key": "another", "result": {}}')
    files[2].write_bytes(b"\xff\xfe")
    second = run(inbox, workers=0, checkpoint_dir=tmp_path / "kept")
    assert second.recordings["resumed"].sum() == 2
    assert_same(first, second)


BATCH = """
import sys
from audio_batch.batch import run, settings
settings._hash_code = lambda: "the code as it is"
run(sys.argv[1], workers=2, checkpoint_dir=sys.argv[2])
"""


def wait_for(condition: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_kill_in_mid_batch_and_run_again(inbox: Path, tmp_path: Path) -> None:
    for number in range(12):
        write_recording(inbox / f"more{number}.wav", 100 + number, seconds=2)
    undisturbed = run(inbox, workers=2)
    kept = tmp_path / "kept"
    environment = os.environ | {"TEST_SCORER_SECONDS": "0.4"}
    batch = subprocess.Popen([sys.executable, "-c", BATCH, inbox, kept], env=environment, cwd=ROOT)
    wait_for(lambda: len(list(kept.rglob("*.json"))) >= 4)
    workers = psutil.Process(batch.pid).children(recursive=True)
    os.kill(batch.pid, signal.SIGKILL)
    assert batch.wait() == -signal.SIGKILL
    assert len(workers) == 2 and not psutil.wait_procs(workers, timeout=60)[1]
    again = run(inbox, workers=2, checkpoint_dir=kept)
    assert 4 <= again.recordings["resumed"].sum() < again.recordings.height
    assert_same(again, undisturbed)


def test_progress_counts_and_estimates(inbox: Path, tmp_path: Path) -> None:
    write_recording(inbox / "boom.wav", 9)
    states: list[Progress] = []
    run(inbox, workers=1, progress=states.append, checkpoint_dir=tmp_path / "kept")
    assert [state.done for state in states] == [1, 2, 3, 4, 5, 6] and {state.total for state in states} == {6}
    assert states[-1].failed == 1 and states[-1].eta_seconds == 0 and states[0].eta_seconds > 0
    states.clear()
    run(inbox, workers=0, progress=states.append, checkpoint_dir=tmp_path / "kept")
    assert states[-1].resumed == 5


def test_an_exception_of_the_progress_callback_ends_the_workers(inbox: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(inbox, workers=2, progress=stop)
    wait_for(lambda: not any("audio_batch.batch.worker" in child.cmdline() for child in psutil.Process().children()))


def test_workers_have_one_numerical_thread_each(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    from audio_batch.batch.pool import THREAD_LIMITS, _make_environment

    assert {_make_environment()[name] for name in THREAD_LIMITS} == {"1"}
    assert os.environ["OMP_NUM_THREADS"] == "16"


def test_workers_that_cannot_start_are_said(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AudioError, match="worker process does not start: exit code 1") as caught:
        run(inbox, workers=1)
    assert "workers=0" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, "workers is -1; allowed: 0"),
        ({"seconds_per_minute": 0}, "seconds_per_minute is 0; allowed: a positive number"),
        ({"policy": "nonsense"}, "nonsense"),
        ({"profile": "nonsense"}, "profile 'nonsense' is not known"),
        ({"channel_roles": "left"}, "'left' is not of the form"),
        ({"manifest": "nowhere.csv"}, "nowhere.csv"),
        ({"model": "nowhere.onnx"}, "model 'nowhere.onnx' cannot be read"),
    ],
)
def test_wrong_options_are_refused_before_any_work(inbox: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(AudioUsageError, match=message):
        run(inbox, **options)  # type: ignore[arg-type]


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="is not a folder"):
        run(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    (tmp_path / "inbox").mkdir()
    with pytest.raises(AudioUsageError, match=r"checkpoint folder .* cannot be written"):
        run(tmp_path / "inbox", checkpoint_dir=tmp_path / "file" / "below")


def test_sizes_and_sorting_of_discovery(inbox: Path) -> None:
    found = find_recordings(inbox)
    assert [recording.name for recording in found] == sorted(r.name for r in found)
    assert all(recording.size == Path(recording.path).stat().st_size for recording in found)


def test_spans_are_read_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.random.default_rng(3).uniform(-0.5, 0.5, (130 * 8000, 2)), 8000)
    signal, _ = soundfile.read(path, dtype="float32")
    segments = [SegmentScore(1, None, 58.0, 62.5, 1, 0.5), SegmentScore(0, None, 119.9, 124.0, 1, 0.5)]
    for span, segment in zip(read_spans(str(path), segments, 8000), segments, strict=True):
        expected = signal[round(segment.start * 8000) : round(segment.end * 8000), segment.channel]
        np.testing.assert_array_equal(span, expected)
