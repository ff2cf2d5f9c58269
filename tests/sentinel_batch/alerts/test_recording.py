"""Recording of findings in a lake."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from alert_samples import at, finding, frame, make_lake
from polars.testing import assert_frame_equal

from sentinel_batch.alerts import get_alert, list_alerts, list_events, record_alerts, review_alerts
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import LakeLockedError, LakeNotFoundError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.schema import ALERT_EVENTS, FRAUD_ALERTS

VOLATILE = ["created_at", "updated_at", "run_id"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path)


def versions(lake: Lake) -> list[int]:
    found = lake.snapshot().versions
    return [version for name in (FRAUD_ALERTS.name, ALERT_EVENTS.name) if (version := found[name]) is not None]


def test_new_findings_become_open_alerts(lake: Lake) -> None:
    changes = record_alerts(frame(finding(), finding(suspect="+1", severity="HIGH")), lake=lake)
    assert (changes.created, changes.updated, changes.suppressed) == ([1, 2], [], [])
    stored = lake.snapshot().read("fraud_alerts")
    assert_frame_equal(changes.alerts, stored)
    assert stored["status"].to_list() == ["open", "open"]
    assert stored["alert_severity"].to_list() == ["HIGH", "LOW"]
    assert stored["run_id"].unique().to_list() == [changes.run_id]
    run = lake.snapshot().read("runs").to_dicts()[0]
    assert (run["command"], run["run_id"], run["outcome"]) == ("detect", changes.run_id, "done")
    assert json.loads(run["counts"])["created"] == 2


def test_same_findings_twice_write_nothing(lake: Lake) -> None:
    findings = frame(finding(), finding(suspect="+1"), finding(20, 30))
    record_alerts(findings, lake=lake)
    before, alerts, events = versions(lake), lake.snapshot().read("fraud_alerts"), list_events(lake=lake)
    changes = record_alerts(findings, lake=lake)
    assert sorted(changes.unchanged) == [1, 2, 3]
    assert versions(lake) == before
    assert_frame_equal(lake.snapshot().read("fraud_alerts"), alerts)
    assert_frame_equal(list_events(lake=lake), events)


def test_history_tells_every_changed_figure(lake: Lake) -> None:
    record_alerts(frame(finding()), lake=lake)
    record_alerts(frame(finding(0, 20, "HIGH", unique_destinations=130)), lake=lake)
    changed = {event["field"]: (event["before"], event["after"]) for event in get_alert(1, lake=lake)["events"][1:]}
    assert changed["alert_severity"] == ("LOW", "HIGH")
    assert changed["unique_destinations"] == ("60", "130")
    assert changed["episode_end"] == ("2026-03-01T10:00:00.000000Z", "2026-03-01T20:00:00.000000Z")
    assert "status" not in changed


def test_reopening_keeps_notes_and_tells_the_verdict(lake: Lake) -> None:
    record_alerts(frame(finding()), lake=lake)
    review_alerts(1, disposition="false-positive", notes="a bakery", by="ada", lake=lake)
    assert record_alerts(frame(finding()), lake=lake).unchanged == [1]
    assert record_alerts(frame(finding(severity="CRITICAL")), lake=lake).reopened == [1]
    alert = get_alert(1, lake=lake)
    assert (alert["status"], alert["reviewed"], alert["reviewer_notes"]) == ("open", False, "a bakery")
    lost = next(e for e in alert["events"] if e["field"] == "disposition" and e["event"] == "updated")
    assert (lost["before"], lost["after"]) == ("false-positive", None)
    assert any("false-positive: a bakery" in event["note"] for event in alert["events"])


def test_bridge_is_stored_with_its_pointer(lake: Lake) -> None:
    record_alerts(frame(finding(0, 10), finding(20, 30, "MEDIUM")), lake=lake)
    changes = record_alerts(frame(finding(9, 21)), lake=lake)
    assert changes.merged == [2]
    assert changes.alerts["id"].to_list() == [1, 2]
    assert list_alerts(lake=lake)["id"].to_list() == [1]
    assert get_alert(2, lake=lake)["merged_into"] == 1


def test_ad_hoc_parameters_are_kept_apart(lake: Lake) -> None:
    record_alerts(frame(finding()), lake=lake)
    ad_hoc = {"min_unique_destinations": 10}
    assert record_alerts(frame(finding()), lake=lake, parameters=ad_hoc).created == [2]
    assert record_alerts(frame(finding()), lake=lake, parameters=ad_hoc).unchanged == [2]
    assert record_alerts(frame(finding()), lake=lake).unchanged == [1]
    said_so = frame(finding(parameters='{"configured": false, "window": "1h"}'))
    assert record_alerts(said_so, lake=lake).created == [3]
    assert get_alert(2, lake=lake)["alert_key"].startswith("SDHF_001#")
    filtered = {"window": "24h", "trailing": True, "direction": None, "answered_only": False}
    assert record_alerts(frame(finding(parameters=json.dumps(filtered))), lake=lake).created == [4]
    assert record_alerts(frame(finding()), lake=lake, parameters=filtered).unchanged == [4]
    official = {**filtered, "trailing": False}
    assert record_alerts(frame(finding(parameters=json.dumps(official))), lake=lake).unchanged == [1]


def test_given_run_is_not_recorded_again(lake: Lake) -> None:
    changes = record_alerts(frame(finding()), lake=lake, run_id="nightly-7")
    assert changes.run_id == "nightly-7"
    assert lake.snapshot().read("fraud_alerts")["run_id"].to_list() == ["nightly-7"]
    assert lake.snapshot().read("runs").is_empty()


def test_no_findings_make_no_tables(lake: Lake) -> None:
    changes = record_alerts(frame(), lake=lake)
    assert changes.to_dict() == {
        "run_id": changes.run_id,
        **{name: [] for name in ("created", "updated", "unchanged", "reopened", "merged", "suppressed", "alerts")},
        "counts": dict.fromkeys(("created", "updated", "unchanged", "reopened", "merged", "suppressed"), 0),
    }
    assert versions(lake) == []


def test_changes_are_json(lake: Lake) -> None:
    document = json.loads(json.dumps(record_alerts(frame(finding()), lake=lake).to_dict()))
    assert document["alerts"][0]["window_end"] == "2026-03-01T10:00:00Z"
    assert document["counts"]["created"] == 1


def test_kill_between_events_and_alerts_leaves_nothing_visible(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = [frame(finding(0, 10)), frame(finding(5, 20, "HIGH"), finding(suspect="+1"))]
    undisturbed = make_lake(tmp_path / "undisturbed")
    whole = Lake.overwrite

    def killed(self: Lake, *args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    for night in nights:
        record_alerts(night, lake=undisturbed)
        before = lake.snapshot().read("fraud_alerts"), list_events(lake=lake)
        monkeypatch.setattr(Lake, "overwrite", killed)
        with pytest.raises(KeyboardInterrupt):
            record_alerts(night, lake=lake)
        monkeypatch.setattr(Lake, "overwrite", whole)
        assert_frame_equal(lake.snapshot().read("fraud_alerts"), before[0])
        assert_frame_equal(list_events(lake=lake), before[1])
        assert lake.snapshot().read("alert_events").height > before[1].height
        record_alerts(night, lake=lake)
    assert_frame_equal(
        lake.snapshot().read("fraud_alerts").drop(VOLATILE), undisturbed.snapshot().read("fraud_alerts").drop(VOLATILE)
    )
    assert_frame_equal(
        list_events(lake=lake).drop("at", "commit_id"), list_events(lake=undisturbed).drop("at", "commit_id")
    )


def test_other_writer_is_waited_for(lake: Lake) -> None:
    hold = "import sys,filelock;l=filelock.FileLock(sys.argv[1]);l.acquire();print('held',flush=True);sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(lake.path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LakeLockedError, match="holds the lock"):
            record_alerts(frame(finding()), lake=open_desk(lake, lock_timeout=0.1))
        assert other.stdin is not None
        other.stdin.close()
    assert record_alerts(frame(finding()), lake=lake).created == [1]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"alert_severity": "EXTREME"}, r"Finding 0 \('\+2348031234567'\) has severity 'EXTREME'; allowed: LOW"),
        ({"episode_end": None}, "has no episode_end"),
        ({"episode_end": at(-1)}, "ends .* before it starts"),
        ({"detection_rule": "A|B"}, r"rule 'A\|B'"),
    ],
)
def test_unusable_finding_is_refused_with_its_place(lake: Lake, bad: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        record_alerts(frame(finding() | bad), lake=lake)
    assert versions(lake) == []


def test_missing_and_mistyped_columns_are_named(lake: Lake) -> None:
    with pytest.raises(UsageError, match="lack the columns episode_start, episode_end"):
        record_alerts(frame(finding()).drop("episode_start", "episode_end"), lake=lake)
    with pytest.raises(UsageError, match="wrong type"):
        record_alerts(frame(finding()).with_columns(call_count=pl.lit("many")), lake=lake)


def test_lake_is_never_created(tmp_path: Path) -> None:
    with pytest.raises(LakeNotFoundError, match="There is no lake"):
        record_alerts(frame(finding()), lake=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_importing_alerts_loads_no_heavy_library() -> None:
    code = (
        "import sys, sentinel_batch.alerts as a\n"
        "print('polars' in sys.modules)\n"
        "from sentinel_batch.alerts import recording, review, queries, exports, explanation, suppression\n"
        "assert all(getattr(a, name) is not None for name in a.__all__)\n"
        "print(sorted({'duckdb', 'altair', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n[]\n"
