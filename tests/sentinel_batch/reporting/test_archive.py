"""Reports of nights are kept apart, found by their links, and removed only when asked to."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.errors import UsageError
from sentinel_batch.reporting import (
    PastNight,
    drafted_folder,
    point_to_latest,
    publish_folder,
    read_archive,
    remove_drafts,
    remove_old_reports,
    write_facts,
    write_index,
)

DAY = date(2026, 1, 21)
MOMENT = datetime(2026, 1, 21, 2, tzinfo=UTC)


def keep(reports: Path, name: str, days_ago: int = 0, **facts: Any) -> Path:
    folder = reports / name
    folder.mkdir(parents=True)
    started = (MOMENT - timedelta(days=days_ago)).isoformat()
    write_facts(
        folder, {"run_id": name, "night": {"started_at": started, "outcome": "done"}, "page": "report.html", **facts}
    )
    return folder


def publish(reports: Path, run_id: str) -> Path:
    with drafted_folder(reports, run_id) as draft:
        (draft / "report.html").write_text(run_id)
        return publish_folder(draft, DAY)


def test_each_run_of_a_day_has_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "2026-01-21-2").write_text("somebody's file")
    folders = [publish(tmp_path, run) for run in ("a", "b", "c")]
    assert [folder.name for folder in folders] == ["2026-01-21", "2026-01-21-3", "2026-01-21-4"]
    assert [(folder / "report.html").read_text() for folder in folders] == ["a", "b", "c"]


def test_a_draft_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), drafted_folder(tmp_path, "a") as draft:
        (draft / "half").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot be written"), drafted_folder(tmp_path / "file", "a"):
        pass


def test_latest_leads_to_the_newest(tmp_path: Path) -> None:
    for run in ("a", "b"):
        point_to_latest(publish(tmp_path, run))
        assert (tmp_path / "latest" / "report.html").read_text() == run
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-01-21", "2026-01-21-2", "latest"]


def test_latest_takes_the_place_of_its_own_copy_but_of_nothing_else(tmp_path: Path) -> None:
    copy = keep(tmp_path, "latest")
    point_to_latest(publish(tmp_path, "a"))
    assert copy.is_symlink()
    copy.unlink()
    copy.mkdir()
    (copy / "thesis.odt").write_text("x")
    with pytest.raises(OSError):
        point_to_latest(publish(tmp_path, "b"))
    assert (copy / "thesis.odt").read_text() == "x"


def test_old_reports_go_and_nothing_else(tmp_path: Path) -> None:
    for name, days in (("2025-10-01", 112), ("2026-01-19", 2), ("2026-01-20", 1)):
        keep(tmp_path, name, days)
    keep(tmp_path, "notes", 500)  # not a name that a night gives
    (tmp_path / "2025-01-01").mkdir()
    (tmp_path / "2025-01-01" / "report.html").write_text("of an earlier version: it says of itself nothing")
    assert remove_old_reports(tmp_path, 30, MOMENT) == ["2025-10-01"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2025-01-01", "2026-01-19", "2026-01-20", "notes"]


def test_the_newest_report_stays_however_old(tmp_path: Path) -> None:
    point_to_latest(keep(tmp_path, "2025-10-01", 112))
    assert remove_old_reports(tmp_path, 1, MOMENT) == []


def test_a_folder_outside_is_not_reached_through_a_link(tmp_path: Path) -> None:
    outside = keep(tmp_path / "elsewhere", "2020-01-01", 2000)
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "2020-01-01").symlink_to(outside)
    assert remove_old_reports(reports, 1, MOMENT) == [] and (outside / "night.json").exists()


def test_drafts_of_killed_runs_go_after_a_day(tmp_path: Path) -> None:
    import os

    for name, hours in ((".draft-old", 30), (".draft-under-way", 0)):
        (tmp_path / name).mkdir()
        written = (MOMENT - timedelta(hours=hours)).timestamp()
        os.utime(tmp_path / name, (written, written))
    remove_drafts(tmp_path, MOMENT)
    assert [path.name for path in tmp_path.iterdir()] == [".draft-under-way"]


def test_damaged_facts_are_passed_over(tmp_path: Path) -> None:
    for name, text in (("2026-01-01", "{"), ("2026-01-02", "[]"), ("2026-01-03", '{"run_id": 3}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "night.json").write_text(text)
    assert read_archive(tmp_path) == {}


def test_the_index_names_nights_with_and_without_a_report_and_escapes(tmp_path: Path) -> None:
    figures = {"new": {"CRITICAL": 3}, "files": 2, "files_lost": 1, "records_inserted": 1200, "seconds": 4.2}
    known = PastNight("2026-01-20", MOMENT - timedelta(days=1), MOMENT, "done", figures=figures)
    failed = PastNight("no-folder", MOMENT - timedelta(days=2), MOMENT, "failed", message="boom")
    keep(tmp_path, "2026-01-20", 1)
    keep(tmp_path, "2026-01-21", lake="<script>alert(1)</script>")
    page = write_index(tmp_path, [failed, known], "lagos", "Africa/Lagos").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert 'href="2026-01-20/report.html"' in page and "no report kept" in page and "1,200" in page
    rows = json.loads((tmp_path / "nights.json").read_text())["nights"]
    assert [(row["run_id"], row["folder"], row["outcome"]) for row in rows] == [
        ("2026-01-21", "2026-01-21", "done"),
        ("2026-01-20", "2026-01-20", "done"),
        ("no-folder", None, "failed"),
    ]
    assert rows[1]["figures"]["new"]["CRITICAL"] == 3


def test_nights_of_one_minute_bear_different_links(tmp_path: Path) -> None:
    starts = (MOMENT, MOMENT.replace(second=9), MOMENT.replace(second=9), MOMENT + timedelta(days=1))
    nights = [PastNight(f"run-{n}", start, start, "done") for n, start in enumerate(starts)]
    page = write_index(tmp_path, nights, "lagos", "UTC").read_text()
    labels = re.findall(r'<th scope="row">([^<]+) <span', page)
    assert len(set(labels)) == 4 and labels[0] == f"{starts[3]:%Y-%m-%d %H:%M}"
    assert labels[3] == f"{MOMENT:%Y-%m-%d %H:%M:%S}" and labels[1].endswith("(run-2)")


def test_the_index_of_no_nights(tmp_path: Path) -> None:
    assert "Nights" in write_index(tmp_path, [], "lagos", "UTC").read_text()
