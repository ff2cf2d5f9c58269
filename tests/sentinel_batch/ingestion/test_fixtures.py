"""Every damaged file of ``fixtures/cdr``, against expectations that were written without the reader."""

from __future__ import annotations

import json
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from thoroughness import slow_but

from sentinel_batch.ingestion import ingest
from sentinel_batch.lake import Lake

FOLDER = Path(__file__).parent / "fixtures" / "cdr"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
IDS = [case["file"] + str(case["args"] or "") for case in CASES]
COUNTS = ("records_processed", "records_inserted", "duplicates_skipped", "legs_collapsed", "records_rejected")
AGAIN = {
    "asterisk_21_fields_legs.csv", "callers_unusable.csv", "compressed.csv.gz", "day_first_ambiguous.csv",
    "duplicates_within_file.csv", "empty.csv", "generic_french.csv", "mixed", "typed.parquet",
}  # fmt: skip
"""Files that the quick run reads twice: legs, rejects, refusals, duplicates, a folder."""
ERRORS = {"not_recognised": "unrecognised_file", "ambiguous_dates": "ambiguous_dates"}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_fixture(case: dict[str, Any], tmp_path: Path) -> None:
    result = ingest(FOLDER / case["file"], lake=tmp_path / "lake", max_reject_rate=1.0, **case["args"])

    total = result.records_inserted + result.duplicates_skipped + result.records_rejected + result.records_refused
    assert result.records_processed == total
    if case.get("error") == "empty":
        assert [file.status for file in result.files] == ["empty"]
        return
    if case.get("error"):
        assert [(file.error or {}).get("code") for file in result.files] == [ERRORS[case["error"]]]
        assert (result.records_inserted, result.records_rejected) == (0, 0)
        return
    assert {name: getattr(result, name) for name in COUNTS} == {name: case[name] for name in COUNTS}
    rejects: dict[str, int] = {}
    for file in result.files:
        for reason, count in file.rejects_by_reason.items():
            rejects[reason] = rejects.get(reason, 0) + count
    assert rejects == case["rejects"]
    if case["dialect"]:
        assert {file.dialect for file in result.files} == {case["dialect"]}
    records = Lake.open(tmp_path / "lake").snapshot().read("call_records")
    assert records.height == case["records_inserted"]
    for row in case.get("rows") or []:
        moment = datetime.fromisoformat(row["call_timestamp"])
        found = records.filter(
            pl.col("caller_number") == row["caller_number"],
            pl.col("callee_number") == row["callee_number"],
            pl.col("call_timestamp") == moment,
        )
        assert (row["duration_seconds"], row["answered"]) in found.select("duration_seconds", "answered").rows(), row


@pytest.mark.parametrize("case", slow_but(AGAIN, CASES, itemgetter("file")), ids=IDS)
def test_fixture_again_inserts_nothing(case: dict[str, Any], tmp_path: Path) -> None:
    options = {"lake": tmp_path / "lake", "max_reject_rate": 1.0, **case["args"]}
    first = ingest(FOLDER / case["file"], **options)
    rehearsal = ingest(FOLDER / case["file"], dry_run=True, **options)
    again = ingest(FOLDER / case["file"], **options)

    assert rehearsal.records_inserted == again.records_inserted == 0
    assert again.records_processed == first.records_processed
    assert again.records_rejected == first.records_rejected
    lake = Lake.open(tmp_path / "lake")
    assert lake.snapshot().read("call_records").height == first.records_inserted
    assert lake.snapshot().read("rejected_records").height == first.records_rejected
