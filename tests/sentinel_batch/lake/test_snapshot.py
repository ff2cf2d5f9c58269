"""What is read is of one moment: a commit that falls between two reads shows whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

import sentinel_batch as sb
from sentinel_batch.errors import LakeDamagedError
from sentinel_batch.lake import Lake, logs, open_log, snapshot
from sentinel_batch.schema import SUPPRESSIONS, TABLES, polars_schema


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with calls, profiles, alerts and cases."""
    lake = tmp_path_factory.mktemp("snapshot") / "lake"
    sb.simulate_population(lake=lake, subscribers=1_000, days=3, seed=2, boxes=2, campaigns=False)
    desk = sb.open(lake)
    desk.build_profiles()
    desk.run_detection(since="4d")
    desk.build_cases()
    assert desk.list_cases().height
    return lake


def change(lake: Path) -> None:
    """Change alerts, cases and the suppression list: five tables that a report reads."""
    desk = sb.open(lake)
    desk.review_alerts([1], disposition="false-positive", notes="A test line", by="ada")
    desk.suppress(desk.get_alert(2)["suspect_number"], reason="ours", by="ada")
    desk.assign_case(desk.list_cases()["case_id"][0], "ada", by="ada")


def test_each_log_is_opened_once(worked: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    real = logs.open_log
    monkeypatch.setattr(logs, "open_log", lambda table, version: opened.append(table.name) or real(table, version))
    for act in (
        lambda: sb.write_report(lake=worked, out=tmp_path),
        lambda: sb.explain(1, lake=worked),
        lambda: sb.list_alerts(lake=worked),
        lambda: sb.examine_rules(lake=worked),
        lambda: sb.rank_suspects(lake=worked),
        lambda: sb.get_case(1, lake=worked),
    ):
        opened.clear()
        vars(logs)["_RECALLED"].clear()
        act()
        assert opened
        assert len(opened) == len(set(opened)), opened


def test_versions_are_fixed_when_it_is_taken(tmp_path: Path, calls_file: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    empty = lake.snapshot()
    sb.ingest(calls_file, lake=lake)
    assert empty.versions == dict.fromkeys(TABLES)
    assert empty.read("call_records").is_empty()
    assert (empty.newest_call, empty.bounds()) == (None, None)
    full = lake.snapshot()
    assert full.read("call_records").height == 1200
    lake.delete("ingests", "dialect", "sentinel")
    assert (full.read("ingests").height, lake.snapshot().read("ingests").height) == (1, 0)


def test_it_is_taken_again_when_a_commit_falls_between_two_looks(
    worked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(worked, tmp_path / "lake")
    lake = Lake.open(tmp_path / "lake")
    real, looks = snapshot.newest_version, iter(range(1000))

    def look(table: Path, known: int | None = None) -> int | None:
        if next(looks) == 7:
            change(lake.path)
        return real(table, known)

    monkeypatch.setattr(snapshot, "newest_version", look)
    taken = lake.snapshot().versions
    monkeypatch.undo()
    assert taken == lake.snapshot().versions


def test_commit_ids_are_found_in_a_condensed_log(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    frame = pl.DataFrame([{"pattern": "+1"}], schema=polars_schema(SUPPRESSIONS.columns))
    for commit_id in ("first", "second"):
        lake.append(SUPPRESSIONS.name, frame, commit_id=commit_id)
    before = lake.snapshot()
    log = open_log(lake.path / SUPPRESSIONS.name)
    assert log is not None
    log.create_checkpoint()
    lake.append(SUPPRESSIONS.name, frame, commit_id="third")
    asked = ["first", "second", "third", "never"]
    assert before.committed(SUPPRESSIONS.name, asked) == {"first", "second"}
    (lake.path / SUPPRESSIONS.name / "_delta_log" / f"{0:020}.json").unlink()
    assert lake.snapshot().committed(SUPPRESSIONS.name, asked) == {"first", "second", "third"}


def test_a_log_that_lost_a_commit_has_no_commit_ids(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    frame = pl.DataFrame([{"pattern": "+1"}], schema=polars_schema(SUPPRESSIONS.columns))
    for commit_id in ("first", "second"):
        lake.append(SUPPRESSIONS.name, frame, commit_id=commit_id)
    (lake.path / SUPPRESSIONS.name / "_delta_log" / f"{0:020}.json").unlink()
    with pytest.raises(LakeDamagedError, match="doctor"):
        lake.snapshot().is_committed(SUPPRESSIONS.name, "second")
