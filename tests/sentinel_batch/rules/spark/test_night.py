"""A whole night with its rules on Spark leaves what one on DuckDB leaves: alerts, cases, the figures of the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl

import sentinel_batch as sb
from sentinel_batch.errors import ExitCode
from sentinel_batch.nightly import run_nightly
from tests.sentinel_batch.rules.frozen_findings import SAMPLE

TABLES = ("fraud_alerts", "alert_events", "cases", "case_members", "case_links", "profiles", "boxes")
VOLATILE = ("run_id", "created_at", "updated_at", "processed_at", "started_at", "at", "commit_id", "content_id")
OF_THE_RUN = {*VOLATILE, "generated_at", "finished_at", "seconds", "duration_seconds", "peak_memory_bytes", "runs"}


def run_night(root: Path, simulated: Path, **settings: Any) -> tuple[dict[str, pl.DataFrame], Any]:
    """Run a night on simulated and bundled calls, and return its tables and the figures of its report."""
    shutil.copytree(SAMPLE, root / "inbox")
    shutil.copytree(simulated, root / "lake")
    desk = sb.open(root / "lake", **settings)
    done = run_nightly(lake=desk, inbox=root / "inbox", out=root / "reports")
    assert (done.error, done.exit_code) == (None, ExitCode.DONE)
    assert done.report is not None
    tables = {name: desk.tables.read(name).drop(VOLATILE, strict=False) for name in TABLES}
    text = done.report.json.read_text(encoding="utf-8").replace(str(root), "ROOT")
    return {name: frame.sort(frame.columns) for name, frame in tables.items()}, figures(json.loads(text))


def figures(value: Any) -> Any:
    """Return a document without what differs from one run to the next."""
    if isinstance(value, dict):
        return {name: figures(inner) for name, inner in value.items() if name not in OF_THE_RUN}
    return [figures(inner) for inner in value] if isinstance(value, list) else value


def test_a_night(engine: dict[str, Any], tmp_path: Path) -> None:
    simulated = tmp_path / "simulated"
    sb.simulate_population(simulated, subscribers=1200, days=5, seed=5, boxes=2)
    here, there = run_night(tmp_path / "duckdb", simulated), run_night(tmp_path / "spark", simulated, **engine)
    for name in TABLES:
        assert there[0][name].equals(here[0][name]), name
    assert min(here[0][name].height for name in ("fraud_alerts", "cases", "profiles")) > 0
    assert there[1] == here[1]
