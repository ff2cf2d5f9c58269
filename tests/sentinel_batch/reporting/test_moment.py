"""A report is of one moment of the lake, whatever is committed while it is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.reporting import write_report
from tests.sentinel_batch.reporting.report_lake import BEGIN, GENERATED_AT, rows

SUSPECTS = ("+2348035550000", "+2348035550001")


@pytest.fixture
def lake(make_lake: Callable[..., Lake]) -> Lake:
    """Calls, alerts, a case and a recording: something in every table that a report reads."""
    lake = make_lake(calls=300)
    span = {"first_seen": BEGIN, "last_seen": BEGIN + timedelta(hours=9)}
    known = {"case_id": 1, "severity": "HIGH", "content_id": "case-1", "call_count": 9, "minutes": 4.0, "loss": 82.0}
    counts = {"member_count": 2, "link_count": 1, "alert_count": 2, "recidivism": 0, "currency": "NGN"}
    case = {**known, **counts, "status": "open", **span}
    members = [{**known, "number": number, "rules": "SDHF_001"} for number in SUSPECTS]
    link = {"case_id": 1, "number_a": SUSPECTS[0], "number_b": SUSPECTS[1], "kind": "same_site", "strength": 0.5}
    recording = {
        "recording_id": "r-1", "path": "a.wav", "status": "scored", "score": 0.9, "label": "likely_synthetic",
        "caller_number": SUSPECTS[0], "analysed_at": GENERATED_AT, "duration": 4.0, "batch_id": "batch-1",
    }  # fmt: skip
    segment = {"recording_id": "r-1", "batch_id": "batch-1", "channel": 0, "start": 0.0, "end": 4.0, "score": 0.9}
    lake.append("case_members", rows("case_members", members))
    lake.append("case_links", rows("case_links", [{**link, "evidence": "cell A", "content_id": "case-1"}]))
    lake.append("cases", rows("cases", [case]), commit_id="case-1")
    lake.append("audio_segments", rows("audio_segments", [segment]))
    lake.append("recordings", rows("recordings", [recording]), commit_id="batch-1")
    return lake


def read_report(lake: Lake, folder: Path) -> dict[str, Any]:
    files = write_report(lake=open_desk(lake, timezone="UTC"), out=folder, generated_at=GENERATED_AT)
    document: dict[str, Any] = json.loads(files.json.read_text(encoding="utf-8"))
    return document


def commit_before_every_read(lake: Lake, patch: pytest.MonkeyPatch) -> list[str]:
    """Add rows to a table whenever it is about to be read; return the names of those that were read."""
    tables = lake.snapshot()
    more = {name: tables.read(name).head(3) for name, version in tables.versions.items() if version is not None}
    read: list[str] = []

    def intrude(real: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Snapshot, name: str, *values: Any, **named: Any) -> Any:
            if name in more:
                lake.append(name, more[name])
                read.append(name)
            return real(self, name, *values, **named)

        return method

    for name in ("scan", "files", "connect", "log"):
        patch.setattr(Snapshot, name, intrude(getattr(Snapshot, name)))
    return read


def test_commits_while_a_report_is_made_do_not_show(lake: Lake, out: Callable[[], Path]) -> None:
    before = read_report(lake, out())
    assert (before["alerts_total"], before["cases_total"], before["recordings"]["total"]) == (12, 1, 1)
    with pytest.MonkeyPatch.context() as patch:
        read = commit_before_every_read(lake, patch)
        assert read_report(lake, out()) == before
    written = {name for name, version in lake.snapshot().versions.items() if version is not None}
    assert set(read) == written
    after = read_report(lake, out())
    for part in ("volume", "quality", "alerts_total", "cases_total", "queue", "recordings"):
        assert after[part] != before[part], part
