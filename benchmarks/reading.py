"""Read a lake while it is written: ``python -m benchmarks.reading [--reads 20000] [--commits 400] [--packings 60]``.

Threads ask one :class:`~sentinel_batch.lake.LakeReader` for risks and explanations; a writer commits calls, builds
profiles and packs files. Every answer must be that of one version of the calls, worked out from them in plain Python,
and of none that was older than the newest commit when the question was asked.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.alerts import explain
from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.lake import Lake, LakeReader
from sentinel_batch.maintenance import maintain
from sentinel_batch.profiles import build_profiles
from sentinel_batch.schema import CALL_RECORDS, polars_schema
from sentinel_batch.scores import assess_risk

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(hours=24, microseconds=-1)
NUMBERS = [f"+23480{number:08}" for number in range(40)]
BATCH = 60
THREADS = 4
CONFIG = Config(timezone="UTC")

Figures = tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """What was said of a number, and of which version of the calls.

    Parameters
    ----------
    number, figures
        The number; calls, callees and seconds on average, and what an explanation says of others.
    version
        Of the calls.
    before, after
        The newest version that the writer had committed when the question was asked, and when it was answered.
    seconds
        How long that took.
    """

    number: str
    figures: Figures
    version: int
    before: int
    after: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What happened: the answers, what is wrong with them, and how much was written meanwhile."""

    answers: list[Answer]
    faults: list[str]
    commits: int
    packings: int

    @property
    def overlapping(self) -> int:
        """Answers that were under way while the calls changed."""
        return sum(answer.after > answer.before for answer in self.answers)

    def tell(self) -> str:
        """Say it in a line."""
        times = sorted(answer.seconds for answer in self.answers)
        return (
            f"{len(times):,} reads during {self.commits} commits and {self.packings} packings: "
            f"{len(self.faults)} wrong; {self.overlapping:,} were under way while the calls changed; "
            f"median {1e3 * statistics.median(times):.0f} ms, 95 % within {1e3 * times[len(times) * 95 // 100]:.0f} ms"
        )


@dataclass
class Trial:
    """One run: a writer, and threads that share one reader.

    Parameters
    ----------
    folder
        Where the lake is made.
    reads, commits, packings
        How many; commits and packings are spread over the reads.
    seed
        Of the calls.
    """

    folder: Path
    reads: int
    commits: int
    packings: int
    seed: int = 0
    newest: int = -1
    answers: list[Answer] = field(default_factory=list)
    calls: dict[int, list[tuple[str, str, int]]] = field(default_factory=dict)
    """Version of the table to caller, callee and seconds of all calls that it holds."""

    def run(self) -> Outcome:
        """Read and write at once, then compare."""
        self.random, self.lake = random.Random(self.seed), Lake.create(self.folder / "lake")
        self._commit()
        with self._opened(), ThreadPoolExecutor(THREADS) as pool:
            asked = [pool.submit(self._ask, number) for number in range(self.reads)]
            self._write()
            for future in asked:
                future.result()
        faults = [fault for answer in self.answers if (fault := self._judge(answer))]
        return Outcome(self.answers, faults, self.commits, self.packings)

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Open what is asked, for a block."""
        with LakeReader(self.lake, seconds=None) as self.reader:
            yield

    def _write(self) -> None:
        every = max(self.commits // self.packings, 1)
        for number in range(self.commits):
            while len(self.answers) < number * self.reads // (self.commits + 1):
                time.sleep(0.001)
            self._commit()
            if number % every == every - 1 and number // every < self.packings:
                build_profiles(lake=self.lake, config=CONFIG)
                maintain(lake=self.lake, config=CONFIG)

    def _commit(self) -> None:
        rows = [
            {
                "caller_number": caller,
                "callee_number": f"+1{self.random.randrange(300)}",
                "duration_seconds": self.random.randrange(200),
                "call_timestamp": START + timedelta(seconds=self.random.randrange(86_400)),
                "call_date": START.date(),
            }
            # Every number calls in the first commit, so that there is always something to say of it.
            for caller in ([] if self.calls else NUMBERS) + self.random.choices(NUMBERS, k=BATCH)
        ]
        known = self.calls.get(max(self.calls, default=-1), [])
        new = [(row["caller_number"], row["callee_number"], row["duration_seconds"]) for row in rows]
        version = (self.lake.snapshot().versions[CALL_RECORDS.name] or 0) + (1 if self.calls else 0)
        self.calls[version] = known + new  # First, so that a reader who is quick is judged by it.
        self.lake.append(CALL_RECORDS.name, pl.DataFrame(rows, schema=polars_schema(CALL_RECORDS.columns)))
        self.newest = version

    def _ask(self, place: int) -> None:
        number, before, clock = NUMBERS[place % len(NUMBERS)], self.newest, time.perf_counter()
        tables = self.reader.snapshot()
        desk = Desk(CONFIG, tables)
        if place % 3:
            told = assess_risk(number, at=END, lake=desk)
            figures: Figures = (told.call_count, told.unique_destinations, told.avg_duration_seconds)
        else:
            reasons = explain(number, lake=desk).reasons
            figures = (*(one.day_value for one in reasons), reasons[0].callers, *(one.percentile for one in reasons))
        seconds, version = time.perf_counter() - clock, tables.versions[CALL_RECORDS.name]
        self.answers.append(Answer(number, figures, version or 0, before, self.newest, seconds))

    def _judge(self, answer: Answer) -> str | None:
        """Compare an answer with the calls of its version; packing makes versions with the same calls."""
        if answer.version < answer.before:
            return f"version {answer.version} was read when {answer.before} was committed already"
        calls = self.calls[max(version for version in self.calls if version <= answer.version)]
        expected = work_out(calls, answer.number)[: len(answer.figures)]
        if is_same(answer.figures, expected):
            return None
        return f"{answer.number} of version {answer.version}: {answer.figures}, not {expected}"


def is_same(figures: Figures, expected: Figures) -> bool:
    """Tell whether figures are those that were expected, but for the last digits."""
    pairs = zip(figures, expected, strict=True)
    return all(a == b or (a is not None and abs(a - b) < 1e-9) for a, b in pairs)


def work_out(calls: Iterable[tuple[str, str, int]], number: str) -> Figures:
    """Return calls, callees, average; other callers, and the percent of them that is below in each."""
    by_caller = defaultdict(list)
    for caller, callee, seconds in calls:
        by_caller[caller].append((callee, seconds))
    figures = {
        caller: (len(made), len({callee for callee, _ in made}), sum(seconds for _, seconds in made) / len(made))
        for caller, made in by_caller.items()
    }
    own = figures.pop(number)
    below = (100 * sum(other[n] < own[n] for other in figures.values()) / len(figures) for n in range(len(own)))
    return (*own, len(figures), *below)


def main(kind: type[Trial] = Trial, name: str = "reading", description: str | None = __doc__) -> None:
    """Run a trial of a kind and say what happened; fails if an answer was wrong."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    parser.add_argument("--reads", type=int, default=20_000)
    parser.add_argument("--commits", type=int, default=400)
    parser.add_argument("--packings", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        done = kind(Path(folder), options.reads, options.commits, options.packings, options.seed).run()
    print(done.tell(), *done.faults[:10], sep="\n")
    raise SystemExit(bool(done.faults))


if __name__ == "__main__":
    main()
