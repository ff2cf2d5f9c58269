"""A night's search for boxes against reading calls once, and against the rules: ``python -m benchmarks.boxes``.

The lake has its profiles, and the traces of all days but the last, as on any night. Measured are the search (it traces
the last day, and reads the other traces), one read of all calls of the candidates within the window, and all rules over
the last 24 hours. They take turns, each in a process of its own; the median of the ratios is what counts. Prints a
Markdown table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.cases import timed

HERE = Path(__file__).parent
LIMITS = {"read_calls": 4.0, "run_rules": 1.5}
"""The search may take so many times as long."""

_READ = """
SELECT caller_number, callee_number, call_timestamp, duration_seconds, answered, location_code, imei, local_hour,
       local_date
FROM call_records
WHERE caller_number IN (SELECT number FROM candidates) AND local_date >= $first
"""


def search(lake: str) -> dict[str, object]:
    """Find the boxes of the last night."""
    from sentinel_batch.boxes import find_boxes

    _warm_up()

    def find() -> dict[str, object]:
        found = find_boxes(lake)
        return {"candidates": found.candidates, "boxes": found.boxes.height, "sims": found.members.height}

    return timed(find)


def read_calls(lake: str) -> dict[str, object]:
    """Read the calls of the candidates once: the first yardstick."""
    import polars as pl

    from sentinel_batch.lake import Lake

    _warm_up()
    candidates = pl.read_parquet(_remembered(lake))

    def read() -> dict[str, object]:
        connection = Lake.open(lake).snapshot().connect("call_records")
        connection.register("candidates", candidates.to_arrow())
        first = candidates["first"][0]
        return {"rows": connection.sql(_READ, params={"first": first}).pl().height}

    return timed(read)


def run_rules(lake: str) -> dict[str, object]:
    """Run all rules over the last 24 hours: the second yardstick."""
    from sentinel_batch.rules import examine_rules

    _warm_up()
    return timed(lambda: {"findings": sum(found.findings.height for found in examine_rules(lake=lake))})


CASES: dict[str, Callable[[str], dict[str, object]]] = {
    function.__name__: function for function in (search, read_calls, run_rules)
}


def prepare(lake: Path) -> None:
    """Build profiles and the traces of all days but the last, and remember the candidates."""
    import polars as pl

    from sentinel_batch.boxes.finding import ONE_WAY_SHARE, choose_days
    from sentinel_batch.boxes.selection import choose_candidates
    from sentinel_batch.boxes.traces import count_needed, read_traces, trace_days
    from sentinel_batch.desk import open_desk
    from sentinel_batch.profiles import build_profiles

    build_profiles(lake)
    desk = open_desk(lake)
    days = choose_days(desk, None, None)
    trace_days(desk, days[:-1], "benchmark")
    needed = count_needed(desk.config, len(days))
    numbers = choose_candidates(read_traces(desk, days), days, callees=needed, share=ONE_WAY_SHARE).numbers
    pl.DataFrame({"number": numbers}).with_columns(first=pl.lit(days[0])).write_parquet(_remembered(str(lake)))


def measure(lake: Path, repeat: int) -> list[dict[str, dict[str, Any]]]:
    """Run all cases in turns; the first turn is thrown away where there are several."""
    turns = [{name: _run(name, lake) for name in CASES} for _ in range(repeat + (repeat > 1))]
    return turns[repeat > 1 :]


def describe(size: str, turns: list[dict[str, dict[str, Any]]]) -> str:
    """Write the medians as a Markdown table."""
    ours = [turn["search"] for turn in turns]
    found = f"{ours[0]['candidates']:,} candidates, {ours[0]['boxes']} boxes of {ours[0]['sims']} SIMs"
    lines = [
        f"{size}: {found}; {_median(ours, 'seconds'):.2f} s, {_median(ours, 'cpu_seconds'):.2f} s of processor time, "
        f"{max(run['peak_bytes'] for run in ours) / 2**20:,.0f} MiB at peak.",
        "",
        "| yardstick | seconds | CPU seconds | ratio | ratio of CPU time | limit |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for name, limit in LIMITS.items():
        theirs = [turn[name] for turn in turns]
        ratios = [
            statistics.median(a[key] / b[key] for a, b in zip(ours, theirs, strict=True))
            for key in ("seconds", "cpu_seconds")
        ]
        lines.append(
            f"| {name.replace('_', ' ')} | {_median(theirs, 'seconds'):.2f} | {_median(theirs, 'cpu_seconds'):.2f} "
            f"| **{ratios[0]:.2f}** | {ratios[1]:.2f} | at most {limit:g} |"
        )
    return "\n".join(lines)


def _median(runs: list[dict[str, Any]], key: str) -> float:
    return float(statistics.median(run[key] for run in runs))


def _remembered(lake: str) -> Path:
    return Path(f"{lake}-candidates.parquet")


def _run(case: str, lake: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.boxes", "--case", case, "--lake", str(lake)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def _warm_up() -> None:
    """Import the libraries before the clock starts, as the yardsticks' are."""
    import deltalake  # noqa: F401
    import duckdb
    import networkx  # noqa: F401
    import polars as pl
    import pyarrow.parquet  # noqa: F401
    import scipy.sparse
    import scipy.stats  # noqa: F401

    pl.DataFrame({"a": ["+1"]}).select(pl.col("a").hash())
    duckdb.connect().execute("SELECT 1")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.boxes", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--repeat", type=int, default=3, help="turns of search and yardsticks")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks")
    parser.add_argument("--lake", type=Path, help="take this lake instead of simulating one")
    parser.add_argument("--case", choices=list(CASES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(CASES[options.case](str(options.lake))))
        return
    lake = options.lake or options.folder / f"boxes-lake-{options.subscribers}"
    if options.lake is None:
        from sentinel_batch.simulation.population import simulate_population

        shutil.rmtree(lake, ignore_errors=True)
        simulate_population(lake, subscribers=options.subscribers, days=options.days)
    prepare(lake)
    print(describe(f"{options.subscribers:,} subscribers × {options.days} days", measure(lake, options.repeat)))
    if options.lake is None:
        shutil.rmtree(lake)
        _remembered(str(lake)).unlink()


if __name__ == "__main__":
    main()
