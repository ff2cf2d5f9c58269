"""Every rule on DuckDB and on a Spark Connect server: ``python -m benchmarks.engines --remote sc://127.0.0.1:15002``.

A simulated population is examined whole, rule by rule, each engine once to get warm and once to be measured. With
``--ui http://127.0.0.1:4040`` (Apache Spark with ``spark.ui.enabled``) the bytes that it shuffled are told, too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sentinel_batch as sb
from sentinel_batch.desk import Desk
from sentinel_batch.rules import Rule, examine, list_rules
from sentinel_batch.schema import FINDING_COLUMNS

PERIOD = "30d"


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
    shuffled
        Bytes that Spark wrote for shuffles; None if they are not known.
    """

    rule: str
    findings: int
    here: float
    there: float
    shuffled: int | None

    def __str__(self) -> str:
        shuffled = "" if self.shuffled is None else f"{self.shuffled / 1e6:,.1f}"
        ratio = self.there / self.here
        return f"| {self.rule} | {self.findings:,} | {self.here:.2f} | {self.there:.1f} | {ratio:.0f} | {shuffled} |"


def measure(rules: list[Rule], here: Desk, there: Desk, ui: str | None) -> Iterator[Row]:
    """Yield a row for each rule; findings that differ end the run."""
    for rule in rules:
        examine(lake=here, rule=rule, since=PERIOD)
        found, seconds = run(here, rule)
        examine(lake=there, rule=rule, since=PERIOD)
        before = read_shuffled(ui)
        other, other_seconds = run(there, rule)
        after = read_shuffled(ui)
        if other != found:
            raise SystemExit(f"{rule.id} finds something else on Spark.")
        yield Row(
            rule.id, len(found), seconds, other_seconds, None if after is None or before is None else after - before
        )


def run(desk: Desk, rule: Rule) -> tuple[list[tuple[object, ...]], float]:
    """Run a rule, and return its findings and the seconds that it took."""
    begun = time.perf_counter()
    findings = examine(lake=desk, rule=rule, since=PERIOD).findings
    seconds = time.perf_counter() - begun
    return findings.select(list(FINDING_COLUMNS)).sort("suspect_number", "window_end", "evidence").rows(), seconds


def read_shuffled(ui: str | None) -> int | None:
    """Return the bytes that all executors of a Spark server have written for shuffles so far."""
    if ui is None:
        return None
    [application] = read_json(f"{ui}/api/v1/applications")
    executors = read_json(f"{ui}/api/v1/applications/{application['id']}/executors")
    return sum(int(executor["totalShuffleWrite"]) for executor in executors)


def read_json(address: str) -> list[dict[str, object]]:
    """Return what the page of a server says."""
    with urllib.request.urlopen(address, timeout=10) as answer:  # an address that was typed
        found: list[dict[str, object]] = json.load(answer)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--remote", required=True, help="sc://HOST:PORT")
    parser.add_argument("--format", default="parquet", help="parquet, or delta for Sail")
    parser.add_argument("--setting", action="append", default=[], help="NAME=VALUE of the session")
    parser.add_argument("--ui", help="Apache Spark's pages, for its shuffles")
    parser.add_argument("--subscribers", type=int, default=6000)
    parser.add_argument("--days", type=int, default=16)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        sb.simulate_population(lake, subscribers=given.subscribers, days=given.days, seed=5, boxes=7)
        sb.build_profiles(lake=lake)
        here = sb.open(lake)
        there = here.configure(
            engine="spark",
            spark_remote=given.remote,
            spark_format=given.format,
            spark_settings=dict(pair.split("=") for pair in given.setting),
        )
        print("| rule | findings | DuckDB s | Spark s | ratio | shuffled MB |\n|---|--:|--:|--:|--:|--:|")
        for row in measure(list_rules(), here, there, given.ui):
            print(row, flush=True)


if __name__ == "__main__":
    main()
