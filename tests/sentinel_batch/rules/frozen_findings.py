"""Findings of all rules on three lakes, as hashes.

``python -m tests.sentinel_batch.rules.frozen_findings`` writes them anew.

The hashes were made before the rules were taken apart into steps; they hold what was found then.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

import sentinel_batch as sb
from sentinel_batch.schema import FINDING_COLUMNS

FILE = Path(__file__).parents[2] / "fixtures" / "frozen_findings.json"
SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "calls"
SMALL = ("bundled", "generated")
SIMULATED = "simulated"

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

OTHER_WINDOWS: dict[str, dict[str, Any]] = {
    "ASR_ACD": {"window": "30h", "min_attempts": 40},
    "BEHAVIOUR_SHIFT": {"window": "5d", "min_z": 3.0, "min_signals": 2, "min_days": 2},
    "CALL_MASK": {"window": "10m", "burst": "2m", "min_callers": 3, "max_other_callers": 1000},
    "CLI_INVALID": {"window": "1h", "min_calls": 1},
    "GEO_001": {"window": "8h", "min_calls": 4},
    "GEO_IMPOSSIBLE": {"window": "3d", "min_distance": 5.0, "max_speed": 30.0, "max_far_share": 1.0},
    "IRSF": {"window": "48h", "min_callers": 2, "min_calls_each": 2, "min_calls_alone": 8, "test_gap": "5m"},
    "NIGHT_SHIFT": {"window": "3d", "min_days": 1, "min_z": 2.0, "min_night_callees": 5, "min_night_share": 0.2},
    "SDHF_001": {"window": "3h", "min_unique_destinations": 8, "max_avg_duration": 30.5},
    "SEQ_DIAL": {"window": "10m", "min_numbers": 3, "max_step": 9},
    "SHORT_DURATION": {"window": "5d", "min_completed": 40, "max_short_seconds": 15, "min_short_share": 0.2},
    "SIMBOX_IMEI": {"window": "4d", "min_calls": 1, "min_numbers": 2, "min_one_way": 0.3},
    "SIMBOX_NORECIP": {
        "window": "24h",
        "min_unique_destinations": 10,
        "min_new_callee_share": 0.8,
        "max_reciprocity_bound": 0.3,
    },
    "SIMBOX_RATIO": {"window": "3d", "min_days": 1, "max_in_out_ratio": 0.1, "max_incoming_bound": 0.2},
    "SIMBOX_STATIC": {"window": "4d", "min_unique_destinations": 12, "min_busy_days": 2},
    "WANGIRI_BURST": {"window": "40m", "min_destinations": 10, "min_quiet_share": 0.5, "min_new_callee_share": 0.1},
    "WANGIRI_CALLBACK": {"window": "6h", "callback_within": "3h", "burst": "30m", "min_quiet_share": 0.6},
}
"""Other lengths of every rule's window, with thresholds to match."""

ON_CALLS = ("ASR_ACD", "CLI_INVALID", "GEO_001", "GEO_IMPOSSIBLE", "IRSF", "SDHF_001", "SHORT_DURATION")
"""Rules that read single calls and find something among those of one direction, or among those that were answered."""

INSIDE = {"since": "2026-01-11T09:17:00Z", "until": "2026-01-17T02:41:30Z"}
"""A period whose both ends lie among the calls of the simulated population, in the middle of a day and of a night."""

TRAILING: dict[str, dict[str, Any]] = {
    "trailing": {},
    "trailing/day": {"min_unique_destinations": 5, "max_avg_duration": 60.5},
    "trailing/hour": {"window": "1h", "min_unique_destinations": 1, "max_avg_duration": 40},
    "trailing/inside": {"window": "5d", "until": "36h", "min_unique_destinations": 30, "max_avg_duration": 25},
    "trailing/outbound": {"min_unique_destinations": 5, "max_avg_duration": 45, "direction": "outbound"},
}
"""Trailing windows, run on every lake."""


Detections = Iterator[tuple[str, sb.Detection]]


def freeze(detections: Detections) -> dict[str, list[Any]]:
    """Return ``lake/settings/rule`` to the number of findings and their hash."""
    return {f"{name}/{found.rule.id}": [found.findings.height, digest(found.findings)] for name, found in detections}


def digest(findings: pl.DataFrame) -> str:
    """Return a hash of the findings, in an order of its own."""
    rows = findings.select([name for name in FINDING_COLUMNS if name != "rule_version"]).sort(
        "suspect_number", "window_end", "episode_start", "evidence"
    )
    return hashlib.sha256(rows.write_json().encode()).hexdigest()[:16]


def make_small(folder: Path) -> None:
    """Write the lakes of single days, with their profiles, into a folder."""
    sb.ingest(sorted(SAMPLE.iterdir()), lake=folder / "bundled")
    sb.MockCDRGenerator(seed=7).save_to_file(
        folder / "calls.csv", total_records=5000, simbox_callers=4, simbox_calls_per_caller=80
    )
    sb.ingest([folder / "calls.csv"], lake=folder / "generated")
    for lake in SMALL:
        sb.build_profiles(lake=folder / lake)


def make_simulated(folder: Path) -> None:
    """Write the lake of a population, with its profiles, into a folder."""
    sb.simulate_population(folder / SIMULATED, subscribers=6000, days=16, seed=5, boxes=7)
    sb.build_profiles(lake=folder / SIMULATED)


def detect(folder: Path, lakes: Iterable[str], periods: Iterable[str] = ("24h", "17d"), **settings: Any) -> Detections:
    """Yield what all rules find on lakes, with settings such as the engine."""
    for lake in lakes:
        desk = sb.open(folder / lake, **settings)
        for name, options in TRAILING.items():
            yield f"{lake}/{name}", sb.examine(lake=desk, trailing=True, **options)
        for since in periods:
            for found in sb.examine_rules(lake=desk, since=since):
                yield f"{lake}/{since}", found


def detect_otherwise(folder: Path, **settings: Any) -> Detections:
    """Yield what they find with loose thresholds, other windows, a period inside the data, and part of the calls."""
    simulated = folder / SIMULATED
    for found in sb.examine_rules(lake=sb.open(simulated, rules=LOOSE, **settings), since="17d"):
        yield "simulated/loose", found
    for found in sb.examine_rules(lake=sb.open(simulated, rules=OTHER_WINDOWS, **settings), since="17d"):
        yield "simulated/windows", found
    for found in sb.examine_rules(lake=sb.open(simulated, rules=LOOSE, **settings), **INSIDE):
        yield "simulated/inside", found
    for rule in ON_CALLS:
        for name, chosen in (("outbound", {"direction": "outbound"}), ("answered", {"answered_only": True})):
            options: dict[str, Any] = {"rule": rule, **INSIDE, **chosen}
            yield f"simulated/{name}", sb.examine(lake=sb.open(simulated, rules=LOOSE, **settings), **options)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        make_small(Path(name))
        make_simulated(Path(name))
        frozen = freeze(chain(detect(Path(name), (*SMALL, SIMULATED)), detect_otherwise(Path(name))))
    FILE.write_text(json.dumps(frozen, indent=1, sort_keys=True) + "\n", encoding="utf-8")
