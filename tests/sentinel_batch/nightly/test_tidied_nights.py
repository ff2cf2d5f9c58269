"""Nights that tidy up after themselves find the same as nights that do not."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.lake import Lake
from sentinel_batch.maintenance import compaction, upkeep
from tests.sentinel_batch.nightly.nights import clock_at, night_of
from tests.sentinel_batch.nightly.test_nightly import NOON, Desk, assert_same

NIGHTS = 4
_VOLATILE = ("at", "run_id", "commit_id", "content_id")


def work(root: Path) -> tuple[Desk, dict[str, Any]]:
    """Work some nights, a box of three numbers among them; return the figures of the last report, too."""
    desk = Desk(root)
    for night in range(NIGHTS):
        day = NOON + timedelta(days=night)
        for suspect in range(3):
            desk.receive(f"{night}-{suspect}.csv", suspect, at=day + timedelta(minutes=suspect))
        with clock_at(night_of(NOON, night)):
            result = desk.night()
        assert result.status == "success"
        for file in desk.inbox.iterdir():
            file.unlink()
    assert result.report is not None
    report: dict[str, Any] = json.loads(result.report.json.read_text().replace(str(root), ""))
    return desk, report


def test_alerts_cases_and_report_are_the_same_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "NIGHTLY_COMMITS", 10**6)
        plain, expected = work(tmp_path / "plain")
    monkeypatch.setattr(upkeep, "NIGHTLY_COMMITS", 1)
    monkeypatch.setattr(upkeep, "NIGHTLY_UNNEEDED", 1)
    monkeypatch.setattr(upkeep, "DEFAULT_RETENTION_HOURS", 0)
    monkeypatch.setattr(compaction, "NIGHTLY_SMALL_FILES", 2)
    monkeypatch.setattr(compaction, "MIN_SMALL_FILES", 2)
    tidied, found = work(tmp_path / "tidied")
    before, after = (Lake.open(desk.lake).snapshot() for desk in (plain, tidied))
    assert len(before.files("alert_events")) >= NIGHTS > 2 >= len(after.files("alert_events"))
    assert_same(tidied.tables(), plain.tables())
    assert expected["alerts"] and expected["detection"]["complete"]
    for name in ("volume", "quality", "alerts", "cases", "boxes", "scorecard"):
        assert _tame(found[name]) == _tame(expected[name]), name
    counts = [document["news"]["counts"] for document in (found, expected)]
    assert counts[0] == counts[1]


def _tame(value: Any) -> Any:
    """Leave out clock times and ids of runs."""
    if isinstance(value, dict):
        return {key: _tame(one) for key, one in value.items() if key not in _VOLATILE and not key.endswith("_at")}
    return [_tame(one) for one in value] if isinstance(value, list) else value
