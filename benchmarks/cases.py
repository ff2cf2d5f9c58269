"""One measured call, in a process of its own: prints seconds and peak resident memory as JSON.

``python -m benchmarks.cases CASE ARGUMENT…``; :mod:`benchmarks.__main__` starts it.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

_COLUMNS = {
    "call_date": "DATE",
    "call_time": "TIME",
    "caller_number": "VARCHAR",
    "callee_number": "VARCHAR",
    "duration_seconds": "INTEGER",
    "call_direction": "VARCHAR",
    "termination_cause": "VARCHAR",
    "location_code": "VARCHAR",
}

_GROUP_BY = """
SELECT caller_number, count(*) AS call_count, count(DISTINCT callee_number) AS unique_destinations,
       avg(duration_seconds) AS avg_duration
FROM call_records
WHERE call_timestamp >= $1::TIMESTAMPTZ - INTERVAL '24 hours'
GROUP BY caller_number
HAVING count(DISTINCT callee_number) > 50 AND avg(duration_seconds) < 3
ORDER BY unique_destinations DESC
"""
"""The plain query: one window that ends at the newest call."""


def ingest_engine(source: str, lake: str) -> dict[str, object]:
    """Ingest one file into a fresh lake, as the command does."""
    from sentinel_batch.cli import tune_allocator

    tune_allocator()
    from sentinel_batch.ingestion import ingest
    from sentinel_batch.lake import Lake

    shutil.rmtree(lake, ignore_errors=True)
    opened = Lake.create(lake)
    _warm_up()
    return timed(lambda: {"rows": ingest(source, lake=opened).records_inserted})


def ingest_duckdb(source: str, target: str) -> dict[str, object]:
    """Copy the same file to one Parquet file with DuckDB: parsed and typed, nothing checked, nothing deduplicated."""
    import duckdb

    Path(target).unlink(missing_ok=True)
    connection = duckdb.connect()
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())

    def copy() -> dict[str, object]:
        rows = connection.execute(
            f"COPY (SELECT * FROM read_csv('{source}', header = true, columns = {{{columns}}})) "
            f"TO '{target}' (FORMAT parquet)"
        ).fetchone()
        return {"rows": rows[0] if rows else None}

    return timed(copy)


def detect_engine(lake: str) -> dict[str, object]:
    """Run SDHF_001, the exact sliding window over every instant of the last 24 hours."""
    from sentinel_batch.cli import tune_allocator

    tune_allocator()
    from sentinel_batch.rules import examine

    _warm_up()
    return timed(lambda: {"suspects": examine(lake=lake).findings.height})


def detect_engine_all(lake: str) -> dict[str, object]:
    """Run SDHF_001 over every instant that the lake holds, in one go."""
    from sentinel_batch.lake import Lake
    from sentinel_batch.rules import examine

    bounds = Lake.open(lake).snapshot().bounds()
    since = bounds[0] - timedelta(seconds=1) if bounds else None
    _warm_up()
    return timed(lambda: {"suspects": examine(lake=lake, since=since).findings.height})


def detect_group_by(lake: str) -> dict[str, object]:
    """Run one plain GROUP BY, one window, over the same rows."""
    from sentinel_batch.lake import Lake

    newest = Lake.open(lake).snapshot().newest_call

    def query() -> dict[str, object]:
        connection = Lake.open(lake).snapshot().connect("call_records")
        return {"suspects": len(connection.execute(_GROUP_BY, [newest]).fetchall())}

    return timed(query)


def rules_engine(lake: str, period: str) -> dict[str, object]:
    """Run all rules over a period of a lake that has its profiles: ``day`` (the last 24 hours) or ``all``."""
    from sentinel_batch.cli import tune_allocator

    tune_allocator()
    from sentinel_batch.lake import Lake
    from sentinel_batch.rules import examine_rules

    bounds = Lake.open(lake).snapshot().bounds()
    since = bounds[0] - timedelta(seconds=1) if bounds and period == "all" else None
    _warm_up()
    times = time_rules()

    def examine() -> dict[str, object]:
        found = examine_rules(lake=lake, since=since)
        return {"findings": {detection.rule.id: detection.findings.height for detection in found}}

    return {**timed(examine), "rules": times}


def time_rules() -> dict[str, dict[str, float]]:
    """Have the engine note seconds and processor seconds of each rule that it runs from now on."""
    from sentinel_batch.rules import execution

    times: dict[str, dict[str, float]] = {}
    run = execution._run_task

    def noted(sources: Any, task: execution.Task, *arguments: Any) -> execution.Detection:
        start, processor = time.perf_counter(), time.process_time()
        found = run(sources, task, *arguments)
        times[task.rule.id] = {
            "seconds": time.perf_counter() - start,
            "cpu_seconds": time.process_time() - processor,
        }
        return found

    vars(execution)["_run_task"] = noted
    return times


def rules_group_by(lake: str, period: str) -> dict[str, object]:
    """Run one plain GROUP BY over the calls of that period."""
    from sentinel_batch.lake import Lake

    newest = Lake.open(lake).snapshot().newest_call
    query = _GROUP_BY if period == "day" else _GROUP_BY.replace("24 hours", "100000 hours")
    _warm_up()

    def group() -> dict[str, object]:
        connection = Lake.open(lake).snapshot().connect("call_records")
        return {"suspects": len(connection.execute(query, [newest]).fetchall())}

    return timed(group)


def list_alerts(lake: str) -> dict[str, object]:
    """List 50 alerts of many."""
    from sentinel_batch.alerts import list_alerts as list_rows

    return timed(lambda: {"rows": list_rows(lake=lake, limit=50).height})


def timed(action: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Return what an action returns, with its seconds and the process's peak memory in bytes."""
    start, processor = time.perf_counter(), time.process_time()
    facts = action()
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    return {
        **facts,
        "seconds": seconds,
        "cpu_seconds": processor,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _warm_up() -> None:
    """Import the libraries before the clock starts, as the yardstick's is."""
    import deltalake  # noqa: F401
    import duckdb
    import filelock  # noqa: F401
    import polars as pl
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401

    pl.DataFrame({"a": ["+1"]}).select(pl.col("a").hash())
    duckdb.connect().execute("SELECT 1")


if __name__ == "__main__":
    case = {
        function.__name__: function
        for function in (
            ingest_engine,
            ingest_duckdb,
            detect_engine,
            detect_engine_all,
            detect_group_by,
            list_alerts,
            rules_engine,
            rules_group_by,
        )
    }[sys.argv[1]]
    print(json.dumps(case(*sys.argv[2:])))
