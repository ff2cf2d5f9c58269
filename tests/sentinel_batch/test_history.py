"""Histories of alerts and cases: what an event holds, and when it counts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from sentinel_batch.alerts.events import ALERT_HISTORY
from sentinel_batch.cases.commits import CASE_HISTORY
from sentinel_batch.history import DETECTION, History, actor_name
from sentinel_batch.lake import Lake
from sentinel_batch.schema import CASES, polars_schema

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("history", [ALERT_HISTORY, CASE_HISTORY])
def test_an_event_has_the_columns_of_its_table(history: History) -> None:
    event = history.describe(7, AT, "created")
    assert [*event, history.commit] == list(history.events.columns)
    assert (event[history.subject], event["actor"], event["field"]) == (7, DETECTION, None)


@pytest.mark.parametrize("history", [ALERT_HISTORY, CASE_HISTORY])
def test_only_columns_that_changed_are_told(history: History) -> None:
    before = {history.subjects.key[0]: 7, "status": "open", "last_seen": AT, "notes": None}
    after = before | {"status": "watch", "last_seen": AT.replace(hour=13)}
    events = history.compare(before, after, ("status", "last_seen", "notes"), AT, "marked", actor="ada", note="why")
    assert [(e[history.subject], e["field"], e["before"], e["after"]) for e in events] == [
        (7, "status", "open", "watch"),
        (7, "last_seen", "2026-03-01T12:00:00.000000Z", "2026-03-01T13:00:00.000000Z"),
    ]
    assert {(e["actor"], e["note"]) for e in events} == {("ada", "why")}


def test_events_count_once_their_commit_is_in_the_log(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    for commit, moment in (("killed", AT), ("late", AT.replace(hour=14)), ("early", AT.replace(hour=13))):
        CASE_HISTORY.append(lake, [CASE_HISTORY.describe(1, moment, commit)], commit)
    for commit in ("early", "late"):
        lake.overwrite(CASES.name, pl.DataFrame(schema=polars_schema(CASES.columns)), commit_id=commit)
    tables = lake.snapshot()
    assert CASE_HISTORY.read(tables)["event"].to_list() == ["early", "late"]
    assert CASE_HISTORY.read(tables, pl.col("at") > AT.replace(hour=13))["event"].to_list() == ["late"]


def test_a_snapshot_keeps_the_history_of_its_moment(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    CASE_HISTORY.append(lake, [CASE_HISTORY.describe(1, AT, "created")], "c1")
    before = lake.snapshot()
    lake.overwrite(CASES.name, pl.DataFrame(schema=polars_schema(CASES.columns)), commit_id="c1")
    assert CASE_HISTORY.read(before).is_empty()
    assert CASE_HISTORY.read(lake.snapshot()).height == 1


def test_who_acts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "grace")
    assert actor_name(" ada ") == "ada"
    assert actor_name(" ") == actor_name(None) == "grace"

    def fail() -> str:
        raise OSError("no user")

    monkeypatch.delenv("USER")
    monkeypatch.setattr("getpass.getuser", fail)
    assert actor_name(None) == "unknown"
