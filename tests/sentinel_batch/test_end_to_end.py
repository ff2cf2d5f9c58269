"""From a generated file to its SIM boxes: exactly those, for fifty seeds, clean and dirty; five in the quick run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from thoroughness import slow_but

from sentinel_batch.ingestion import ingest
from sentinel_batch.rules import detect
from sentinel_batch.simulation import MockCDRGenerator

RECORDS, SIMBOXES, CALLS = 5000, 3, 75
SEEDS = slow_but(range(5), range(50))


@pytest.mark.parametrize("dirty", [0.0, 0.01])
@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_sim_boxes_are_found(tmp_path: Path, seed: int, dirty: float) -> None:
    path = tmp_path / "calls.csv"
    numbers = MockCDRGenerator(seed, dirty=dirty).save_to_file(
        path, total_records=RECORDS, simbox_callers=SIMBOXES, simbox_calls_per_caller=CALLS
    )
    result = ingest(path, lake=tmp_path / "lake")
    assert result.status == "success"
    assert (result.records_rejected > 0) == (dirty > 0)
    findings = detect(lake=tmp_path / "lake", window="24h")
    assert sorted(findings["suspect_number"]) == sorted(numbers)
    assert len(set(numbers)) == SIMBOXES
    assert set(findings["unique_destinations"]) == set(findings["call_count"]) == {CALLS}


def test_the_same_from_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str) -> dict[str, object]:
        command = [sys.executable, "-m", "sentinel_batch", "--lake", str(tmp_path / "lake"), *arguments, "--json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        document: dict[str, object] = json.loads(done.stdout)
        return document

    generated = run("sim", "calls", "x.csv", "5000", "3", "75")
    loaded = run("ingest", "x.csv")
    assert loaded["records_inserted"] == loaded["records_processed"] == 5000
    found = run("detect", "--window", "24h")
    assert found["alerts_generated"] == 3
    suspects = found["suspects"]
    assert isinstance(suspects, list)
    assert sorted(map(str, generated["simbox_numbers"])) == sorted(  # type: ignore[call-overload]
        suspect["suspect_number"] if isinstance(suspect, dict) else suspect for suspect in suspects
    )
