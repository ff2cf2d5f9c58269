"""Lists, counts and exported files."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from alert_samples import at, finding, frame, make_lake
from polars.testing import assert_frame_equal

from sentinel_batch.alerts import (
    count_alerts,
    export_alerts,
    get_alert,
    guard_formulas,
    list_alerts,
    record_alerts,
    review_alerts,
    suppress,
)
from sentinel_batch.errors import AlertNotFoundError, UsageError
from sentinel_batch.lake import Lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Alerts 1 (HIGH), 2 and 3 (MEDIUM, 80 and 60 destinations), 4 (LOW, reviewed), 5 (suppressed), 6 (into 4)."""
    lake = make_lake(tmp_path_factory.mktemp("alerts"))
    suppress("+44*", reason="partner", lake=lake)
    record_alerts(
        frame(
            finding(suspect="+1", severity="HIGH"),
            finding(suspect="+2", severity="MEDIUM", unique_destinations=80),
            finding(suspect="+3", severity="MEDIUM"),
            finding(0, 40, suspect="+4"),
        ),
        lake=lake,
    )
    record_alerts(frame(finding(suspect="+445", severity="CRITICAL")), lake=lake)
    record_alerts(frame(finding(50, 60, suspect="+4")), lake=lake)
    record_alerts(frame(finding(40, 50, suspect="+4")), lake=lake)
    review_alerts(4, disposition="false-positive", notes="=HYPERLINK(1)", by="ada", lake=lake)
    return lake


def ids(frame: pl.DataFrame) -> list[int]:
    return frame["id"].to_list()


def test_worst_first_without_suppressed_and_merged(lake: Lake) -> None:
    assert ids(list_alerts(lake=lake)) == [1, 2, 3, 4]
    assert count_alerts(lake=lake) == {"open": 3, "reviewed": 1, "suppressed": 1, "merged": 1}


def test_filters(lake: Lake) -> None:
    assert ids(list_alerts(lake=lake, severity="medium")) == [2, 3]
    assert ids(list_alerts(lake=lake, severity=["HIGH", "low"])) == [1, 4]
    assert ids(list_alerts(lake=lake, reviewed=True)) == [4]
    assert ids(list_alerts(lake=lake, reviewed=False)) == [1, 2, 3]
    assert ids(list_alerts(lake=lake, suspect="+4")) == [4]
    assert ids(list_alerts(lake=lake, suspect="+4*", status="all")) == [5, 4, 6]
    assert ids(list_alerts(lake=lake, since=at(10.5))) == [4]
    assert ids(list_alerts(lake=lake, since=at(10))) == [1, 2, 3, 4]
    assert ids(list_alerts(lake=lake, status="merged")) == [6]
    assert ids(list_alerts(lake=lake, status=["suppressed", "open"])) == [5, 1, 2, 3]
    assert ids(list_alerts(lake=lake, limit=2)) == [1, 2]
    assert ids(list_alerts(lake=lake, limit=0)) == []


def test_lake_without_alerts_is_an_empty_list(tmp_path: Path) -> None:
    empty = make_lake(tmp_path)
    assert list_alerts(lake=empty).is_empty()
    assert sum(count_alerts(lake=empty).values()) == 0
    with pytest.raises(AlertNotFoundError, match="there are no alerts yet"):
        get_alert(1, lake=empty)


def test_filters_say_what_is_allowed(lake: Lake) -> None:
    with pytest.raises(UsageError, match=r"'urgent' is not a severity.\nHint: Allowed: LOW, MEDIUM, HIGH, CRITICAL"):
        list_alerts(lake=lake, severity="urgent")
    with pytest.raises(
        UsageError, match=r"'closed' is not a status.*\nHint: Allowed: open, reviewed, suppressed, merged, all"
    ):
        list_alerts(lake=lake, status="closed")
    with pytest.raises(UsageError, match="limit -1 is negative"):
        list_alerts(lake=lake, limit=-1)
    with pytest.raises(UsageError, match="no time zone"):
        list_alerts(lake=lake, since=datetime(2026, 3, 1))


def test_parquet_is_one_plain_file_with_every_alert(lake: Lake, tmp_path: Path) -> None:
    path = export_alerts(tmp_path / "alerts.parquet", lake=lake)
    assert_frame_equal(pl.read_parquet(path), list_alerts(lake=lake, status="all"))
    assert [file.name for file in tmp_path.iterdir()] == ["alerts.parquet"]


def test_json_is_versioned(lake: Lake, tmp_path: Path) -> None:
    document = json.loads(export_alerts(tmp_path / "a.JSON", lake=lake, severity="HIGH").read_text(encoding="utf-8"))
    assert (document["version"], document["count"]) == (1, 1)
    assert document["alerts"][0]["suspect_number"] == "+1"
    assert document["alerts"][0]["first_seen"] == "2026-03-01T00:30:00Z"


def test_csv_is_guarded_and_numbers_can_be_read_back(lake: Lake, tmp_path: Path) -> None:
    with export_alerts(tmp_path / "a.csv", lake=lake).open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows["4"]["reviewer_notes"] == "'=HYPERLINK(1)"
    assert rows["4"]["suspect_number"] == "+4"
    assert rows["4"]["first_seen"] == "2026-03-01T00:30:00.000000Z"
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", True),
        ("+1+1", True),
        ("-2", True),
        ("@SUM(A1)", True),
        ("\t=1", True),
        ("\rx", True),
        ("\nx", True),
        ("  =1", True),
        ("\uff1d1", True),
        ("+234 803|cmd", True),
        ("+2348031234567\n=1", True),
        ("+2348031234567", False),
        ("a=b", False),
        ("", False),
        (None, False),
    ],
)
def test_formula_guard(text: str | None, guarded: bool) -> None:
    out = guard_formulas(pl.DataFrame({"note": [text], "n": [-1]}, schema={"note": pl.String, "n": pl.Int64}))
    assert out.row(0) == (f"'{text}" if guarded else text, -1)


def test_export_says_which_suffixes_are_allowed(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown suffix '\.ods'.\nHint: Allowed: \.parquet, \.csv, \.json, \.xlsx"):
        export_alerts(tmp_path / "a.ods", lake=lake)
    with pytest.raises(UsageError, match="cannot be written"):
        export_alerts(tmp_path / "none" / "a.csv", lake=lake)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        export_alerts(tmp_path / "folder.csv", lake=lake)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_failed_export_leaves_the_old_file(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old", encoding="utf-8")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("sentinel_batch.alerts.files.write_guarded_csv", fail)
    with pytest.raises(RuntimeError):
        export_alerts(target, lake=lake)
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]
