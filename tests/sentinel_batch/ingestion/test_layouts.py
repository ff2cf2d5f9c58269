"""Files in the documented layouts of switches and platforms, against the right values of every call in them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from thoroughness import slow_but

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
AGAIN = {"3cx_v18.csv", "kamailio_flatstore.log", "msc_record_types.csv", "tap3_decoded.csv"}
"""Files that the quick run reads twice."""
IDS = [case["file"] for case in CASES]
ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
PAGE = (ROOT / "docs" / "dialects.md").read_text("utf-8")
WORDS = dict(zip(("direction", "cause", "cell", "IMEI", "IMSI", "trunk", "call id"), OPTIONAL, strict=True))
"""What the page calls the fields that a call can lack."""


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


@pytest.mark.parametrize("case", slow_but(AGAIN, CASES, itemgetter("file")), ids=IDS)
def test_layout_again_inserts_nothing(case: dict[str, Any], tmp_path: Path) -> None:
    options = {"lake": tmp_path / "lake", "max_reject_rate": 1.0, **case["args"]}
    ingest(FOLDER / case["file"], **options)

    assert ingest(FOLDER / case["file"], **options).records_inserted == 0


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_loads_by_its_own_name(name: str) -> None:
    assert load_dialect(name).name == name


def test_the_page_lists_every_layout_with_its_fixtures_and_the_fields_that_it_fills() -> None:
    listed = {}
    for line in PAGE.splitlines():
        if line.startswith("| `") and line.count("|") == 6:
            name, _, fixtures, filled, _ = (cell.strip() for cell in line.strip("|").split("|"))
            words = [word for word in filled.split(", ") if word]
            listed[name.strip("`")] = (set(re.findall(r"`([^`]+)`", fixtures)), {WORDS[word] for word in words})
    stated: dict[str, set[str]] = {}
    for case in CASES:
        stated.setdefault(case["dialect"], set()).add(case["file"])
    fields = {name: set(load_dialect(name).fields) & set(OPTIONAL) for name in stated}
    assert listed == {name: (files, fields[name]) for name, files in stated.items()}
