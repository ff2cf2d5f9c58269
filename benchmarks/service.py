"""The service under load: ``python -m benchmarks.service [--calls 50_000_000] [--clients 20] [--seconds 60]``.

A lake of so many calls of two weeks, with 200 alerts, is made and packed (50 million take some minutes and 1 GB; it is
kept in the folder for the next run). The service runs as ``sentinel-batch serve`` does, in a process of its own; locust
asks it on loopback, without a pause between answer and next request, and with one; with answers kept in memory, and
without. One more client changes the notes of an alert every five seconds meanwhile. Prints Markdown tables: each
route, and beside it the same question asked of the library and of DuckDB, alone, by nobody else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.service_load import Load, Outcome, Route, apply_load, environment

HERE = Path(__file__).parent
TARGETS = {"alerts": 100, "risk": 100, "explain": 300}
"""Milliseconds within which 95 % of the answers to 20 clients have to be there."""
MOST_MIB = 1536
LEAST_CALLS = 1_000_000


LOADS = (
    Load("no pause", 0, 64),
    Load("no pause, no answer kept", 0, 0),
    Load("half a second between answer and request", 0.5, 64),
)


def ensure_lake(folder: Path, calls: int) -> Path:
    """Make the lake, unless an earlier run has left it; in a process of its own, whose memory is not the service's."""
    lake = folder / f"service-{calls}"
    if not (lake / "made").exists():
        shutil.rmtree(lake, ignore_errors=True)
        _run_part("make", lake, calls)
        (lake / "made").touch()
    return lake


def ask_alone(lake: Path, calls: int) -> dict[str, tuple[float, float]]:
    """Ask the library, and for the risk a bare DuckDB, one question after the other.

    Returns
    -------
    dict
        Question to median and 95 % of its milliseconds.
    """
    answers = json.loads(_run_part("alone", lake, calls).splitlines()[-1])
    return {name: (median, most) for name, (median, most) in answers.items()}


def _ask_alone(lake: Path, calls: int) -> dict[str, tuple[float, float]]:
    import duckdb

    import sentinel_batch as sb
    from benchmarks.read_lake import SUSPECTS, name_callers, pick_suspects
    from sentinel_batch.config import Config
    from sentinel_batch.desk import Desk
    from sentinel_batch.lake import LakeReader
    from sentinel_batch.schema import CALL_RECORDS
    from sentinel_batch.scores.risk import WINDOW

    numbers, config = name_callers(pick_suspects(calls)).to_list(), Config().override(lake=lake)
    with LakeReader(lake, seconds=None) as reader, duckdb.connect() as connection:
        newest = reader.snapshot().newest_call
        files = [str(file) for file in reader.snapshot().files(CALL_RECORDS.name, newest - WINDOW)]
        text = (
            "SELECT count(*), count(DISTINCT callee_number), avg(duration_seconds) FROM read_parquet($files) "
            "WHERE caller_number = $number AND call_timestamp > $since"
        )
        facts = {"files": files, "since": newest - WINDOW}

        def desk() -> Desk:
            return Desk(config, reader.snapshot())

        questions: dict[str, Callable[[int], object]] = {
            "alerts, library": lambda _: sb.list_alerts(lake=desk()),
            "risk, library": lambda place: sb.assess_risk(numbers[place], lake=desk()),
            "risk, bare DuckDB": lambda place: connection.execute(text, {**facts, "number": numbers[place]}).fetchall(),
            "explain, library": lambda place: sb.explain(place + 1, lake=desk()),
        }
        return {name: _time_each(ask, range(1, min(SUSPECTS, 60))) for name, ask in questions.items()}


def _time_each(ask: Callable[[int], object], places: Sequence[int]) -> tuple[float, float]:
    ask(0)
    times = []
    for place in places:
        clock = time.perf_counter()
        ask(place)
        times.append(1e3 * (time.perf_counter() - clock))
    return statistics.median(times), sorted(times)[len(times) * 95 // 100]


def tell(outcome: Outcome) -> list[str]:
    """Return an outcome as lines of a Markdown table, with what is missed."""
    load = outcome.load
    lines = [f"| {load.name} | {_tell_route(route)} |" for route in outcome.routes]
    share = 1e3 * outcome.cpu_seconds / max(outcome.requests, 1)
    facts = f"{outcome.per_second:.0f} answers/s, {share:.1f} ms CPU each, {outcome.peak_mib:,.0f} MiB"
    return [*lines, f"| {load.name} | **together** | {outcome.requests:,} | | | | {facts} | |"]


def list_misses(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what was wrong: failed answers, too much memory, and which targets were missed."""
    misses = [f"{one.load.name}: {error}" for one in outcomes for error in one.errors]
    misses += [
        f"{one.load.name}: {route.name} took {route.p95:.0f} ms, and not {TARGETS[route.name]}"
        for one in outcomes
        for route in one.routes
        if route.p95 > TARGETS.get(route.name, route.p95)
    ]
    return misses + [f"{one.load.name}: {one.peak_mib:,.0f} MiB" for one in outcomes if one.peak_mib > MOST_MIB]


def _tell_route(route: Route) -> str:
    target = f"{TARGETS[route.name]} ms" if route.name in TARGETS else ""
    times = " | ".join(f"{value:.0f} ms" for value in (route.p50, route.p95, route.p99))
    return f"{route.name} | {route.requests:,} | {times} | {route.failures} failed | {target}"


def _run_part(part: str, lake: Path, calls: int) -> str:
    words = ["benchmarks.service", "--part", part, "--lake", str(lake), "--calls", str(calls)]
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=HERE.parent, env=environment(), check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _make(lake: Path, calls: int) -> None:
    import sentinel_batch as sb
    from benchmarks.read_lake import make_read_lake

    lake.parent.mkdir(parents=True, exist_ok=True)
    make_read_lake(lake, calls)
    sb.maintain(lake=lake)


def _number(text: str) -> int:
    calls = int(text.replace("_", "").replace(",", ""))
    if calls < LEAST_CALLS:
        raise argparse.ArgumentTypeError(f"{calls:,} calls are too few; allowed: {LEAST_CALLS:,} and more")
    return calls


def main() -> None:
    """Measure and print; fails if an answer failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    parser.add_argument("--calls", type=_number, default=50_000_000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=60, help="of each load")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks")
    parser.add_argument("--part", choices=("make", "alone"), help=argparse.SUPPRESS)
    parser.add_argument("--lake", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part == "make":
        _make(options.lake, options.calls)
    elif options.part == "alone":
        print(json.dumps(_ask_alone(options.lake, options.calls)))
    else:
        raise SystemExit(run(options.folder, options.calls, options.clients, options.seconds))


def run(folder: Path, calls: int, clients: int, seconds: int) -> bool:
    """Measure everything and print it; tell whether an answer failed."""
    lake = ensure_lake(folder.absolute(), calls)
    print(f"{calls:,} calls, {clients} clients, {seconds} s; load of the machine before {os.getloadavg()[0]:.1f}\n")
    print("| load | route | answers | median | 95 % | 99 % | | target |", flush=True)
    print("|---|---|---:|---:|---:|---:|---|---|", flush=True)
    outcomes = []
    for load in LOADS:
        outcomes.append(apply_load(lake, calls, load, clients, seconds))
        print(*tell(outcomes[-1]), sep="\n", flush=True)
    print("\n| alone, one after the other | median | 95 % |\n|---|---:|---:|")
    for name, (median, most) in ask_alone(lake, calls).items():
        print(f"| {name} | {median:.1f} ms | {most:.1f} ms |")
    print("", *(list_misses(outcomes) or ["All targets are met."]), sep="\n")
    return any(outcome.errors or any(route.failures for route in outcome.routes) for outcome in outcomes)


if __name__ == "__main__":
    main()
