"""Two writers of one lake in a bucket, killed at random moments: ``python -m benchmarks.object_crash [--kills 200]``.

Each round begins with an empty lake. Two processes, with a cache each, ingest the same overlapping files in opposite
orders; one of them, or both, are killed with ``kill -9``. The lake is read as it lies (no call may be there twice, none
that no file holds), both commands are run again, side by side, and the calls must equal those of one undisturbed run.
Most of a round is waiting for what the dead held, so some go on side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from benchmarks.object_store import BUCKET, ObjectStore, serving_objects

ROOT = Path(__file__).parent.parent
_PLACE = ("processed_at", "ingest_id", "source_file", "source_line")
"""Which of two files a call came from, when both hold it, and when."""


@dataclass
class Crashes:
    """What the rounds brought."""

    kills: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass
class Writers:
    """Two commands that load the same files in opposite orders, each with a cache of its own."""

    store: ObjectStore
    work: Path
    files: list[Path]
    seconds: float = 0.0
    """What they take when nobody disturbs them."""

    def start(self, name: str) -> list[subprocess.Popen[bytes]]:
        """Start both on one lake."""
        writers = []
        for number, order in enumerate((self.files, self.files[::-1])):
            variables = {**os.environ, **self.store.variables(), "PYTHONPATH": str(ROOT)}
            variables["XDG_CACHE_HOME"] = str(self.work / f"{name}-cache-{number}")
            command = [sys.executable, "-m", "sentinel_batch", "--lake", _address(name), "ingest", *map(str, order)]
            writers.append(subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return writers


def write_files(folder: Path, rows: int) -> list[Path]:
    """Write three files, each of which repeats half of the one before it."""
    from sentinel_batch.simulation import MockCDRGenerator

    whole = folder / "whole.csv"
    MockCDRGenerator(5, dirty=0.0).save_to_file(whole, total_records=rows, simbox_callers=3)
    head, *lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    share, files = len(lines) // 4, []
    for number in range(3):
        file = folder / f"part-{number}.csv"
        file.write_text("".join([head, *lines[number * share : (number + 2) * share]]), encoding="utf-8")
        files.append(file)
    whole.unlink()
    return files


def crash(store: ObjectStore, work: Path, kills: int, rows: int, seed: int, lanes: int = 1) -> Crashes:
    """Run rounds until so many writers were killed, at most twice as many."""
    from sentinel_batch.ingestion import ingest

    files, done, counting = write_files(work, rows), Crashes(), threading.Lock()
    ingest(files, lake=work / "calm")
    writers = Writers(store, work, files)
    begun = time.monotonic()
    for writer in writers.start("undisturbed"):
        writer.wait()
    writers.seconds = time.monotonic() - begun
    expected = read_calls(work / "calm")

    def run_round(number: int) -> None:
        if done.kills >= kills:
            return
        found = _run_round(writers, f"round-{number}", expected, random.Random(f"{seed} {number}"))
        with counting:
            done.kills += found.kills
            done.outcomes += found.outcomes
            done.failures += found.failures
            print(f"round-{number}: {done.kills} kills, {dict(done.outcomes)}, {done.failures}", file=sys.stderr)

    with ThreadPoolExecutor(lanes) as pool:
        list(pool.map(run_round, range(2 * kills)))
    return done


def _run_round(writers: Writers, name: str, expected: pl.DataFrame, chance: random.Random) -> Crashes:
    kills = _kill(writers.start(name), writers.seconds, chance)
    outcome, wrong = _judge_half(_address(name), expected)
    again = writers.start(name)
    errors = [writer.communicate()[1].decode(errors="replace") for writer in again]
    wrong += [error[-500:] for writer, error in zip(again, errors, strict=True) if writer.returncode]
    if not read_calls(_address(name)).equals(expected):
        wrong.append("the calls differ from those of an undisturbed run")
    return Crashes(kills, Counter([outcome]), [f"{name}: {text}" for text in wrong])


def read_calls(lake: Path | str) -> pl.DataFrame:
    """Return what readers see of the calls of a lake, sorted, without their place."""
    from sentinel_batch.lake import Lake

    calls = Lake.open(lake).snapshot().read("call_records").drop(_PLACE)
    return calls.sort(calls.columns, nulls_last=True)


def _address(name: str) -> str:
    return f"s3://{BUCKET}/{name}/lake"


def _kill(writers: list[subprocess.Popen[bytes]], seconds: float, chance: random.Random) -> int:
    """Kill one writer, and often the other one, too; return how many that caught in the middle."""
    doomed = chance.sample(writers, chance.choice((1, 2, 2)))
    moments = sorted(chance.uniform(0.25, 1.0) * seconds for _ in doomed)
    begun = time.monotonic()
    for writer, moment in zip(doomed, moments, strict=True):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        writer.kill()
    for writer in writers:
        writer.communicate()
    return sum(writer.returncode == -9 for writer in writers)


def _judge_half(address: str, expected: pl.DataFrame) -> tuple[str, list[str]]:
    from sentinel_batch.errors import LakeNotFoundError

    try:
        seen = read_calls(address)
    except LakeNotFoundError:
        return "no lake", []
    outcome = "all there" if seen.equals(expected) else "nothing there" if seen.is_empty() else "some files"
    keys = seen.columns
    counted = seen.group_by(keys).len().join(expected.group_by(keys).len(), on=keys, how="left", nulls_equal=True)
    strange = counted.filter(pl.col("len") > pl.col("len_right").fill_null(0)).height
    return outcome, [f"{strange} calls are there twice, or in no file"] if strange else []


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=5, help="rounds side by side")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving_objects() as store:
        os.environ |= store.variables() | {"XDG_CACHE_HOME": f"{folder}/cache"}
        begun = time.monotonic()
        done = crash(store, Path(folder), given.kills, given.rows, given.seed, given.lanes)
        facts = {"kills": done.kills, "outcomes": done.outcomes, "failures": done.failures}
        print(json.dumps(facts | {"minutes": round((time.monotonic() - begun) / 60, 1)}, indent=2))
    sys.exit(bool(done.failures))


if __name__ == "__main__":
    main()
