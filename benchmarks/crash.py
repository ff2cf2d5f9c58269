"""Kill runs at random moments, run them again, compare: ``python -m benchmarks.crash [--kills 50] [--rows 2000000]``.

After every ``kill -9`` the lake is read once as it lies (nothing half-visible may be in it), the command is run again,
and every table must equal that of an undisturbed run, row by row, but for ``VOLATILE`` columns. ``audio`` is the
library's `audio_batch.run` with a folder of checkpoints, ``audio-lake`` is ``sentinel-batch audio run``; both score the
bundled recordings, copied ``--copies`` times, with the shipped model.
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

import polars as pl

ROOT = Path(__file__).parent.parent
AUDIO_NAMES = ("audio", "audio-lake")
NAMES = ("ingest", "detect", "nightly", *AUDIO_NAMES)
VOLATILE: dict[str, tuple[str, ...]] = {
    "call_records": ("processed_at",),
    "rejected_records": (),
    "ingests": ("processed_at", "run_id"),
    "fraud_alerts": ("created_at", "updated_at", "run_id"),
    "alert_events": ("at", "commit_id"),
    "suppressions": ("created_at",),
    "recordings": ("run_id", "batch_id", "analysed_at", "latency_ms", "processing_seconds"),
    "audio_segments": ("batch_id",),
    "audio_features": ("batch_id",),
}
"""Columns that may differ from an undisturbed run: clock times and run ids. Table ``runs`` is the history itself."""

SORT = {
    "call_records": ("call_timestamp", "caller_number", "callee_number"),
    "rejected_records": ("ingest_id", "source_line"),
    "ingests": ("ingest_id",),
    "fraud_alerts": ("id",),
    "alert_events": ("alert_id", "event", "field", "before", "after", "note"),
    "suppressions": ("pattern",),
    "recordings": ("recording_id",),
    "audio_segments": ("recording_id", "channel", "start"),
    "audio_features": ("recording_id", "channel", "start", "feature"),
}
OWNER = {"rejected_records": ("ingest_id", "call_records"), "ingests": ("ingest_id", "call_records")}
OWNER["alert_events"] = ("commit_id", "fraud_alerts")
OWNER |= dict.fromkeys(("audio_segments", "audio_features"), ("batch_id", "recordings"))
"""Side tables: which column names the commit of which table that makes a row count."""


def read_tables(path: Path) -> dict[str, Any]:
    """Return what readers see in each table of a lake, sorted, without volatile columns."""
    from sentinel_batch.lake import Lake

    tables, found = Lake.open(path).snapshot(), {}
    for name, volatile in VOLATILE.items():
        frame = tables.read(name)
        if name in OWNER:
            column, main = OWNER[name]
            frame = frame.filter(pl.col(column).is_in(list(tables.committed(main, frame[column]))))
        found[name] = frame.drop(volatile).sort(SORT[name], nulls_last=True)
    return found


def read_lake(path: Path) -> dict[str, Any] | None:
    """Return `read_tables`, or None where no lake is."""
    return read_tables(path) if (path / "sentinel-lake.json").exists() else None


def read_batch(path: Path) -> dict[str, Any] | None:
    """Return the tables that `audio_crash.write_batch` left, without volatile columns; None where none are."""
    from audio_batch.batch import VOLATILE_COLUMNS

    names = ("recordings", "segments", "features")
    if not all((path / f"{name}.parquet").exists() for name in names):
        return None
    return {name: pl.read_parquet(path / f"{name}.parquet").drop(VOLATILE_COLUMNS, strict=False) for name in names}


def describe_difference(found: dict[str, Any] | None, expected: dict[str, Any]) -> str:
    """Say which tables differ; empty if none does."""
    if found is None:
        return "no tables"
    return "; ".join(
        f"{name}: {found[name].height} rows instead of {expected[name].height}"
        if found[name].height != expected[name].height
        else f"{name}: other values"
        for name in expected
        if not found[name].equals(expected[name])
    )


def run_command(
    arguments: Sequence[str],
    *,
    kill_after: float | None = None,
    module: str = "sentinel_batch",
    is_due: Callable[[], bool] = lambda: True,
) -> tuple[int, float, str]:
    """Run a module's command in a process of its own, and kill it so many seconds after it is due.

    Returns
    -------
    tuple
        Exit code (-9 when it was killed), seconds, and its error output.
    """
    clock = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=subprocess.DEVNULL, stderr=messages, env=environment
        )
        while kill_after is not None and process.poll() is None and not is_due():
            time.sleep(0.01)
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        seconds = time.perf_counter() - clock
        messages.seek(0)
        return process.returncode, seconds, messages.read().decode(errors="replace")


def count_results(lake: Path) -> int:
    """Count the recordings that a batch has finished, by its checkpoints."""
    return len(list(lake.rglob("audio_checkpoints/*/*/*.json")))


@dataclass
class Trial:
    """A command that is killed again and again.

    Parameters
    ----------
    name
        One of `NAMES`.
    arguments
        The command's arguments for a lake at a path.
    prepare
        Makes the lake as it is before the command.
    read
        Returns the tables at a path, or None.
    module
        What is run.
    recordings
        How many it analyses, if that is what it does: then it is killed when some of them are finished.
    """

    name: str
    arguments: Callable[[Path], Sequence[str]]
    prepare: Callable[[Path], None]
    read: Callable[[Path], dict[str, Any] | None] = read_lake
    module: str = "sentinel_batch"
    recordings: int = 0
    kills: int = 0
    kept: list[int] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def run(
        self, lake: Path, kill_after: float | None = None, is_due: Callable[[], bool] = lambda: True
    ) -> tuple[int, float, str]:
        """Run the command once."""
        return run_command(self.arguments(lake), kill_after=kill_after, module=self.module, is_due=is_due)

    def kill(self, number: int, lake: Path, chance: random.Random) -> tuple[int, float, str]:
        """Run the command and kill it: at a share of its time, or once a share of the recordings is finished."""
        if self.recordings:
            wanted = chance.randint(0, self.recordings)
            return self.run(
                lake, chance.uniform(0, 0.5 if wanted < self.recordings else 3), lambda: count_results(lake) >= wanted
            )
        share = chance.uniform(0.02, 1.02) if number % 3 else chance.uniform(0.6, 1.02)
        return self.run(lake, share * self.seconds)

    def repeat(self, kills: int, work: Path, chance: random.Random) -> None:
        """Run undisturbed once, then kill and run again until so many runs died (at most twice as many tries)."""
        calm = work / self.name / "calm"
        self.prepare(calm)
        before = self.read(calm)
        code, self.seconds, error = self.run(calm)
        if code != 0:
            raise RuntimeError(f"{self.name} failed undisturbed: {error}")
        expected = self.read(calm)
        if expected is None:
            raise RuntimeError(f"{self.name} left no tables")
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
        code, seconds, _ = self.kill(number, lake, chance)
        self.kills += code == -signal.SIGKILL
        seen = self._look(lake, before, expected)
        if self.recordings and code == -signal.SIGKILL:
            self.kept.append(count_results(lake))
        self.outcomes[seen if code else "ended before the kill"] += 1
        code, whole, error = self.run(lake)
        self.seconds = min(self.seconds, whole) if seen == "nothing there" else self.seconds
        wrong = error if code else describe_difference(self.read(lake), expected)
        if wrong or seen == "HALF-VISIBLE":
            self.failures.append(f"{self.name}: killed after {seconds:.2f} s, {seen}: {wrong}")

    def _look(self, lake: Path, before: dict[str, Any] | None, expected: dict[str, Any]) -> str:
        seen = self.read(lake)
        if seen is None:
            return "nothing there"
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

    def command(*words: str) -> Callable[[Path], list[str]]:
        return lambda lake: ["--lake", str(lake), "--quiet", *words]

    return [
        Trial("ingest", command("ingest", str(path)), nothing),
        Trial("detect", command("detect", "--since", "48h"), copy),
        Trial("nightly", nightly, nothing),
    ]


def make_audio_trials(work: Path, copies: int) -> list[Trial]:
    """Return the trials, over so many copies of the bundled recordings."""
    bundled = ROOT / "data" / "sample" / "recordings"
    inbox = work / "recordings"
    for copy in range(copies):
        shutil.copytree(bundled, inbox / f"{copy:02}")
    manifest = bundled / "manifest.csv"
    count = sum(1 for path in inbox.rglob("call-*"))

    def nothing(lake: Path) -> None:
        shutil.rmtree(lake, ignore_errors=True)

    def into_lake(lake: Path) -> list[str]:
        return ["--lake", str(lake), "--quiet", "audio", "run", str(inbox), "--manifest",
                str(manifest), "--policy", "voice_only"]  # fmt: skip

    def into_tables(lake: Path) -> list[str]:
        return [str(inbox), str(manifest), str(lake)]

    return [
        Trial("audio", into_tables, nothing, read_batch, module="benchmarks.audio_crash", recordings=count),
        Trial("audio-lake", into_lake, nothing, recordings=count),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--copies", type=int, default=6)
    parser.add_argument("--only", choices=NAMES, action="append")
    given = parser.parse_args(arguments)
    wanted = tuple(given.only or NAMES)
    failures = []
    with tempfile.TemporaryDirectory(prefix="sentinel-crash-") as folder:
        work = Path(folder)
        trials = make_trials(work, given.rows) if set(wanted) - set(AUDIO_NAMES) else []
        trials += make_audio_trials(work, given.copies) if set(wanted) & set(AUDIO_NAMES) else []
        for trial in trials:
            if trial.name not in wanted:
                continue
            trial.repeat(given.kills, work, random.Random(given.seed))
            failures += trial.failures
            figures: dict[str, Any] = {
                "undisturbed_seconds": round(trial.seconds, 2),
                "kills": trial.kills,
                **trial.outcomes,
            }
            figures |= (
                {"recordings": trial.recordings, "finished_at_kill": sorted(trial.kept)} if trial.recordings else {}
            )
            print(f"{trial.name}: {json.dumps(figures)}, {len(trial.failures)} failed", flush=True)
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
