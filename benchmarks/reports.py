"""The report against an earlier commit's: ``python -m benchmarks.reports --baseline CHECKOUT [--turns 5]``.

CHECKOUT is a work tree of the commit (``git worktree add CHECKOUT COMMIT``). Both write the report on one lake, in a
process of its own, imports included, and take turns; the median of the ratios of processor time is what counts. Prints
a Markdown table, with the seconds that the page takes to open where Chromium and selenium are installed.
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
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MOST = 0.5
"""The report may take so many times as long as that of commit eaa2f06."""

PAGE_BYTES = 3_000_000
OPENING_SECONDS = 1.0
_LAKE = """
import json, sys
from sentinel_batch.boxes import alert_boxes, record_boxes
from sentinel_batch.cases import build_cases
from sentinel_batch.detection import run_detection
from sentinel_batch.profiles import build_profiles
from sentinel_batch.simulation.population import simulate_population
lake = sys.argv[1]
simulate_population(lake=lake, seed=1, **json.loads(sys.argv[2]))
build_profiles(lake=lake)
alert_boxes(record_boxes(lake=lake), lake=lake)
run_detection(lake=lake, since="14d", record=True)
build_cases(lake=lake)
"""

SIZE = {"subscribers": 8_500, "days": 14, "boxes": 36, "sims_per_box": 20}
"""Makes 1.17 million calls and 2,500 alerts."""

_CASE = """
import json, resource, sys, time
begin = time.perf_counter()
from sentinel_batch.reporting import write_report
files = write_report(lake=sys.argv[1], out=sys.argv[2])
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "seconds": time.perf_counter() - begin, "cpu": time.process_time(), "peak": used.ru_maxrss * 1024,
    "alerts": files.alerts_total,
}))
"""


@dataclass(frozen=True)
class Turn:
    """Seconds, processor seconds and peak bytes of a report of ours, and of the baseline's."""

    ours: dict[str, float]
    theirs: dict[str, float]

    @property
    def ratio(self) -> float:
        """Of processor time."""
        return self.ours["cpu"] / self.theirs["cpu"]


def make_lake(lake: Path, tree: Path) -> None:
    """Fill a lake with a population, boxes, alerts and cases, by the code of a tree: ours reads older lakes."""
    shutil.rmtree(lake, ignore_errors=True)
    _run(tree, _LAKE, str(lake), json.dumps(SIZE))


def _run(tree: Path, program: str, *arguments: str, cache: Path | None = None) -> str:
    """Run a program with the code of a tree, in a fresh process, and return what it printed."""
    surroundings = {**os.environ, "PYTHONPATH": str(tree.resolve())}
    if cache is not None:
        surroundings["XDG_CACHE_HOME"] = str(cache)
    command = [sys.executable, "-P", "-c", program, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=surroundings).stdout


def write(tree: Path, lake: Path, out: Path, cache: Path) -> dict[str, float]:
    """Write the report of a lake with the code of a tree."""
    printed = _run(tree, _CASE, str(lake), str(out), cache=cache)
    measured: dict[str, float] = json.loads(printed.splitlines()[-1])
    return measured


def measure(lake: Path, baseline: Path, turns: int, folder: Path) -> list[Turn]:
    """Take turns, after one that is thrown away: what an earlier commit keeps in a cache is there then."""
    outs = [folder / name for name in ("ours", "theirs", "cache")]
    for out in outs:
        out.mkdir(parents=True, exist_ok=True)
    taken = [
        Turn(write(HERE.parent, lake, outs[0], outs[2]), write(baseline, lake, outs[1], outs[2]))
        for _ in range(turns + 1)
    ]
    return taken[1:]


def open_page(page: Path, times: int = 5) -> float | None:
    """Return the median of the seconds that Chromium takes from request to the end of loading; None without it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    try:
        from selenium import webdriver
    except ImportError:
        return None
    if chromium is None or driver is None:
        return None
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tempfile.mkdtemp()}"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        return statistics.median(_time_visit(browser, page) for _ in range(times))
    finally:
        browser.quit()


def _time_visit(browser: Any, page: Path) -> float:
    browser.get("about:blank")
    begin = time.perf_counter()
    browser.get(page.as_uri())
    # Until it is laid out and painted, too.
    browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => setTimeout(done))")
    return time.perf_counter() - begin


def describe(turns: list[Turn], page: Path) -> str:
    """Return the figures as a Markdown table."""
    ours, theirs = ([getattr(turn, side) for turn in turns] for side in ("ours", "theirs"))
    ratios = [turn.ratio for turn in turns]
    opening = open_page(page)

    def median(runs: list[dict[str, float]], key: str) -> float:
        return statistics.median(run[key] for run in runs)

    return "\n".join([
        "| alerts | report | CPU | peak memory | baseline | CPU | ratio of CPU | turns | page | opens in |",
        "|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|",
        f"| {int(ours[0]['alerts']):,} | {median(ours, 'seconds'):.2f} s | {median(ours, 'cpu'):.2f} s "
        f"| {median(ours, 'peak') / 2**20:,.0f} MiB | {median(theirs, 'seconds'):.2f} s "
        f"| {median(theirs, 'cpu'):.2f} s "
        f"| **{statistics.median(ratios):.2f}** | {len(ratios)}: {min(ratios):.2f} to {max(ratios):.2f} "
        f"| {page.stat().st_size / 1e6:.2f} MB | {'–' if opening is None else f'{opening:.2f} s'} |",
    ])  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__)
    parser.add_argument("--baseline", type=Path, required=True, help="work tree of the commit to compare with")
    parser.add_argument("--turns", type=int, default=5, help="turns of both")
    parser.add_argument("--lake", type=Path, help="a lake that is there already; else one is made")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks" / "reports")
    options = parser.parse_args()
    folder = options.folder.resolve()
    lake = options.lake.resolve() if options.lake else folder / "lake"
    if options.lake is None:
        make_lake(lake, options.baseline)
    print(describe(measure(lake, options.baseline, options.turns, folder), folder / "ours" / "report.html"))


if __name__ == "__main__":
    main()
