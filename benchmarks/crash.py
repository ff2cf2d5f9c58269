"""Kill runs at random moments, run them again, compare: ``python -m benchmarks.crash [--kills 50] [--rows 2000000]``.

After every ``kill -9`` the lake is read once as it lies (nothing half-visible may be in it), the command is run again,
and every table must equal that of an undisturbed run, row by row, but for ``VOLATILE`` columns.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
VOLATILE: dict[str, tuple[str, ...]] = {
    "call_records": ("processed_at",),
    "rejected_records": (),
    "ingests": ("processed_at", "run_id"),
    "fraud_alerts": ("created_at", "updated_at", "run_id"),
    "alert_events": ("at", "commit_id"),
    "suppressions": ("created_at",),
}
"""Columns that may differ from an undisturbed run: clock times and run ids. Table ``runs`` is the history itself."""

SORT = {
    "call_records": ("call_timestamp", "caller_number", "callee_number"),
    "rejected_records": ("ingest_id", "source_line"),
    "ingests": ("ingest_id",),
    "fraud_alerts": ("id",),
    "alert_events": ("alert_id", "event", "field", "before", "after", "note"),
    "suppressions": ("pattern",),
}
OWNER = {"rejected_records": ("ingest_id", "call_records"), "ingests": ("ingest_id", "call_records")}
OWNER["alert_events"] = ("commit_id", "fraud_alerts")
"""Side tables: which column names the commit of which table that makes a row count."""


def read_tables(path: Path) -> dict[str, Any]:
    """Return what readers see in each table of a lake, sorted, without volatile columns."""
    import polars as pl

    from sentinel_batch.lake import Lake

    lake, tables = Lake.open(path), {}
    for name, volatile in VOLATILE.items():
        frame = lake.read(name)
        if name in OWNER:
            column, main = OWNER[name]
            frame = frame.filter(pl.col(column).is_in(list(lake.committed(main, frame[column]))))
        tables[name] = frame.drop(volatile).sort(SORT[name], nulls_last=True)
    return tables


def describe_difference(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """Say which tables differ; empty if none does."""
    return "; ".join(
        f"{name}: {found[name].height} rows instead of {expected[name].height}"
        if found[name].height != expected[name].height
        else f"{name}: other values"
        for name in expected
        if not found[name].equals(expected[name])
    )


def run_command(arguments: Sequence[str], *, kill_after: float | None = None) -> tuple[int, float, str]:
    """Run a ``sentinel-batch`` command in a process of its own, and kill it after so many seconds.

    Returns
    -------
    tuple
        Exit code (-9 when it was killed), seconds, and its error output.
    """
    clock = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen(
        [sys.executable, "-m", "sentinel_batch", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    )
    try:
        _, error = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        _, error = process.communicate()
    return process.returncode, time.perf_counter() - clock, error.decode(errors="replace")


@dataclass
class Trial:
    """A command that is killed again and again.

    Parameters
    ----------
    name
        ``ingest``, ``detect`` or ``nightly``.
    arguments
        The command's arguments for a lake at a path.
    prepare
        Makes the lake as it is before the command.
    """

    name: str
    arguments: Callable[[Path], Sequence[str]]
    prepare: Callable[[Path], None]
    kills: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def repeat(self, kills: int, work: Path, chance: random.Random) -> None:
        """Run undisturbed once, then kill and run again until so many runs died (at most twice as many tries)."""
        calm = work / self.name / "calm"
        self.prepare(calm)
        before = read_tables(calm) if (calm / "sentinel-lake.json").exists() else None
        code, self.seconds, error = run_command(self.arguments(calm))
        if code != 0:
            raise RuntimeError(f"{self.name} failed undisturbed: {error}")
        expected = read_tables(calm)
        for number in range(2 * kills):
            if self.kills == kills:
                break
            lake = work / self.name / "killed"
            shutil.rmtree(lake, ignore_errors=True)
            self.prepare(lake)
            self._kill_and_repeat(number, lake, before, expected, chance)
        shutil.rmtree(work / self.name)

    def _kill_and_repeat(
        self, number: int, lake: Path, before: dict[str, Any] | None, expected: dict[str, Any], chance: random.Random
    ) -> None:
        share = chance.uniform(0.02, 1.02) if number % 3 else chance.uniform(0.6, 1.02)
        code, seconds, _ = run_command(self.arguments(lake), kill_after=share * self.seconds)
        self.kills += code == -signal.SIGKILL
        seen = self._look(lake, before, expected)
        self.outcomes[seen if code else "ended before the kill"] += 1
        code, whole, error = run_command(self.arguments(lake))
        self.seconds = min(self.seconds, whole) if seen == "nothing there" else self.seconds
        wrong = error if code else describe_difference(read_tables(lake), expected)
        if wrong or seen == "HALF-VISIBLE":
            self.failures.append(f"{self.name}: killed after {seconds:.2f} s, {seen}: {wrong}")

    def _look(self, lake: Path, before: dict[str, Any] | None, expected: dict[str, Any]) -> str:
        if not (lake / "sentinel-lake.json").exists():
            return "nothing there"
        seen = read_tables(lake)
        if not describe_difference(seen, expected):
            return "all there"
        if before is None and all(frame.is_empty() for frame in seen.values()):
            return "nothing there"
        if before is not None and not describe_difference(seen, before):
            return "nothing there"
        return "part of its commits there" if self.name == "nightly" else "HALF-VISIBLE"


def make_trials(work: Path, rows: int) -> list[Trial]:
    """Return the trials, over a generated file of so many rows."""
    from sentinel_batch.simulation import MockCDRGenerator

    inbox = work / "inbox"
    inbox.mkdir(parents=True)
    path = inbox / "calls.csv"
    MockCDRGenerator(7, days=2, dirty=0.01).save_to_file(path, total_records=rows, simbox_callers=30)
    loaded = work / "loaded"

    def copy(lake: Path) -> None:
        if not loaded.exists():
            code, _, error = run_command(["--lake", str(loaded), "ingest", str(path)])
            if code:
                raise RuntimeError(error)
        shutil.copytree(loaded, lake, copy_function=os.link)

    def nothing(lake: Path) -> None:
        shutil.rmtree(lake.with_name("reports"), ignore_errors=True)

    def nightly(lake: Path) -> list[str]:
        out = str(lake.with_name("reports"))
        return ["--lake", str(lake), "--quiet", "nightly", "--inbox", str(inbox), "--out", out]

    return [
        Trial("ingest", lambda lake: ["--lake", str(lake), "--quiet", "ingest", str(path)], nothing),
        Trial("detect", lambda lake: ["--lake", str(lake), "--quiet", "detect", "--since", "48h"], copy),
        Trial("nightly", nightly, nothing),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("ingest", "detect", "nightly"), action="append")
    given = parser.parse_args(arguments)
    failures = []
    with tempfile.TemporaryDirectory(prefix="sentinel-crash-") as folder:
        for trial in make_trials(Path(folder), given.rows):
            if given.only and trial.name not in given.only:
                continue
            trial.repeat(given.kills, Path(folder), random.Random(given.seed))
            failures += trial.failures
            figures = {"undisturbed_seconds": round(trial.seconds, 2), "kills": trial.kills, **trial.outcomes}
            print(f"{trial.name}: {json.dumps(figures)}, {len(trial.failures)} failed", flush=True)
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
