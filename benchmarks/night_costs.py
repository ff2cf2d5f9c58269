"""What a night takes, step by step: ``python -m benchmarks.night_costs --calls 500_000 --folder FOLDER``.

A simulated network makes so many calls a day. Its first days lie in a lake, examined by a night that does not count;
the last one comes as a CSV file, and the night that takes it is measured: processor seconds and peak memory of each
step and rule, bytes of each table. Prints a JSON document.
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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import time_rules

if TYPE_CHECKING:
    from sentinel_batch.lake import Snapshot
    from sentinel_batch.nightly import Step

CALLS_OF_A_SUBSCRIBER = 5.8
"""Calls a day of a simulated subscriber, those that it makes."""

DAYS = 15
SEED = 11
HERE = Path(__file__).parent

_FIELDS = (
    "call_timestamp", "caller_number", "callee_number", "duration_seconds", "call_direction", "termination_cause",
    "location_code", "imei", "imsi", "trunk",
)  # fmt: skip


class Ledger:
    """Processor seconds and peak memory between one step's end and the next."""

    def __init__(self, watch: Callable[[str], None]) -> None:
        self.watch = watch
        self.steps: dict[str, dict[str, Any]] = {}
        self.processor = time.process_time()
        _forget_peak()

    def note(self, step: Step) -> None:
        """Write a step down when it has ended."""
        self.steps[step.name] = {
            "cpu_seconds": round(time.process_time() - self.processor, 4),
            "peak_bytes": _read_peak(),
            "counts": {name: count for name, count in step.counts.items() if isinstance(count, int)},
            "status": step.status,
        }
        self.watch(step.name)
        self.processor = time.process_time()
        _forget_peak()


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _read_peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    [peak] = [line for line in lines if line.startswith("VmHWM")]
    return int(peak.split()[1]) * 1024


def prepare(folder: Path, calls: int, days: int) -> None:
    """Make a lake of all days but the last, and the last one's file in an inbox; the night before has been."""
    import polars as pl

    from sentinel_batch.lake import Lake
    from sentinel_batch.nightly import run_nightly
    from sentinel_batch.simulation.population import simulate_population

    lake, inbox, empty = folder / "lake", folder / "inbox", folder / "empty"
    for path in (inbox, empty):
        path.mkdir(parents=True)
    simulate_population(lake, subscribers=round(calls / CALLS_OF_A_SUBSCRIBER), days=days, seed=SEED)
    records = Lake.open(lake).snapshot().scan("call_records")
    last = records.select(pl.col("local_date").max()).collect().item()
    rows = records.filter(pl.col("local_date") == last)
    [commit] = rows.select(pl.col("ingest_id").cast(pl.String).unique()).collect().to_series()
    rows.select(_FIELDS).collect().sort("call_timestamp").write_csv(inbox / "day.csv")
    for table in ("call_records", "ingests"):
        Lake.open(lake).delete(table, "ingest_id", commit)
    run_nightly(lake=lake, inbox=empty, out=folder / "reports")


def take_yardstick() -> float:
    """Return the processor seconds of work that is always the same: a busy machine takes more for it.

    Other programs take the processor's caches and its clock, so they make the same work dearer, by half and more.
    """
    import numpy as np
    import polars as pl

    numbers = pl.DataFrame({"a": np.random.default_rng(1).integers(0, 200_000, 1_000_000)})
    taken = []
    for _ in range(5):
        processor = time.process_time()
        numbers.with_columns(text=pl.col("a").cast(pl.String)).group_by("text").agg(pl.len(), pl.col("a").n_unique())
        numbers.sort("a")
        taken.append(time.process_time() - processor)
    return round(statistics.median(taken), 4)


def measure(folder: Path) -> dict[str, Any]:
    """Run the night of the new day, on a copy of the lake that shares its files: they are never changed."""
    from sentinel_batch.cli import tune_allocator

    tune_allocator()
    from sentinel_batch.desk import open_desk
    from sentinel_batch.nightly import run_nightly

    lake = folder / "night"
    shutil.rmtree(lake, ignore_errors=True)
    shutil.copytree(folder / "lake", lake, copy_function=os.link)
    yardstick = take_yardstick()
    desk = open_desk(lake)
    tables = {"before": weigh(desk.snapshot().tables)}
    others: dict[str, Any] = {}

    def watch(step: str) -> None:
        if step in ("ingest", "pack"):
            tables[step] = weigh(desk.lake.snapshot())

    rules = time_rules()
    _time_duplicates(others)
    _weigh_findings(others)
    ledger = Ledger(watch)
    done = run_nightly(lake=desk, inbox=folder / "inbox", out=folder / "reports", on_step=ledger.note)
    if done.error is not None or done.folder is None:
        raise SystemExit(f"The night failed: {done.error}")
    tables["after"] = weigh(desk.lake.snapshot())
    return {
        "yardstick_cpu_seconds": [yardstick, take_yardstick()],
        "load": os.getloadavg()[0],
        "calls": ledger.steps["ingest"]["counts"]["records_inserted"],
        "csv_bytes": (folder / "inbox" / "day.csv").stat().st_size,
        "report_bytes": sum(file.stat().st_size for file in Path(done.folder).rglob("*") if file.is_file()),
        "steps": ledger.steps,
        "rules": {name: round(taken["cpu_seconds"], 4) for name, taken in rules.items()},
        **others,
        "tables": tables,
    }


def need_alone(lake: Path, step: str) -> int:
    """Return the peak memory of a process that does one step of a night that has been, and nothing else."""
    import polars as pl

    from sentinel_batch.boxes import record_boxes
    from sentinel_batch.cases import build_cases
    from sentinel_batch.cli import tune_allocator
    from sentinel_batch.desk import open_desk
    from sentinel_batch.detection import run_detection
    from sentinel_batch.profiles import build_profiles
    from sentinel_batch.reporting import write_report

    tune_allocator()
    desk = open_desk(lake)
    day = desk.snapshot().tables.scan("call_records").select(pl.col("local_date").max()).collect().item()
    desk.lake.delete("box_traces", "local_date", day.isoformat())  # A night traces its new day, too.
    steps: dict[str, Callable[[], object]] = {
        "profiles": lambda: build_profiles(lake=desk, since=day, rebuild=True),
        "rules": lambda: run_detection(lake=desk, since="24h", record=False),
        "boxes": lambda: record_boxes(lake=desk),
        "cases": lambda: build_cases(lake=desk),
        "report": lambda: write_report(lake=desk, out=lake.parent / "report-alone"),
    }
    _forget_peak()
    steps[step]()
    return _read_peak()


ALONE = ("profiles", "rules", "boxes", "cases", "report")
"""Steps whose memory is measured in processes of their own as well: one process keeps what earlier steps took."""

LATE = "late"
"""The case of a file that comes late."""


def take_late_file(folder: Path) -> float:
    """Return what looking for duplicates takes if a hundredth of a day that was packed comes once more."""
    import polars as pl

    from sentinel_batch.ingestion import ingest
    from sentinel_batch.lake import Lake

    records = Lake.open(folder / "night").snapshot().scan("call_records")
    newest = records.filter(pl.col("local_date") == pl.col("local_date").max()).select(_FIELDS).collect()
    newest.gather_every(100).sort("call_timestamp").write_csv(folder / "late.csv")
    others: dict[str, Any] = {}
    _time_duplicates(others)
    ingest(folder / "late.csv", lake=folder / "night")
    return float(others["duplicates_cpu_seconds"])


def _time_duplicates(others: dict[str, Any]) -> None:
    """Have ingest note what it spends on looking for duplicates, in the file and in the lake."""
    from sentinel_batch.ingestion.loading import commit

    remove = commit._remove_duplicates

    def noted(*arguments: Any) -> Any:
        processor = time.process_time()
        found = remove(*arguments)
        others["duplicates_cpu_seconds"] = round(time.process_time() - processor, 4)
        return found

    vars(commit)["_remove_duplicates"] = noted


def _weigh_findings(others: dict[str, Any]) -> None:
    """Have the night note how many findings it has in memory at once, and their bytes."""
    from sentinel_batch.nightly import pipeline

    detect = vars(pipeline)["run_detection"]

    def noted(**arguments: Any) -> Any:
        found = detect(**arguments)
        others["findings"] = {"rows": found.findings.height, "bytes": found.findings.estimated_size()}
        return found

    vars(pipeline)["run_detection"] = noted


def weigh(tables: Snapshot) -> dict[str, dict[str, int]]:
    """Return bytes, files and rows of each table, its log, and what lies in its folder though no version names it."""
    weights = {}
    for folder in sorted(path.parent for path in tables.path.glob("*/_delta_log")):
        files = tables.files(folder.name)
        held = sum(file.stat().st_size for file in files)
        log = sum(file.stat().st_size for file in (folder / "_delta_log").rglob("*") if file.is_file())
        everything = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        weights[folder.name] = {
            "bytes": held,
            "files": len(files),
            "rows": sum(_count_rows(file) for file in files),
            "log_bytes": log,
            "log_files": sum(1 for _ in (folder / "_delta_log").iterdir()),
            "old_bytes": everything - held - log,
        }
    return weights


def _count_rows(file: Path) -> int:
    import pyarrow.parquet

    rows: int = pyarrow.parquet.read_metadata(file).num_rows
    return rows


def run_apart(case: str, folder: Path, calls: int, days: int) -> Any:
    """Run a part of this in a process of its own, and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.night_costs", "--case", case, "--calls", str(calls)]
    done = subprocess.run(
        [*command, "--days", str(days), "--folder", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=HERE.parent,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Prepare and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.night_costs", description=__doc__)
    parser.add_argument("--calls", type=lambda text: int(text.replace("_", "")), required=True, help="calls a day")
    parser.add_argument("--folder", type=Path, required=True, help="where the lake goes; it stays")
    parser.add_argument("--days", type=int, default=DAYS, help="days that are simulated, the measured one included")
    parser.add_argument("--repeat", type=int, default=3, help="how often the night is measured")
    parser.add_argument("--case", choices=["prepare", "measure", *ALONE, LATE], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(do_part(given.case, given.folder, given.calls, given.days)))
        return
    apart = partial(run_apart, folder=given.folder, calls=given.calls, days=given.days)
    if not (given.folder / "lake").exists():
        apart("prepare")
    runs = [{"days": given.days, **apart("measure")} for _ in range(given.repeat)]
    if given.days == DAYS:
        runs[-1]["alone_peak_bytes"] = {step: apart(step) for step in ALONE}
        runs[-1]["late_cpu_seconds"] = apart(LATE)
    print(json.dumps(runs, indent=1))


def do_part(case: str, folder: Path, calls: int, days: int) -> Any:
    """Do what a process of its own was started for."""
    if case == "prepare":
        return prepare(folder, calls, days)
    if case == "measure":
        return measure(folder)
    return take_late_file(folder) if case == LATE else need_alone(folder / "night", case)


if __name__ == "__main__":
    main()
