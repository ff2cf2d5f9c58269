"""Every rule on DuckDB and on Apache Spark ``local[2]``: ``python -m benchmarks.engines``.

A simulated population is examined rule by rule: on DuckDB in this process, and on a Spark Connect server that is
started for it; what they find must be equal. Processor seconds count, as the machine is shared: of Spark those of the
whole server, planning and compiling included. The bytes that Spark shuffles, and its longest tasks, are what its own
pages tell. Other servers (Sail) are measured with ``--remote``, by seconds only. Prints a Markdown table, or JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

import sentinel_batch as sb
from benchmarks.spark_server import SparkServer, run_spark
from sentinel_batch.desk import Desk
from sentinel_batch.rules import Rule, examine, list_rules
from sentinel_batch.schema import FINDING_COLUMNS

HEAD = (
    "| rule | findings | DuckDB CPU s | Spark CPU s | ratio | of it in tasks | shuffled MB | tasks |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|"
)

WARMING = 3
"""Rules that run before the first one is measured."""


@dataclass(frozen=True)
class Work:
    """What Spark says of its work on one rule.

    Parameters
    ----------
    processor
        Processor seconds of the server.
    task_processor
        Those of its tasks.
    stages, tasks
        How many.
    read, written
        Bytes read from files, and written for shuffles.
    records
        Rows written for shuffles.
    longest, usual
        Processor seconds of the task that is longer than the middle one of its stage by most, and of that one; of
        stages that read a shuffle.
    most_records, usual_records
        Rows that such a task was given, likewise.
    """

    processor: float = 0.0
    task_processor: float = 0.0
    stages: int = 0
    tasks: int = 0
    read: int = 0
    written: int = 0
    records: int = 0
    longest: float = 0.0
    usual: float = 0.0
    most_records: int = 0
    usual_records: int = 0

    @classmethod
    def of(cls, processor: float, stages: list[dict[str, Any]]) -> Work:
        """Add stages up."""
        # Files are cut into pieces of one size, shuffles as the rows' numbers have it.
        shuffled = [stage for stage in stages if stage["shuffleReadRecords"]]
        seconds = [_quarters(stage, "executorCpuTime") for stage in shuffled]
        usual, longest = max(seconds, key=lambda q: q[1] - q[0], default=(0.0, 0.0))
        rows = [_quarters(stage, "shuffleReadMetrics", "readRecords") for stage in shuffled]
        middle, most = max(rows, key=lambda q: q[1] - q[0], default=(0.0, 0.0))
        return cls(
            processor,
            sum(stage["executorCpuTime"] for stage in stages) / 1e9,
            len(stages),
            sum(stage["numTasks"] for stage in stages),
            sum(stage["inputBytes"] for stage in stages),
            sum(stage["shuffleWriteBytes"] for stage in stages),
            sum(stage["shuffleWriteRecords"] for stage in stages),
            longest / 1e9,
            usual / 1e9,
            int(most),
            int(middle),
        )


def _quarters(stage: dict[str, Any], *names: str) -> tuple[float, float]:
    """Return the middle and the largest figure of a stage's tasks; nothing where it had none."""
    figures: Any = stage.get("taskMetricsDistributions") or {}
    for name in names:
        figures = figures.get(name) or {}
    middle, most = figures or (0.0, 0.0)
    return float(middle), float(most)


@dataclass(frozen=True)
class Row:
    """What one rule took.

    Parameters
    ----------
    rule
        Its id.
    findings
        How many it has.
    here, there
        Seconds on DuckDB, and on Spark.
    processor
        Processor seconds on DuckDB.
    work
        What Spark says of its own.
    """

    rule: str
    findings: int
    here: float
    processor: float
    there: float
    work: Work = field(default_factory=Work)

    def __str__(self) -> str:
        work = self.work
        return (
            f"| {self.rule} | {self.findings:,} | {self.processor:.2f} | {work.processor:.1f} "
            f"| {work.processor / self.processor:.0f} | {work.task_processor:.1f} | {work.written / 1e6:,.1f} "
            f"| {work.tasks:,} |"
        )


def measure(rules: list[Rule], here: Desk, there: Desk, server: SparkServer | None, since: str) -> Iterator[Row]:
    """Yield a row for each rule; findings that differ end the run."""
    for rule in rules:
        found, seconds, processor = run(here, rule, since)
        last = _find_last(server)
        before = server.read_processor() if server else 0.0
        other, other_seconds, _ = run(there, rule, since)
        if other != found:
            raise SystemExit(f"{rule.id} finds something else on Spark.")
        work = Work.of(server.read_processor() - before, server.read_stages(last)) if server else Work()
        yield Row(rule.id, len(found), seconds, processor, other_seconds, work)


def _find_last(server: SparkServer | None) -> int:
    return max((stage["stageId"] for stage in server.read_stages(-1)), default=-1) if server else -1


def run(desk: Desk, rule: Rule, since: str) -> tuple[list[tuple[object, ...]], float, float]:
    """Run a rule, and return its findings, the seconds that it took, and this process's processor seconds."""
    begun, processor = time.perf_counter(), time.process_time()
    findings = examine(lake=desk, rule=rule, since=since).findings
    seconds, processor = time.perf_counter() - begun, time.process_time() - processor
    rows = findings.select(list(FINDING_COLUMNS)).sort("suspect_number", "window_end", "evidence").rows()
    return rows, seconds, processor


@contextmanager
def open_spark(remote: str | None, settings: dict[str, str]) -> Iterator[tuple[str, SparkServer | None]]:
    """Give the address of a server: of the one that was named, else of one that is started with these settings."""
    if remote is not None:
        yield remote, None
        return
    # Kept so long that no stage is forgotten before it was read.
    kept = {"spark.ui.enabled": "true", "spark.ui.retainedStages": "5000", "spark.ui.retainedTasks": "500000"}
    with tempfile.TemporaryDirectory() as folder, run_spark(Path(folder), kept | settings) as server:
        yield server.remote, server


def compare(
    lakes: list[Path],
    since: str,
    *,
    rules: list[Rule] | None = None,
    settings: dict[str, str] | None = None,
    remote: str | None = None,
    form: str = "parquet",
    warming: int = WARMING,
) -> dict[str, list[Row]]:
    """Measure rules on lakes that have their profiles, all on one server.

    Parameters
    ----------
    lakes
        Their folders; results are told by the names of the folders above them.
    since
        The examined period, such as ``1d``.
    rules
        None is all of them.
    settings
        Of the server that is started; of the session, if it is another's.
    remote
        The address of another server than our own; None starts Apache Spark.
    form
        How the lake is read there: ``parquet``, or ``delta`` for Sail.
    warming
        So many rules run before the first one is measured.
    """
    rules, settings, measured = rules or list_rules(), settings or {}, {}
    with open_spark(remote, settings) as (address, server):
        for lake in lakes:
            here = sb.open(lake)
            there = here.configure(
                engine="spark", spark_remote=address, spark_format=form, spark_settings=settings if remote else {}
            )
            if not measured:  # The first rules would pay for what the server compiles once.
                for rule in rules[:warming]:
                    run(there, rule, since)
            print(f"\n{lake}, {since}\n\n{HEAD}")
            measured[lake.parent.name] = [row for row in measure(rules, here, there, server, since) if show(row)]
    return measured


def count_newest_day(lake: Path) -> int:
    """Return the number of calls of the newest local day."""
    day = (
        sb.open(lake).snapshot().tables.scan("call_records").select(pl.col("local_date") == pl.col("local_date").max())
    )
    return int(day.sum().collect().item())


def show(row: Row) -> bool:
    """Print a row as soon as it is known."""
    print(row, flush=True)
    return True


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--lake", type=Path, action="append", default=[], help="take this instead of simulating one")
    parser.add_argument("--since", default="30d", help="the examined period")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE for Spark")
    parser.add_argument("--remote", help="sc://HOST:PORT of another server than our own Apache Spark")
    parser.add_argument("--format", default="parquet", help="parquet, or delta for Sail")
    parser.add_argument("--subscribers", type=int, default=6000)
    parser.add_argument("--days", type=int, default=16)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lakes = given.lake or [Path(folder) / "lake"]
        if not given.lake:
            sb.simulate_population(lakes[0], subscribers=given.subscribers, days=given.days, seed=5, boxes=7)
            sb.build_profiles(lake=lakes[0])
        settings = dict(pair.split("=", 1) for pair in given.set)
        measured = compare(lakes, given.since, settings=settings, remote=given.remote, form=given.format)
        runs = [
            {"lake": name, "calls": calls, "since": given.since, "settings": settings}
            | {"rows": [asdict(row) for row in rows]}
            for (name, rows), calls in zip(measured.items(), map(count_newest_day, lakes), strict=True)
        ]
    if given.json:
        given.json.write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main()
