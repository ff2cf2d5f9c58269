"""Findings of all rules on three lakes, as hashes: ``python -m tests.frozen_findings`` writes them anew.

The hashes were made before the rules were taken apart into steps; they hold what was found then.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

import sentinel_batch as sb
from sentinel_batch.schema import FINDING_COLUMNS

FILE = Path(__file__).parent / "fixtures" / "frozen_findings.json"
SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "calls"

LOOSE: dict[str, dict[str, Any]] = {
    "BEHAVIOUR_SHIFT": {"min_z": 4.0, "min_signals": 2},
    "CALL_MASK": {"min_callers": 3},
    "GEO_001": {"min_calls": 2},
    "GEO_IMPOSSIBLE": {"min_distance": 5.0, "max_speed": 60.0, "min_jumps": 1},
    "NIGHT_SHIFT": {"min_days": 1},
    "SDHF_001": {"min_unique_destinations": 20},
    "SEQ_DIAL": {"min_numbers": 3},
    "SHORT_DURATION": {"min_completed": 40},
    "SIMBOX_NORECIP": {"min_history_days": 2},
}
"""Thresholds under which every rule finds something in the simulated population."""


def freeze() -> dict[str, list[Any]]:
    """Return ``lake/settings/rule`` to the number of findings and their hash."""
    frozen: dict[str, list[Any]] = {}
    for name, detection in _detections():
        frozen[f"{name}/{detection.rule.id}"] = [detection.findings.height, digest(detection.findings)]
    return frozen


def digest(findings: pl.DataFrame) -> str:
    """Return a hash of the findings, in an order of its own."""
    rows = findings.select(list(FINDING_COLUMNS)).sort("suspect_number", "window_end", "episode_start", "evidence")
    return hashlib.sha256(rows.write_json().encode()).hexdigest()[:16]


def _detections() -> Iterator[tuple[str, sb.Detection]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sb.ingest(sorted(SAMPLE.iterdir()), lake=folder / "bundled")
        sb.MockCDRGenerator(seed=7).save_to_file(
            folder / "calls.csv", total_records=5000, simbox_callers=4, simbox_calls_per_caller=80
        )
        sb.ingest([folder / "calls.csv"], lake=folder / "generated")
        sb.simulate_population(folder / "simulated", subscribers=6000, days=16, seed=5, boxes=7)
        for lake in ("bundled", "generated", "simulated"):
            sb.build_profiles(lake=folder / lake)
            yield f"{lake}/trailing", sb.examine(lake=folder / lake, trailing=True)
            for since in ("24h", "17d"):
                for found in sb.examine_rules(lake=folder / lake, since=since):
                    yield f"{lake}/{since}", found
        for found in sb.examine_rules(lake=sb.open(folder / "simulated", rules=LOOSE), since="17d"):
            yield "simulated/loose", found


if __name__ == "__main__":
    FILE.write_text(json.dumps(freeze(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
