"""One row per suspect or box: severity, loss, the alerts beneath; filters; files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from alert_samples import at, finding, frame, make_lake

from sentinel_batch.alerts import record_alerts, review_alerts, suppress
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.schema import BOX_MEMBERS, BOXES, polars_schema
from sentinel_batch.scores import describe_suspects, export_suspects, list_suspects, rank_suspects
from sentinel_batch.scores.suspects import LISTED

A, B, C = "+2348030000001", "+2348030000002", "+2348030000003"
LONG = {"call_count": 600, "avg_duration_seconds": 120.0, "detection_rule": "SIMBOX_RATIO", "confidence": 1.0}


def write_box(lake: Lake, *members: str, minutes: float = 1000.0) -> None:
    box = dict.fromkeys(BOXES.columns) | {"box_id": 7, "status": "standing", "lead_number": members[0]}
    box |= {"content_id": "x", "probability": 0.9, "member_count": len(members), "why": "same site (+3.0)"}
    lake.append(BOXES.name, pl.DataFrame([box], schema=polars_schema(BOXES.columns)))
    facts = {"box_id": 7, "content_id": "x", "minutes": minutes, "first_day": at(0).date(), "last_day": at(24).date()}
    rows = [dict.fromkeys(BOX_MEMBERS.columns) | facts | {"number": number} for number in members]
    lake.append(BOX_MEMBERS.name, pl.DataFrame(rows, schema=polars_schema(BOX_MEMBERS.columns)))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with a suspect whom two rules found, and a box of two of whom one has an alert."""
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(suspect=C), finding(suspect=C, **LONG), finding(suspect=A, **LONG)), lake=lake)
    write_box(lake, A, B)
    return lake


def by_name(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["suspect"]: row for row in rows.to_dicts()}


def test_a_box_is_one_row_with_the_loss_of_all_its_members(lake: Lake) -> None:
    rows = list_suspects(lake=lake)
    assert rows["suspect"].to_list() == ["box 7", C]
    box, single = rows.to_dicts()
    # A has 1200 minutes in its alert and 1000 in the box, B 1000 in the box; NGN 20.50 each.
    assert (box["kind"], box["member_count"], box["loss"]) == ("box", 2, pytest.approx(2200 * 20.5))
    assert (box["score"], box["severity"], box["currency"]) == (0.9, "CRITICAL", "NGN")
    assert box["numbers"] == [A, B]
    assert box["reasons"] == ["SIMBOX_GROUP: one of 2 SIMs of box 7: same site (+3.0)"]
    assert (single["kind"], single["loss"], single["numbers"]) == ("number", pytest.approx(1200 * 20.5), [C])
    # Weights 0.5 and 0.8, the latter half sure: together 1 - 0.5 × 0.4.
    assert single["score"] == pytest.approx(1 - 0.5 * (1 - 0.8 * 0.75))
    assert single["severity"] == "HIGH"


def test_the_rules_lie_a_level_down(lake: Lake) -> None:
    box, single = describe_suspects(list_suspects(lake=lake), lake=lake)
    assert sorted(alert["detection_rule"] for alert in single["alerts"]) == ["SDHF_001", "SIMBOX_RATIO"]
    assert [alert["suspect_number"] for alert in box["alerts"]] == [A]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"suspect": "08030000002"}, ["box 7"]),
        ({"suspect": "234 803 000 0002"}, ["box 7"]),
        *(
            ({"suspect": prefix}, ["box 7", C])
            for prefix in ("+234803*", "0803*", "234803*", "00234 803*", "+234 803*")
        ),
        ({"suspect": "+23490*"}, []),
        ({"severity": "high"}, [C]),
        ({"limit": 1}, ["box 7"]),
        ({"status": "reviewed"}, ["box 7"]),
    ],
)
def test_filters(lake: Lake, filters: dict[str, Any], found: list[str]) -> None:
    assert list_suspects(lake=lake, **filters)["suspect"].to_list() == found


def test_verdicts_are_shown_where_nothing_is_open(lake: Lake) -> None:
    review_alerts([1, 2, 3], disposition="false-positive", lake=lake)
    rows = by_name(list_suspects(lake=lake))
    assert rows[C]["review"] == "false-positive"


def test_what_cannot_be_is_refused(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'WORST' is not a severity"):
        list_suspects(lake=lake, severity="WORST")
    with pytest.raises(UsageError, match="-1 is negative"):
        list_suspects(lake=lake, limit=-1)
    with pytest.raises(UsageError, match="unknown suffix"):
        export_suspects(tmp_path / "suspects.doc", lake=lake)


def test_files_hold_the_same(lake: Lake, tmp_path: Path) -> None:
    for suffix in (".parquet", ".csv", ".json"):
        export_suspects(tmp_path / f"suspects{suffix}", lake=lake)
    assert pl.read_parquet(tmp_path / "suspects.parquet").equals(list_suspects(lake=lake))
    rows = list(csv.DictReader((tmp_path / "suspects.csv").open(encoding="utf-8")))
    assert (rows[0]["suspect"], rows[0]["numbers"]) == ("box 7", f"'{A}; {B}")
    document = json.loads((tmp_path / "suspects.json").read_text(encoding="utf-8"))
    assert (document["version"], document["count"], len(document["alerts"])) == (1, 3, 3)
    assert [len(suspect["alerts"]) for suspect in document["suspects"]] == [1, 2]


def test_the_queue_has_the_order_of_the_list(lake: Lake) -> None:
    members = [number for numbers in list_suspects(lake=lake)["numbers"].to_list() for number in numbers]
    assert rank_suspects(lake=lake, status=LISTED)["suspect_number"].to_list() == members


def test_suppressed_suspects_are_marked_and_come_last(lake: Lake) -> None:
    suppress(A, reason="a partner", lake=lake)
    assert list_suspects(lake=lake)["review"].to_list() == ["open", "open"]
    suppress(B, reason="a partner, too", lake=lake)
    rows = list_suspects(lake=lake)
    assert rows["suspect"].to_list() == [C, "box 7"]
    assert rows["review"].to_list() == ["open", "suppressed"]
    assert rows["suppressed"].to_list() == [None, "a partner"]
    queue = rank_suspects(lake=lake)
    assert queue["suspect_number"].to_list()[0] == C
    assert queue["suppressed"].to_list() == [None, "a partner", "a partner, too"]
