"""Files in the documented layouts of switches and platforms, against the right values of every call in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.ingestion import ingest
from sentinel_batch.ingestion.dialects.catalogue import DIALECTS, load_dialect
from sentinel_batch.lake import Lake

FOLDER = Path(__file__).parent / "fixtures" / "cdr"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "expected_layouts.json").read_text("utf-8"))
COUNTS = (
    "records_processed",
    "records_inserted",
    "duplicates_skipped",
    "legs_collapsed",
    "records_rejected",
    "records_skipped",
)
OPTIONAL = ("call_direction", "termination_cause", "location_code", "imei", "imsi", "trunk", "call_id")
IDS = [case["file"] for case in CASES]


def _order(row: dict[str, Any]) -> tuple[datetime, str]:
    return row["call_timestamp"], row["callee_number"]


def _read_calls(lake: Path) -> list[dict[str, Any]]:
    return sorted(Lake.open(lake).snapshot().read("call_records").to_dicts(), key=_order)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_layout_gives_the_right_values(case: dict[str, Any], tmp_path: Path) -> None:
    result = ingest(FOLDER / case["file"], lake=tmp_path / "lake", max_reject_rate=1.0, **case["args"])

    (file,) = result.files
    assert (file.error, file.dialect) == (None, case["dialect"])
    assert {name: getattr(result, name) for name in COUNTS} == {name: case[name] for name in COUNTS}
    assert file.rejects_by_reason == case["rejects"]
    assert file.skipped_by_type == case["skipped_by_type"]
    stated = [{**row, "call_timestamp": datetime.fromisoformat(row["call_timestamp"])} for row in case["rows"]]
    stated.sort(key=_order)
    calls = _read_calls(tmp_path / "lake")
    assert [{name: call[name] for name in row} for call, row in zip(calls, stated, strict=True)] == [
        {**row, "call_timestamp": row["call_timestamp"].astimezone(UTC)} for row in stated
    ]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_layout_again_inserts_nothing(case: dict[str, Any], tmp_path: Path) -> None:
    options = {"lake": tmp_path / "lake", "max_reject_rate": 1.0, **case["args"]}
    ingest(FOLDER / case["file"], **options)

    assert ingest(FOLDER / case["file"], **options).records_inserted == 0


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_loads_by_its_own_name(name: str) -> None:
    assert load_dialect(name).name == name
