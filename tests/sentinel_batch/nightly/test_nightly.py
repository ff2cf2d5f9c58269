"""A night finds everything once, whatever happened to the nights before."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from thoroughness import slow_but

from sentinel_batch.config import load_config
from sentinel_batch.errors import DiskFullError, ExitCode, LakeLockedError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.nightly import NightlyResult, Step, run_nightly
from sentinel_batch.nightly.period import find_backlog
from sentinel_batch.rules import list_rules
from sentinel_batch.schema import FRAUD_ALERTS, RUNS

NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)
SUSPECTS = [f"+23480999990{n:02d}" for n in range(20)]
FIRST_NIGHT = NOON + timedelta(minutes=59)
"""How far the first night of ``known_desk`` looked."""

VOLATILE = ["run_id", "created_at", "updated_at", "processed_at", "started_at", "at"]
TABLES = (
    "call_records", "rejected_records", "ingests", "profiles", "fraud_alerts", "alert_events", "cases", "case_members",
    "case_links", "box_traces", "boxes", "box_members", "box_links",
)  # fmt: skip


class Desk:
    """An inbox, a lake and a place for reports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inbox, self.lake, self.out = root / "inbox é", root / "lake", root / "reports"
        self.metrics = root / "metrics" / "sentinel.prom"
        self.inbox.mkdir(parents=True, exist_ok=True)
        others = [f"[rules.{rule.id}]\nenabled = false\n" for rule in list_rules() if rule.id != "SDHF_001"]
        (root / "sentinel.toml").write_text("".join(others), encoding="utf-8")
        self.config = load_config(environ={}, start=root)

    def receive(self, name: str, suspect: int, *, at: datetime = NOON, calls: int = 60) -> Path:
        """A file with one SIM box (one call a minute, to as many numbers) and one ordinary caller."""
        lines = ["call_date,call_time,caller_number,callee_number,duration_seconds"]
        for n in range(calls):
            local = at + timedelta(minutes=n, hours=1)  # Lagos
            lines.append(f"{local:%Y-%m-%d,%H:%M:%S},{SUSPECTS[suspect]},+23470{suspect:02d}{n:06d},1")
        local = at + timedelta(hours=1)
        lines.append(f"{local:%Y-%m-%d,%H:%M:%S},+2348011110{suspect:03d},+2347022220000,300")
        path = self.inbox / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def night(self, **options: Any) -> NightlyResult:
        given = {"lake": self.lake, "inbox": self.inbox, "out": self.out, "config": self.config, **options}
        return run_nightly(**given)

    def suspects(self) -> list[str]:
        return Lake.open(self.lake).snapshot().read(FRAUD_ALERTS.name)["suspect_number"].sort().to_list()

    def nights(self) -> pl.DataFrame:
        runs = Lake.open(self.lake).snapshot().read(RUNS.name)
        return runs.filter(pl.col("command") == "nightly").sort("run_id")

    def tables(self) -> dict[str, pl.DataFrame]:
        """Every table that a night writes, sorted, without ids of runs and clock times."""
        found = {}
        for name in TABLES:
            frame = (
                Lake.open(self.lake)
                .snapshot()
                .read(name)
                .drop(VOLATILE, strict=False)
                .drop("source_file", strict=False)
            )
            frame = frame.drop("commit_id", "content_id", strict=False)
            found[name] = frame.sort(frame.columns)
        return found


@pytest.fixture
def real_report() -> None:
    """Ask for the real report; it takes longer than all other steps of a small night together."""


@pytest.fixture(autouse=True)
def quick_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinel_batch.reporting import ReportFiles

    def write(*, out: Path, **_: object) -> ReportFiles:
        out.mkdir(parents=True, exist_ok=True)
        files = [out / name for name in ("report.html", "report.json", "alerts.parquet")]
        for file in files:
            file.write_text('{"night": null}')
        return ReportFiles(*files, period=None, alerts_total=0, alerts_shown=0)

    if "real_report" not in request.fixturenames:
        monkeypatch.setattr("sentinel_batch.nightly.pipeline.write_report", write)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def _first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    desk = Desk(tmp_path_factory.mktemp("first"))
    desk.receive("a.csv", 0)
    result = desk.night()
    assert (result.exit_code, result.until) == (ExitCode.DONE, FIRST_NIGHT)
    return desk.root


@pytest.fixture
def known_desk(_first_night: Path, tmp_path: Path) -> Desk:
    """A desk of its own after one night, to which ``a.csv`` came."""
    return Desk(shutil.copytree(_first_night, tmp_path / "known"))


def counts(result: NightlyResult, step: str) -> dict[str, Any]:
    return next(found.counts for found in result.steps if found.name == step)


# -- ordinary nights ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("real_report")
def test_the_first_night_examines_everything_and_reports(desk: Desk) -> None:
    desk.receive("a.csv", 0, at=NOON - timedelta(days=9))
    desk.receive("b.csv", 1)
    steps: list[Step] = []
    result = desk.night(on_step=steps.append)
    assert (result.status, result.exit_code) == ("success", ExitCode.DONE)
    assert desk.suspects() == SUSPECTS[:2]
    assert result.since == NOON - timedelta(days=9, microseconds=1)
    assert result.until == NOON + timedelta(minutes=59)
    assert [step.name for step in steps] == [
        "inbox",
        "rules",
        "ingest",
        "profiles",
        "detect",
        "boxes",
        "alerts",
        "cases",
        "report",
        "pack",
        "tidy",
        "publish",
        "notify",
    ]
    # So few calls need no packing, nothing has gathered yet, and nobody is named to be told.
    assert [step.status for step in steps] == [*["done"] * 9, *["skipped"] * 2, "done", "skipped"]
    assert counts(result, "ingest")["records_inserted"] == 122
    assert result.report is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", result.report.html.parent.name)
    assert result.report.html.parent.parent == desk.out
    assert result.report.html.stat().st_size > 0
    row = desk.nights().row(0, named=True)
    assert (row["run_id"], row["outcome"], row["until"]) == (result.run_id, "done", result.until)


def test_every_run_has_a_row_of_its_own(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    result = desk.night()
    runs = Lake.open(desk.lake).snapshot().read(RUNS.name)
    assert sorted(runs["command"]) == ["ingest", "nightly", "profiles"]
    assert runs["run_id"].n_unique() == 3
    assert f'"ingest_run_id": "{result.ingest.run_id}"' in desk.nights()["inputs"][0]  # type: ignore[union-attr]


def test_the_earliest_call_itself_is_examined(desk: Desk) -> None:
    desk.receive("a.csv", 0, calls=51)
    result = desk.night()
    assert counts(result, "detect")["calls_examined"] == 52


def test_a_second_night_goes_on_where_the_first_ended(known_desk: Desk) -> None:
    desk = known_desk
    desk.receive("b.csv", 1, at=NOON + timedelta(days=1))
    second = desk.night()
    assert desk.suspects() == SUSPECTS[:2]
    assert second.since == FIRST_NIGHT
    assert second.until == NOON + timedelta(days=1, minutes=59)
    assert second.alert_counts()["created"] == 1


def test_a_sim_box_from_night_to_night_is_found_by_the_history_that_is_read(desk: Desk) -> None:
    desk.receive("a.csv", 0, calls=30)
    desk.night()
    assert desk.suspects() == []
    lines = (desk.inbox / "a.csv").read_text().replace("+2347000", "+2347099").splitlines()
    moved = [line.replace("2026-01-20,13:", "2026-01-20,22:") for line in lines]
    (desk.inbox / "b.csv").write_text("\n".join(moved) + "\n")
    desk.night()
    assert desk.suspects() == SUSPECTS[:1]


@pytest.mark.usefixtures("real_report")
def test_an_empty_inbox_is_a_good_night_with_a_report(known_desk: Desk) -> None:
    desk = known_desk
    (desk.inbox / "a.csv").unlink()
    before = desk.tables()
    result = desk.night()
    assert (result.status, result.exit_code) == ("success", ExitCode.DONE)
    statuses = [step.status for step in result.steps]
    assert statuses == [
        "done",
        "done",
        "skipped",
        "done",
        *["skipped"] * 4,
        "done",
        *["skipped"] * 2,
        "done",
        "skipped",
    ]
    assert (result.since, result.until) == (None, None)
    assert result.report is not None
    assert result.report.alerts_total == 1
    assert desk.nights()["until"].to_list() == [FIRST_NIGHT, FIRST_NIGHT]
    assert_same(desk.tables(), before)


def test_missed_nights_are_caught_up(known_desk: Desk) -> None:
    desk = known_desk
    for day in (1, 2, 3):
        desk.receive(f"{day}.csv", day, at=NOON + timedelta(days=day))
    assert desk.night().alert_counts()["created"] == 3
    assert desk.suspects() == SUSPECTS[:4]


def test_a_late_file_is_examined_from_its_first_call(known_desk: Desk) -> None:
    desk = known_desk
    desk.receive("late.csv", 1, at=NOON - timedelta(days=5))
    result = desk.night()
    assert result.since == NOON - timedelta(days=5, microseconds=1)
    assert desk.suspects() == SUSPECTS[:2]
    assert result.alert_counts() | {"unchanged": 0} == {
        "created": 1, "updated": 0, "unchanged": 0, "reopened": 0, "merged": 0, "suppressed": 0,
    }  # fmt: skip


def test_a_file_ingested_by_hand_between_two_nights_is_examined(known_desk: Desk, tmp_path: Path) -> None:
    from sentinel_batch.ingestion import ingest

    desk = known_desk
    by_hand = desk.receive("hand.csv", 1, at=NOON - timedelta(days=3)).rename(tmp_path / "hand.csv")
    ingest([by_hand], lake=desk.lake, timezone="Africa/Lagos", region="NG")
    assert desk.night().since == NOON - timedelta(days=3, microseconds=1)
    assert desk.suspects() == SUSPECTS[:2]
    assert find_backlog(Lake.open(desk.lake).snapshot()).is_empty  # type: ignore[union-attr]


def test_an_ingest_that_never_committed_is_not_waited_for(known_desk: Desk) -> None:
    lake = Lake.open(known_desk.lake)
    ghost = (
        lake.snapshot()
        .read("ingests")
        .with_columns(ingest_id=pl.lit("ghost"), first_call=pl.lit(NOON - timedelta(days=99)))
    )
    lake.append("ingests", ghost)
    backlog = find_backlog(lake.snapshot())
    assert backlog is not None
    assert backlog.is_empty


def test_a_call_dated_ahead_does_not_hide_those_that_follow(desk: Desk) -> None:
    desk.receive("ahead.csv", 0, at=NOON + timedelta(days=2), calls=1)
    desk.night()
    desk.receive("b.csv", 1, at=NOON + timedelta(days=1))
    desk.night()
    assert desk.suspects() == [SUSPECTS[1]]


def test_maintenance_between_nights_changes_nothing(desk: Desk) -> None:
    from sentinel_batch.maintenance import maintain

    for n in range(5):
        desk.receive(f"{n}.csv", n)
    desk.night()
    before = desk.tables()
    maintain(desk.lake)
    assert counts(desk.night(), "ingest")["records_inserted"] == 0
    assert_same(desk.tables(), before)


# -- input that cannot be used ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("real_report")
def test_an_unreadable_file_is_listed_and_the_rest_is_done(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    (desk.inbox / "broken.csv").write_bytes(bytes(range(256)) * 40)
    result = desk.night(metrics_file=desk.metrics)
    assert (result.status, result.exit_code) == ("partial", ExitCode.PARTLY_DONE)
    assert [Path(file["path"]).name for file in result.failed_files] == ["broken.csv"]
    assert result.failed_files[0]["error"]["message"]
    assert desk.suspects() == SUSPECTS[:1]
    assert result.report is not None
    assert desk.nights()["outcome"].to_list() == ["done"]
    assert metrics(desk)["sentinel_nightly_exit_code"] == 3
    assert desk.night().exit_code == ExitCode.PARTLY_DONE  # until someone takes the file away
    (desk.inbox / "broken.csv").unlink()
    assert desk.night().exit_code == ExitCode.DONE


@pytest.mark.usefixtures("real_report")
def test_a_first_night_of_unreadable_files_reports_that_there_are_no_calls(desk: Desk) -> None:
    (desk.inbox / "broken.csv").write_bytes(bytes(range(256)) * 40)
    result = desk.night()
    assert (result.status, result.exit_code) == ("partial", ExitCode.PARTLY_DONE)
    assert result.report is not None
    assert result.report.html.exists()


def test_the_earliest_plausible_date_is_the_configured_one(desk: Desk) -> None:
    from datetime import date

    desk.receive("a.csv", 0)
    config = replace(desk.config, earliest_call=date(2026, 2, 1), max_reject_rate=1.0)
    assert counts(desk.night(config=config), "ingest")["records_rejected"] == 61


def test_no_input_and_no_lake(desk: Desk) -> None:
    result = desk.night(metrics_file=desk.metrics)
    assert (result.status, result.exit_code) == ("no_input", ExitCode.NO_INPUT)
    assert result.error is not None
    assert f"The inbox {desk.inbox} is empty and there is no lake at {desk.lake}." == result.error["message"]
    assert not desk.lake.exists()
    assert metrics(desk)["sentinel_nightly_exit_code"] == 4


def test_a_missing_inbox_is_not_taken_for_an_empty_one(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    desk.night()
    result = desk.night(inbox=desk.root / "unmounted", metrics_file=desk.metrics)
    assert (result.status, result.exit_code) == ("no_input", ExitCode.NO_INPUT)
    assert result.error is not None
    assert "There is no inbox folder" in result.error["message"]
    assert "mounted" in result.error["hint"]
    assert metrics(desk)["sentinel_nightly_last_success_timestamp_seconds"] > 0


def test_an_empty_lake_and_an_empty_inbox(desk: Desk) -> None:
    Lake.create(desk.lake)
    result = desk.night()
    assert result.exit_code == ExitCode.NO_INPUT
    assert result.error is not None
    assert "holds no calls" in result.error["message"]


def test_no_inbox_given(desk: Desk) -> None:
    with pytest.raises(UsageError, match="No inbox is given") as caught:
        desk.night(inbox=None)
    assert "--inbox" in caught.value.hint


# -- reading files again ------------------------------------------------------------------------------------------


def age(*paths: Path) -> None:
    """Let files look settled: the change time cannot be set, so the clock of the module under test moves."""
    for path in paths:
        os.utime(path, (1_000_000_000, 1_000_000_000))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinel_batch.nightly import inbox

    now = time.time
    monkeypatch.setattr(inbox.time, "time", lambda: now() + 60)


@pytest.mark.usefixtures("later")
def test_known_files_are_not_opened_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinel_batch.nightly import pipeline

    desk.receive("a.csv", 0)
    desk.night()
    monkeypatch.setattr(pipeline, "ingest", lambda *_, **__: pytest.fail("read again"))
    assert counts(desk.night(), "ingest") == {"files_unchanged": 1}


@pytest.mark.usefixtures("later")
def test_a_file_rewritten_with_the_same_size_and_time_is_read_again(desk: Desk) -> None:
    path = desk.receive("a.csv", 0)
    age(path)
    desk.night()
    desk.receive("a.csv", 1)
    age(path)
    assert counts(desk.night(), "ingest")["records_inserted"] == 61
    assert desk.suspects() == SUSPECTS[:2]


@pytest.mark.usefixtures("later")
def test_other_settings_and_another_lake_read_every_file_again(desk: Desk) -> None:

    desk.receive("a.csv", 0)
    desk.night()
    assert counts(desk.night(config=replace(desk.config, max_reject_rate=0.5)), "ingest")["files"] == 1
    memory = desk.lake / ".inbox.json"
    other = desk.root / "restored"
    Lake.create(other)
    (other / ".inbox.json").write_bytes(memory.read_bytes())
    assert counts(desk.night(lake=other), "ingest")["records_inserted"] == 61


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1, "settings": {}, "files": 3}'])
def test_a_damaged_memory_is_only_forgotten(known_desk: Desk, damage: str) -> None:
    desk = known_desk
    (desk.lake / ".inbox.json").write_text(damage)
    assert counts(desk.night(), "ingest")["files"] == 1
    assert counts(desk.night(), "ingest") == {"files_unchanged": 1}


def test_a_file_that_was_just_written_is_not_remembered(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    desk.night()
    assert counts(desk.night(), "ingest")["files"] == 1


def test_a_night_runs_every_rule_and_groups_what_they_find(desk: Desk) -> None:
    (desk.root / "sentinel.toml").unlink()
    desk.config = load_config(environ={}, start=desk.root)
    for number in range(3):
        desk.receive(f"{number}.csv", number, at=NOON + timedelta(minutes=number))
    result = desk.night()
    assert result.status == "success"
    assert counts(result, "detect")["rules"] == len(list_rules())
    assert counts(result, "profiles") == {"days": 1, "rows": 6}
    assert set(desk.suspects()) == set(SUSPECTS[:3])
    found = Lake.open(desk.lake).snapshot().read(FRAUD_ALERTS.name)
    assert {"SDHF_001", "SEQ_DIAL"} <= set(found["detection_rule"])


# -- interruptions ------------------------------------------------------------------------------------------------


def assert_same(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    for name, frame in expected.items():
        assert found[name].equals(frame), name


STEPS = {
    "ingest": "sentinel_batch.nightly.pipeline.ingest",
    "profiles": "sentinel_batch.nightly.pipeline.build_profiles",
    "detect": "sentinel_batch.nightly.pipeline.run_detection",
    "boxes": "sentinel_batch.nightly.pipeline.record_boxes",
    "cases": "sentinel_batch.nightly.pipeline.build_cases",
    "alerts": "sentinel_batch.nightly.pipeline.record_detections",
    "report": "sentinel_batch.nightly.pipeline.write_report",
    "pack": "sentinel_batch.nightly.pipeline.pack_calls",
    "tidy": "sentinel_batch.nightly.pipeline.tidy_lake",
    "the run's row": "sentinel_batch.runs._append",
}


def receive_two(desk: Desk) -> None:
    """A new and a late file wait for the second night."""
    desk.receive("b.csv", 1, at=NOON + timedelta(days=1))
    desk.receive("late.csv", 2, at=NOON - timedelta(days=1))


@pytest.fixture(scope="module")
def undisturbed(_first_night: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    calm = Desk(shutil.copytree(_first_night, tmp_path_factory.mktemp("calm") / "known"))
    receive_two(calm)
    calm.night()
    return calm.tables()


INTERRUPTED = [(after, step) for step in STEPS for after in ("before", "after")]
QUICK_INTERRUPTED = [("after", "ingest"), ("before", "alerts"), ("after", "alerts"), ("before", "the run's row")]


@pytest.mark.parametrize(("when", "step"), slow_but(QUICK_INTERRUPTED, INTERRUPTED))
def test_a_night_interrupted_at_a_step_is_finished_by_the_next(
    known_desk: Desk, undisturbed: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch, when: str, step: str
) -> None:
    target = STEPS[step]
    desk = known_desk
    receive_two(desk)
    module, name = target.rsplit(".", 1)
    real = getattr(sys.modules.get(module) or __import__(module, fromlist=[name]), name)

    def killed(*given: Any, **options: Any) -> None:
        if when == "after":
            real(*given, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(target, killed)
        with pytest.raises(KeyboardInterrupt):
            desk.night()
    desk.night()
    assert_same(desk.tables(), undisturbed)
    assert desk.suspects() == SUSPECTS[:3]


def test_a_failing_step_ends_the_night_and_says_why(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.receive("a.csv", 0)

    def full(**_: object) -> None:
        raise DiskFullError("The disk is full.", hint="Free space.")

    with monkeypatch.context() as patch:
        patch.setattr("sentinel_batch.nightly.pipeline.write_report", full)
        result = desk.night(metrics_file=desk.metrics)
    assert (result.status, result.exit_code) == ("failed", ExitCode.FAILED)
    assert result.error == {"code": "disk_full", "message": "The disk is full.", "hint": "Free space."}
    assert [(step.name, step.status) for step in result.steps[-5:]] == [
        ("report", "failed"),
        ("publish", "done"),
        ("notify", "skipped"),
        ("amend", "done"),
        ("metrics", "done"),
    ]
    assert desk.nights()["outcome"].to_list() == ["failed"]
    found = metrics(desk)
    assert found["sentinel_nightly_exit_code"] == 1
    assert "sentinel_nightly_last_success_timestamp_seconds" not in found
    assert desk.night().exit_code == ExitCode.DONE


def test_a_defect_is_not_hidden_but_the_monitoring_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.receive("a.csv", 0)

    def broken(**_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("sentinel_batch.nightly.pipeline.run_detection", broken)
    with pytest.raises(ZeroDivisionError):
        desk.night(metrics_file=desk.metrics)
    assert metrics(desk)["sentinel_nightly_exit_code"] == 1
    assert desk.nights()["message"].to_list() == ["ZeroDivisionError: boom"]


NIGHT = """
    import sys
    from pathlib import Path
    from sentinel_batch.config import load_config
    from sentinel_batch.nightly import run_nightly
    root, inbox = sys.argv[1:]
    print("started", flush=True)
    config = load_config(environ={}, start=Path(root))
    run_nightly(lake=root + "/lake", inbox=inbox, out=root + "/reports", config=config,
                on_step=lambda step: print(step.name, flush=True))
"""


MOMENTS = (("started", 0.3), ("inbox", 0.02), ("inbox", 0.3), ("ingest", 0.0), ("alerts", 0.05))
"""A step that has ended, and the seconds from then to the kill."""


@pytest.mark.parametrize(
    "moments", [MOMENTS[3:4], pytest.param(MOMENTS, marks=pytest.mark.slow)], ids=["after the ingest", "five in a row"]
)
def test_kill_9_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, moments: tuple[tuple[str, float], ...]) -> None:
    desk, calm = Desk(tmp_path / "killed"), Desk(tmp_path / "calm")
    for other in (desk, calm):
        for n in range(6):
            other.receive(f"{n}.csv", n, at=NOON + timedelta(hours=n))
    calm.night()
    command = [sys.executable, "-c", textwrap.dedent(NIGHT), str(desk.root), str(desk.inbox)]
    for awaited, delay in moments:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert any(line.strip() == awaited for line in process.stdout)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert desk.night().exit_code == ExitCode.DONE
    assert_same(desk.tables(), calm.tables())


# -- two at once --------------------------------------------------------------------------------------------------


@contextmanager
def held(lock: Path) -> Iterator[None]:
    from filelock import FileLock

    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with FileLock(str(lock)):
            taken.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_second_night_at_the_same_time_does_nothing(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    desk.night(metrics_file=desk.metrics)
    before = desk.metrics.read_text()
    with held(desk.lake / ".nightly.lock"), pytest.raises(LakeLockedError, match="Another nightly run") as caught:
        desk.night(metrics_file=desk.metrics)
    assert caught.value.exit_code == ExitCode.LOCKED
    assert desk.metrics.read_text() == before
    assert desk.nights().height == 1


@pytest.mark.slow
def test_two_processes_at_once_do_the_work_once(desk: Desk) -> None:
    script = textwrap.dedent(NIGHT)
    for n in range(4):
        desk.receive(f"{n}.csv", n)
    command = [sys.executable, "-c", script, str(desk.root), str(desk.inbox)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 1]), errors  # one after the other, or the second refused
    if codes == [0, 1]:
        assert "LakeLockedError: Another nightly run is under way" in "".join(errors)
    assert desk.suspects() == SUSPECTS[:4]


def test_a_writer_that_does_not_let_go_ends_the_night(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    Lake.create(desk.lake)
    with held(desk.lake / ".lock"):
        result = desk.night(config=desk.config.override(lock_timeout=0.1))
    assert (result.status, result.exit_code) == ("failed", ExitCode.LOCKED)
    assert desk.night().exit_code == ExitCode.DONE


# -- what the monitoring reads ------------------------------------------------------------------------------------

SAMPLE = re.compile(r'^([a-z_]+)((?:\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})?) (\S+)$')


def metrics(desk: Desk, file: Path | None = None) -> dict[str, float]:
    """Read the file by the rules of the text format: HELP and TYPE before the samples of each metric.

    The label of the lake, which every sample must have, is left out of the names.
    """
    found, declared = {}, ""
    own = f'lake="{desk.lake.resolve()}"'
    for line in (file or desk.metrics).read_text(encoding="utf-8").splitlines():
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
        elif line.startswith("# TYPE "):
            _, _, declared, kind = line.split(" ")
            assert (declared, kind) == (helped, "gauge")
        else:
            match = SAMPLE.match(line)
            assert match, line
            assert match[1] == declared
            assert match[2].startswith(f"{{{own}"), line
            labels = match[2].replace(f"{own},", "").replace(f"{{{own}}}", "")
            assert match[1] + labels not in found
            found[match[1] + labels] = float(match[3])
    return found


def read_series(file: Path) -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in file.read_text().splitlines() if not line.startswith("#")}


def test_two_lakes_on_a_host_have_no_series_in_common(tmp_path: Path) -> None:
    """Both folders are called lake, as in the documentation; the textfiles lie in one folder."""
    textfiles = tmp_path / "textfiles"
    textfiles.mkdir()
    for name in ("one", "two"):
        desk = Desk(tmp_path / name)
        desk.receive("a.csv", 0)
        assert desk.night(metrics_file=textfiles).exit_code == ExitCode.DONE
    first, second = sorted(textfiles.iterdir())
    assert first.name.endswith("one-lake.prom") and second.name.endswith("two-lake.prom")
    assert read_series(first) and not read_series(first) & read_series(second)
    comments = [{line for line in file.read_text().splitlines() if line[0] == "#"} for file in (first, second)]
    assert comments[0] == comments[1]  # the exporter drops a series whose HELP differs
    assert metrics(desk, second)["sentinel_nightly_exit_code"] == 0


def test_a_lake_may_have_a_name(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    desk.night(metrics_file=desk.metrics, config=replace(desk.config, lake_name='La"gos'))
    assert 'sentinel_nightly_exit_code{lake="La\\"gos"} 0.0' in desk.metrics.read_text()


def test_the_metrics_of_another_lake_are_not_replaced(desk: Desk, tmp_path: Path) -> None:
    desk.receive("a.csv", 0)
    desk.night(metrics_file=desk.metrics)
    before = desk.metrics.read_text()
    other = Desk(tmp_path / "other")
    other.receive("a.csv", 0)
    result = other.night(metrics_file=desk.metrics)
    assert result.exit_code == ExitCode.USAGE and result.error is not None
    assert str(desk.lake) in result.error["message"] and "--metrics-file" in result.error["hint"]
    assert desk.metrics.read_text() == before
    assert desk.night(metrics_file=desk.metrics).exit_code == ExitCode.DONE


def test_metrics(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    desk.receive("b.csv", 1)
    started = time.time()
    result = desk.night(metrics_file=desk.metrics)
    found = metrics(desk)
    assert result.steps[-1].name == "metrics"
    assert found["sentinel_nightly_exit_code"] == 0
    assert started - 1 <= found["sentinel_nightly_last_success_timestamp_seconds"] <= time.time() + 1
    assert found['sentinel_nightly_records{outcome="processed"}'] == 122
    assert found['sentinel_nightly_records{outcome="inserted"}'] == 122
    assert found['sentinel_nightly_files{outcome="inserted"}'] == 2
    assert sum(value for name, value in found.items() if 'change="created"' in name) == 2
    assert found['sentinel_nightly_alerts{severity="MEDIUM",change="created"}'] == 2
    for name in ("ingest", "profiles", "detect", "alerts", "boxes", "cases", "report"):
        assert f'sentinel_nightly_step_duration_seconds{{step="{name}",status="done"}}' in found
    assert desk.metrics.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in desk.metrics.parent.iterdir()] == ["sentinel.prom"]


def test_the_night_packs_its_calls(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinel_batch.maintenance.compaction.UNSORTED_BYTES", 1)
    receive_two(desk)
    result = desk.night()
    files = Lake.open(desk.lake).snapshot().files("call_records")
    days = {file.parent for file in files}
    assert counts(result, "pack") == {"days": len(days), "rows": desk.tables()["call_records"].height}
    assert [file.name.startswith("sorted-") for file in files] == [True] * len(days)
    assert counts(desk.night(), "pack") == {"days": 0, "rows": 0}


def test_labels_and_help_are_escaped() -> None:
    from sentinel_batch.nightly.metrics import _block

    text = _block("x", "a\\b\nc", [({"step": 'q"\\\n'}, 1)])
    assert text == (
        "# HELP sentinel_nightly_x a\\\\b\\nc\n"
        "# TYPE sentinel_nightly_x gauge\n"
        'sentinel_nightly_x{step="q\\"\\\\\\n"} 1.0\n'
    )


def test_a_metrics_file_that_cannot_be_written_fails_the_night_after_the_work(desk: Desk) -> None:
    desk.receive("a.csv", 0)
    (desk.root / "file").write_text("x")
    result = desk.night(metrics_file=desk.root / "file" / "sentinel.prom")
    assert (result.status, result.exit_code) == ("failed", ExitCode.USAGE)
    assert result.error is not None
    assert "The metrics file" in result.error["message"]
    assert desk.nights()["outcome"].to_list() == ["done"]


def test_results_are_json(desk: Desk) -> None:
    import json

    desk.receive("a.csv", 0)
    steps: list[Step] = []
    document = json.loads(json.dumps(desk.night(on_step=steps.append).to_dict()))
    assert document["status"] == "success"
    assert document["alerts"]["created"] == 1
    assert document["report"]["html"].endswith("report.html")
    assert [line["step"] for line in document["steps"]] == [step.name for step in steps]
    assert all(json.dumps(step.to_dict()) for step in steps)
