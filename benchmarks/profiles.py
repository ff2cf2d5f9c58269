"""Profiles against one plain GROUP BY over the same rows: ``python -m benchmarks.profiles [--rows 10]``.

Both take turns, each in a process of its own; the median of the ratios is what counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.cases import timed
from benchmarks.data import make_calls

HERE = Path(__file__).parent
MILLION = 1_000_000
MOST = 4.0
"""Profiles may take so many times as long as the yardstick."""

GROUP_BY = """
SELECT caller_number, count(*) AS call_count, count(DISTINCT callee_number) AS unique_destinations,
       avg(duration_seconds) AS avg_duration
FROM call_records
GROUP BY caller_number
HAVING count(DISTINCT callee_number) > 50 AND avg(duration_seconds) < 3
ORDER BY unique_destinations DESC
"""
"""The plain query over all rows, as the profiles read all of them."""


def build(lake: str) -> dict[str, object]:
    """Compute every day of the lake anew, and commit it."""
    import deltalake  # noqa: F401
    import numpy  # noqa: F401
    import polars  # noqa: F401

    from sentinel_batch.profiles import build_profiles

    return timed(lambda: {"rows": build_profiles(lake=lake, rebuild=True).rows})


def group_by(lake: str) -> dict[str, object]:
    """Run the yardstick."""
    import duckdb

    from sentinel_batch.lake import Lake

    duckdb.connect().execute("SELECT 1")

    def group() -> dict[str, object]:
        connection = Lake.open(lake).snapshot().connect("call_records")
        return {"suspects": len(connection.execute(GROUP_BY).fetchall())}

    return timed(group)


def measure(lake: Path, repeat: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Run both in turns; the first turn is thrown away where there are several."""
    turns = [(_run("build", lake), _run("group_by", lake)) for _ in range(repeat + (repeat > 1))]
    return turns[repeat > 1 :]


def _run(case: str, lake: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.profiles", "--case", case, "--lake", str(lake)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def describe(size: str, turns: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """Write the medians as a Markdown table."""
    ours, theirs = zip(*turns, strict=True)
    ratio = statistics.median(a["seconds"] / b["seconds"] for a, b in turns)
    processor = statistics.median(a["cpu_seconds"] / b["cpu_seconds"] for a, b in turns)
    peak = max(run["peak_bytes"] for run in ours) / 2**20
    seconds, yardstick = (statistics.median(run["seconds"] for run in runs) for runs in (ours, theirs))
    return (
        "| what | size | engine | peak memory | GROUP BY | ratio | ratio of CPU time | limit |\n"
        "|---|---|---:|---:|---:|---:|---:|---|\n"
        f"| profiles | {size}, {ours[0]['rows']:,} callers | {seconds:.2f} s | {peak:,.0f} MiB | {yardstick:.2f} s "
        f"| **{ratio:.2f}** | {processor:.2f} | at most {MOST:g} |"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles", description=__doc__)
    parser.add_argument("--rows", type=float, default=10, help="million rows of one day")
    parser.add_argument("--repeat", type=int, default=3, help="turns of engine and yardstick")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks")
    parser.add_argument("--lake", type=Path, help="take this lake instead of generating one")
    parser.add_argument("--case", choices=["build", "group_by"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps({"build": build, "group_by": group_by}[options.case](str(options.lake))))
        return
    lake = options.lake or _generate(options.folder, int(options.rows * MILLION))
    print(describe(f"{options.rows:g} M rows", measure(lake, options.repeat)))
    if options.lake is None:
        shutil.rmtree(lake)


def _generate(folder: Path, rows: int) -> Path:
    from sentinel_batch.ingestion import ingest

    folder.mkdir(parents=True, exist_ok=True)
    source, lake = folder / f"profiles-{rows}.csv", folder / f"profiles-lake-{rows}"
    shutil.rmtree(lake, ignore_errors=True)
    make_calls(source, rows)
    ingest(source, lake=lake)
    source.unlink()
    return lake


if __name__ == "__main__":
    main()
