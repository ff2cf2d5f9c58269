"""Point reads of a large lake, beside those of other code: ``python -m benchmarks.reads --base FOLDER [--rows 50]``.

``FOLDER`` is a checkout of the code to compare with. Both explain the same alerts and assess the same numbers, in
turns, each turn in a process of its own; the median of the ratios of processor time is what counts. The lake is made
(50 million calls take some minutes and 2 GB), read as ingest leaves it, packed by ``maintain``, and read again; then
:class:`~sentinel_batch.lake.LakeReader` answers from it, alone and for many clients at once. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
MILLION = 1_000_000
CLIENTS = 20
REQUESTS = 400
_KEYS = ("seconds", "cpu_seconds")

_CASE = """
import json, sys, time
import sentinel_batch as sb
what, lake, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
if sys.argv[4] == "reader":
    from sentinel_batch.config import Config
    from sentinel_batch.desk import Desk
    from sentinel_batch.lake import LakeReader
    reader, config = LakeReader(lake, seconds=None), Config()
numbers = sb.list_alerts(lake=lake)["suspect_number"].to_list()
def ask(place):
    at = Desk(config, reader.snapshot()) if sys.argv[4] == "reader" else lake
    return sb.explain(place + 1, lake=at) if what == "explain" else sb.assess_risk(numbers[place], lake=at)

ask(count)
clock, processor = time.perf_counter(), time.process_time()
for place in range(count):
    ask(place)
print(json.dumps({
    "seconds": (time.perf_counter() - clock) / count, "cpu_seconds": (time.process_time() - processor) / count
}))
"""
"""Run by both versions of the code, so that only the reader is called that one of them lacks."""


def measure(lake: Path, what: str, code: Path, count: int, way: str) -> dict[str, float]:
    """Answer some questions in a process of its own, after one that does not count; return what one took."""
    environment = {**os.environ, "PYTHONPATH": str(code)}
    command = [sys.executable, "-c", _CASE, what, str(lake), str(count), way]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=code, env=environment)
    document: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return document


def compare(lake: Path, name: str, base: Path, repeat: int) -> None:
    """Compare both versions of the code on a lake; print rows of a table."""
    for what, way in (("explain", "function"), ("explain", "reader"), ("risk", "function"), ("risk", "reader")):
        ours, theirs = [], []
        for _ in range(repeat):
            ours.append(measure(lake, what, HERE.parent, 10, way))
            theirs.append(measure(lake, what, base, 2, "function"))
        ratios = [old["cpu_seconds"] / new["cpu_seconds"] for new, old in zip(ours, theirs, strict=True)]
        spread = f"{len(ratios)}: {min(ratios):.0f} to {max(ratios):.0f}"
        medians = [statistics.median(run[key] for run in side) for side in (ours, theirs) for key in _KEYS]
        cells = " | ".join(f"{1e3 * value:,.0f} ms" for value in medians)
        print(
            f"| {what}, {way} | {name} | {cells} | **{statistics.median(ratios):.0f}×** | {spread} |",
            flush=True,
        )


def serve(lake: Path) -> list[str]:
    """Answer from one reader: each kind of question alone, then mixed for many clients at once; return lines."""
    import sentinel_batch as sb
    from sentinel_batch.config import Config
    from sentinel_batch.desk import Desk
    from sentinel_batch.lake import LakeReader

    config, lines = Config(), []
    with LakeReader(lake, seconds=None) as reader:
        numbers = sb.list_alerts(lake=Desk(config, reader.snapshot()))["suspect_number"].to_list()
        questions: dict[str, Callable[[int, Desk], object]] = {
            "alerts": lambda _, desk: sb.list_alerts(lake=desk, limit=50),
            "risk": lambda place, desk: sb.assess_risk(numbers[place % len(numbers)], lake=desk),
            "explain": lambda place, desk: sb.explain(place % len(numbers) + 1, lake=desk),
        }

        def ask(what: str, place: int) -> tuple[str, float]:
            clock = time.perf_counter()
            questions[what](place, Desk(config, reader.snapshot()))
            return what, 1e3 * (time.perf_counter() - clock)

        for what in questions:
            first = ask(what, 0)[1]
            times = [ask(what, place)[1] for place in range(50)]
            lines.append(f"| {what}, one after the other | {_spread(times)} | {first:.0f} ms |")
        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = list(pool.map(ask, [*questions] * (REQUESTS // len(questions)), range(REQUESTS)))
        for what in questions:
            times = [taken for kind, taken in asked if kind == what]
            lines.append(f"| {what}, {CLIENTS} threads that do not pause | {_spread(times)} | |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*lines, f"Peak memory of the process: {peak:,.0f} MiB."]


def _spread(times: list[float]) -> str:
    ordered = sorted(times)
    return f"{statistics.median(ordered):.0f} ms | {ordered[len(ordered) * 95 // 100]:.0f} ms"


def pack(lake: Path) -> str:
    """Pack the lake; return what that took."""
    import sentinel_batch as sb

    processor = time.process_time()
    done = sb.maintain(lake=lake)
    rows = sum(one.rows for one in done.compacted if one.table == "call_records")
    taken = time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"maintain: {rows:,} calls sorted in {taken:.0f} s of processor time, at most {peak:,.0f} MiB."


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reads", description=__doc__)
    parser.add_argument("--base", type=Path, help="checkout of the code to compare with")
    parser.add_argument("--rows", type=float, default=50, help="million calls")
    parser.add_argument("--repeat", type=int, default=3, help="turns")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks")
    parser.add_argument("--part", choices=("make", "pack", "serve"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    lake = options.folder / f"reads-{options.rows:g}"
    if options.part is not None:
        _run_part(options.part, lake, int(options.rows * MILLION))
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    own = [sys.executable, "-m", "benchmarks.reads", "--rows", str(options.rows), "--folder", str(options.folder)]
    subprocess.run([*own, "--part", "make"], check=True, cwd=HERE.parent)
    print("| what | lake | now | CPU | base | CPU | base / now, CPU | turns |", flush=True)
    print("|---|---|---:|---:|---:|---:|---:|---|", flush=True)
    if options.base is not None:
        compare(lake, "as ingested", options.base.absolute(), options.repeat)
    packed = subprocess.run([*own, "--part", "pack"], check=True, cwd=HERE.parent, capture_output=True, text=True)
    if options.base is not None:
        compare(lake, "packed", options.base.absolute(), options.repeat)
    print(f"\n{packed.stdout}\n| from one reader | median | 95 % within | first |\n|---|---:|---:|---:|", flush=True)
    subprocess.run([*own, "--part", "serve"], check=True, cwd=HERE.parent)
    shutil.rmtree(lake)


def _run_part(part: str, lake: Path, rows: int) -> None:
    """Do one part in a process of its own, so that memory is that of the part."""
    if part == "make":
        from benchmarks.read_lake import make_read_lake

        make_read_lake(lake, rows)
    elif part == "pack":
        print(pack(lake))
    else:
        print(*serve(lake), sep="\n")


if __name__ == "__main__":
    main()
