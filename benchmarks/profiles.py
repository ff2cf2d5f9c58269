"""Profiles against one plain GROUP BY over the same rows, or against an older commit of this repository.

``python -m benchmarks.profiles [--rows 10] [--busy 5] [--against COMMIT_OR_FOLDER]``. Both take turns, each in a
process of its own; the median of the ratios is what counts. Against a commit, both run ``profiles build --rebuild``.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.cases import timed
from benchmarks.data import make_calls

HERE = Path(__file__).parent
MILLION = 1_000_000
BUSY = "+2348000000001"
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


def compare(lake: Path, against: str, repeat: int) -> str:
    """Run this program's command and an older one's in turns, and write the medians as a Markdown table."""
    with checked_out(against) as folder:
        turns = [(run_command(HERE.parent, lake), run_command(folder, lake)) for _ in range(repeat)]
    ours, theirs = zip(*turns, strict=True)
    ratios = [statistics.median(a[name] / b[name] for a, b in turns) for name in ("seconds", "cpu_seconds")]
    cells = [
        f"{statistics.median(run['seconds'] for run in runs):.1f} s, "
        f"{statistics.median(run['cpu_seconds'] for run in runs):.1f} s, "
        f"{max(run['peak_bytes'] for run in runs) / 2**20:,.0f} MiB"
        for runs in (ours, theirs)
    ]
    return (
        "| what | this commit: clock, CPU, peak | the other | ratio of the clock | ratio of CPU time |\n"
        "|---|---|---|---:|---:|\n"
        f"| profiles build --rebuild | {cells[0]} | {cells[1]} | **{ratios[0]:.2f}** | **{ratios[1]:.2f}** |"
    )


@contextmanager
def checked_out(against: str) -> Iterator[Path]:
    """Give a folder with an older commit: the folder itself, or a temporary worktree."""
    if Path(against).is_dir():
        yield Path(against)
        return
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "older"
        git = ["git", "-C", str(HERE.parent), "worktree"]
        subprocess.run([*git, "add", "--detach", str(folder), against], check=True, capture_output=True)
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", str(folder)], check=True)


_COMMAND = "from sentinel_batch.cli import main; main()"


def run_command(checkout: Path, lake: Path) -> dict[str, float]:
    """Run ``profiles build --rebuild`` of a checkout; a parent of its own makes its peak the only one."""
    script = (
        "import json, resource, subprocess, sys, time\n"
        "begun = time.perf_counter()\n"
        "subprocess.run([sys.executable, '-c', *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps({'seconds': time.perf_counter() - begun, 'cpu_seconds': used.ru_utime + used.ru_stime,\n"
        "                  'peak_bytes': used.ru_maxrss * 1024}))\n"
    )
    command = [sys.executable, "-c", script, _COMMAND, "profiles", "build", "--rebuild", "--lake", str(lake)]
    place = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=checkout, env=place)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


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
    parser.add_argument("--busy", type=float, default=0, help="million calls more, of one caller")
    parser.add_argument("--against", metavar="COMMIT_OR_FOLDER", help="an older commit, or its checkout")
    parser.add_argument("--repeat", type=int, default=3, help="turns of engine and yardstick")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks")
    parser.add_argument("--lake", type=Path, help="take this lake instead of generating one")
    parser.add_argument("--case", choices=["build", "group_by"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps({"build": build, "group_by": group_by}[options.case](str(options.lake))))
        return
    rows, busy = int(options.rows * MILLION), int(options.busy * MILLION)
    lake = options.lake or _generate(options.folder.resolve(), rows, busy)
    if options.against:
        print(compare(lake.resolve(), options.against, options.repeat))
    else:
        print(describe(f"{options.rows:g} M rows", measure(lake, options.repeat)))
    if options.lake is None:
        shutil.rmtree(lake)


def _generate(folder: Path, rows: int, busy: int) -> Path:
    from sentinel_batch.ingestion import ingest

    folder.mkdir(parents=True, exist_ok=True)
    source, lake = folder / f"profiles-{rows}.csv", folder / f"profiles-lake-{rows}"
    shutil.rmtree(lake, ignore_errors=True)
    make_calls(source, rows)
    ingest(source, lake=lake)
    source.unlink()
    if busy:
        _add_busy_caller(lake, busy)
    return lake


def _add_busy_caller(lake: Path, calls: int) -> None:
    """Add one caller who makes so many calls: those of others once more."""
    from sentinel_batch.lake import Lake
    from sentinel_batch.schema import CALL_RECORDS

    opened = Lake.open(lake)
    some = opened.snapshot().scan(CALL_RECORDS.name).head(calls).collect()
    rows = some.with_columns(caller_number=pl.lit(BUSY))
    opened.append(CALL_RECORDS.name, rows)


if __name__ == "__main__":
    main()
