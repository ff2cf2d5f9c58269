"""Run all benchmarks: ``python -m benchmarks [--rows 1,10] [--large] [--numbers 5] [--gigabytes 10] [--repeat 3]``.

Engine and yardstick take turns, each call in a process of its own; the medians and their ratio are what counts, since
machines are noisy. Writes ``benchmarks/results/results.json`` and ``results.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import numbers, profiles, proposals
from benchmarks.data import make_alert_lake, make_calls, make_population

HERE = Path(__file__).parent
RESULTS = HERE / "results"
MILLION = 1_000_000


@dataclass(frozen=True)
class Result:
    """One figure: the engine's median beside its yardstick's, and the limit that the project sets itself."""

    name: str
    size: str
    seconds: float
    cpu_seconds: float
    peak_mib: float
    yardstick: str = ""
    yardstick_seconds: float | None = None
    yardstick_cpu_seconds: float | None = None
    ratio: float | None = None
    limit: str = ""
    spread: tuple[float, ...] = ()
    """The ratio of each turn."""
    rules: dict[str, float] = field(default_factory=dict)
    """Rule to the median of its seconds, where rules ran."""


def run_case(name: str, *arguments: object) -> dict[str, Any]:
    """Run one case in a fresh process and return what it printed."""
    command = [sys.executable, "-m", "benchmarks.cases", name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def take_turns(engine: Sequence[object], yardstick: Sequence[object], repeat: int) -> tuple[list[Any], list[Any]]:
    """Run engine and yardstick alternately, after one round that is thrown away where there are several."""
    ours, theirs = [], []
    for turn in range(repeat + (repeat > 1)):
        first, second = run_case(*map(str, engine)), run_case(*map(str, yardstick))
        if turn or repeat == 1:
            ours.append(first)
            theirs.append(second)
    return ours, theirs


def compare(name: str, size: str, yardstick: str, limit: str, ours: list[Any], theirs: list[Any]) -> Result:
    """Put medians beside each other; the ratio is the median of the ratios of the turns."""
    ratios = tuple(a["seconds"] / b["seconds"] for a, b in zip(ours, theirs, strict=True))
    return Result(
        name,
        size,
        _median(ours, "seconds"),
        _median(ours, "cpu_seconds"),
        max(run["peak_bytes"] for run in ours) / 2**20,
        yardstick,
        _median(theirs, "seconds"),
        _median(theirs, "cpu_seconds"),
        statistics.median(ratios),
        limit,
        ratios,
        _rule_times(ours),
    )


def _rule_times(runs: list[Any]) -> dict[str, float]:
    names = runs[0].get("rules", {})
    return {name: statistics.median(run["rules"][name]["seconds"] for run in runs) for name in names}


def _median(runs: list[Any], key: str) -> float:
    return float(statistics.median(run[key] for run in runs))


def measure_size(millions: float, folder: Path, repeat: int) -> list[Result]:
    """Measure ingest and detect on so many million generated rows."""
    rows = int(millions * MILLION)
    source, lake, copy = folder / f"calls-{rows}.csv", folder / f"lake-{rows}", folder / "copy.parquet"
    make_calls(source, rows)
    size = f"{millions:g} M rows, {source.stat().st_size / 1e9:.2f} GB"
    results = []
    pair = take_turns(["ingest_engine", source, lake], ["ingest_duckdb", source, copy], repeat)
    most = "at most 0.95" if millions >= 10 else "at most 1.1"
    results.append(compare("ingest", size, "DuckDB COPY of the typed CSV to Parquet", most, *pair))
    copy.unlink(missing_ok=True)
    pair = take_turns(["detect_engine", lake], ["detect_group_by", lake], repeat)
    results.append(compare("detect", size, "one plain GROUP BY", "at most 0.5", *pair))
    if millions >= 100:
        run = run_case("detect_engine_all", lake)
        peak = run["peak_bytes"] / 2**20
        results.append(
            Result("detect, all seven days", size, run["seconds"], run["cpu_seconds"], peak, limit="under 120 s")
        )
    source.unlink()
    if millions < 100:
        turns = profiles.measure(lake, repeat)
        pair = [ours for ours, _ in turns], [theirs for _, theirs in turns]
        results.append(compare("profiles", size, "one plain GROUP BY", "at most 4", *pair))
        results.append(measure_rules(lake, size, "day", repeat))
    shutil.rmtree(lake)
    return results


def measure_rules(lake: Path, size: str, period: str, repeat: int) -> Result:
    """Measure all rules over the last 24 hours (``day``) or all calls (``all``) of a lake that has its profiles."""
    name = "all rules" if period == "day" else "all rules, all days"
    pair = take_turns(["rules_engine", lake, period], ["rules_group_by", lake, period], repeat)
    return compare(name, size, "one plain GROUP BY", "at most 3", *pair)


def measure_population(folder: Path, subscribers: int, days: int, repeat: int) -> list[Result]:
    """Measure all rules on a simulated population, whose callers know one another and have handsets."""
    lake = folder / f"population-{subscribers}"
    make_population(lake, subscribers, days)
    size = f"{subscribers:,} subscribers, {days} days"
    results = [measure_rules(lake, size, period, repeat) for period in ("day", "all")]
    shutil.rmtree(lake)
    return results


def measure_numbers(folder: Path, millions: float, repeat: int) -> list[Result]:
    """Measure the share of numbers in the processor time of an ingest whose numbers are all distinct."""
    results = []
    for notation in numbers.NOTATIONS:
        turns = numbers.measure(folder, notation, millions, repeat)
        shares = tuple(ours["cpu"] / whole["cpu"] for ours, whole in turns)
        name, size = f"numbers, {notation}", f"{millions:g} M distinct"
        ours, whole = ([turn[place] for turn in turns] for place in (0, 1))
        figures = [_median(part, key) for part in (ours, whole) for key in ("seconds", "cpu")]
        results.append(
            Result(
                name, size, *figures[:2], 0, "ingest of the file (CPU)", *figures[2:], statistics.median(shares),
                "at most 0.25 of the CPU", shares,
            )
        )  # fmt: skip
    return results


def measure_proposals(folder: Path, gigabytes: float, repeat: int) -> list[Result]:
    """Measure how long an analyst waits for a look at a huge file."""
    results = []
    for path in proposals.make_files(folder, gigabytes):
        for command in proposals.COMMANDS:
            ours, theirs = zip(*proposals.measure(path, command, repeat), strict=True)
            size = proposals.describe(path)
            pair = list(ours), list(theirs)
            results.append(compare(f"dialects {command}", size, "sentinel-batch --help", proposals.LIMIT, *pair))
        path.unlink()
    return results


def measure_start_up(folder: Path, repeat: int) -> list[Result]:
    """Measure what an analyst waits for at the terminal."""
    lake = folder / "alerts-lake"
    make_alert_lake(lake, 100_000)
    command = [str(Path(sys.executable).with_name("sentinel-batch"))]
    waits = [
        ("sentinel-batch --help", "", [*command, "--help"], "under 0.3 s"),
        ("alerts list", "100,000 alerts", [*command, "alerts", "list", "--lake", str(lake)], "under 1 s"),
    ]
    results = []
    bare = statistics.median(_wall([sys.executable, "-c", "pass"]) for _ in range(repeat + 2))
    for name, size, line, limit in waits:
        times = [_wall(line) for _ in range(repeat + 2)]
        median = statistics.median(times)
        results.append(Result(name, size, median, median, 0, "python -c pass", bare, bare, median / bare, limit))
    return results


def _wall(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=HERE.parent)
    return time.perf_counter() - start


def write_results(results: list[Result]) -> str:
    """Write the figures as JSON and as a Markdown table; return the table."""
    facts = {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "load": os.getloadavg(),
        "results": [asdict(result) for result in results],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    lines = [
        "| what | size | engine | CPU | peak memory | yardstick | yardstick | ratio | turns | limit |",
        "|---|---|---:|---:|---:|---|---:|---:|---|---|",
    ]
    for row in results:
        other = f"{row.yardstick_seconds:.2f} s" if row.yardstick_seconds is not None else ""
        memory = f"{row.peak_mib:,.0f} MiB" if row.peak_mib else ""
        ratio = f"**{row.ratio:.2f}**" if row.ratio is not None else ""
        lines.append(
            f"| {row.name} | {row.size} | {row.seconds:.2f} s | {row.cpu_seconds:.2f} s | {memory} | {row.yardstick} "
            f"| {other} | {ratio} | {_tell_spread(row)} | {row.limit} |"
        )
    table = "\n".join(lines) + "\n"
    (RESULTS / "results.md").write_text(table, "utf-8")
    return table


def _tell_spread(row: Result) -> str:
    return f"{len(row.spread)}: {min(row.spread):.2f} to {max(row.spread):.2f}" if row.spread else ""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default="1,10", help="sizes in million rows, separated by commas")
    parser.add_argument("--large", action="store_true", help="also 100 million rows, once (20 GB of disk, minutes)")
    parser.add_argument("--subscribers", type=int, default=100_000, help="size of the simulated population; 0: none")
    parser.add_argument("--days", type=int, default=14, help="days of the simulated population")
    parser.add_argument(
        "--numbers", type=float, default=5.0, help="distinct numbers of each notation, millions; 0: none"
    )
    parser.add_argument("--gigabytes", type=float, default=10.0, help="size of the file that is looked at; 0: none")
    parser.add_argument("--repeat", type=int, default=3, help="turns of engine and yardstick")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    results = measure_start_up(options.folder, options.repeat)
    for millions in options.rows.split(","):
        results += measure_size(float(millions), options.folder, options.repeat)
    if options.numbers:
        results += measure_numbers(options.folder, options.numbers, options.repeat)
    if options.gigabytes:
        results += measure_proposals(options.folder, options.gigabytes, options.repeat)
    if options.subscribers:
        results += measure_population(options.folder, options.subscribers, options.days, options.repeat)
    if options.large:
        results += measure_size(100, options.folder, 1)
    print(write_results(results))


if __name__ == "__main__":
    main()
