"""One number with a hundredth of all calls: ``python -m benchmarks.skew --folder FOLDER [--json FILE]``.

Three lakes of equally many calls: a simulated network as it is; the same with every hundredth call made by one caller,
from one cell and one handset, for a few seconds; the same with every hundredth call made to one callee, for a minute.
Rules run on each, on DuckDB and on Apache Spark with a hundred partitions, which are not merged however small they are:
so a partition holds a hundredth of the calls, and the number's own partition twice as much, unless a rule gathers more.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import polars as pl

import sentinel_batch as sb
from benchmarks.engines import compare
from benchmarks.night_costs import CALLS_OF_A_SUBSCRIBER, SEED
from sentinel_batch.lake import Lake
from sentinel_batch.rules import list_rules

CALLER, CALLEE = "+2348039990001", "+2348039990002"
EVERY = 100
SETTINGS = {
    "spark.driver.memory": "3g",
    "spark.sql.shuffle.partitions": "100",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
}
PROFILE_RULES = ("BEHAVIOUR_SHIFT", "NIGHT_SHIFT", "SIMBOX_STATIC")
"""They read nothing but profiles, in which a number is one row a day, however many calls it makes."""


def make_lakes(folder: Path, calls: int, days: int) -> list[Path]:
    """Make the three lakes, with profiles: ``usual``, ``caller`` and ``callee``."""
    lakes = [folder / name / "lake" for name in ("usual", "caller", "callee")]
    if not lakes[-1].exists():
        subscribers = round(calls / days / CALLS_OF_A_SUBSCRIBER)
        sb.simulate_population(lakes[0], subscribers=subscribers, days=days, seed=SEED)
        for lake, change in zip(lakes[1:], (_give_caller, _give_callee), strict=True):
            shutil.copytree(lakes[0], lake)
            rows = Lake.open(lake).snapshot().scan("call_records").collect()
            chosen = pl.int_range(pl.len()) % EVERY == 0
            Lake.open(lake).overwrite("call_records", change(rows, chosen))
        for lake in lakes:
            sb.build_profiles(lake=lake)
    return lakes


def _give_caller(rows: pl.DataFrame, chosen: pl.Expr) -> pl.DataFrame:
    facts = {"caller_number": CALLER, "imei": "356938035643809", "location_code": rows["location_code"].drop_nulls()[0]}
    given = {name: pl.when(chosen).then(pl.lit(value)).otherwise(name) for name, value in facts.items()}
    seconds = pl.when(chosen).then(pl.col("duration_seconds") % 5 + 1).otherwise("duration_seconds")
    return rows.with_columns(**given, duration_seconds=seconds)


def _give_callee(rows: pl.DataFrame, chosen: pl.Expr) -> pl.DataFrame:
    return rows.with_columns(
        callee_number=pl.when(chosen).then(pl.lit(CALLEE)).otherwise("callee_number"),
        callee_prefix=pl.when(chosen).then(pl.lit(CALLEE[:7])).otherwise("callee_prefix"),
        duration_seconds=pl.when(chosen).then(60).otherwise("duration_seconds"),
        answered=pl.when(chosen).then(True).otherwise("answered"),
    )


def main() -> None:
    """Make the lakes, measure, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.skew", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the lakes go; they stay")
    parser.add_argument("--calls", type=lambda text: int(text.replace("_", "")), default=2_000_000)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--rule", action="append", help="only these")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    rules = [rule for rule in list_rules() if rule.id in (given.rule or [rule.id]) and rule.id not in PROFILE_RULES]
    lakes = make_lakes(given.folder, given.calls, given.days)
    # What counts is the processor time of tasks, against that on the first lake.
    measured = compare(lakes, f"{given.days}d", rules=rules, settings=SETTINGS, warming=1)
    calls = sb.open(lakes[0]).snapshot().tables.scan("call_records").select(pl.len()).collect().item()
    document = {
        "calls": calls,
        "days": given.days,
        "hot_calls": calls // EVERY,
        "lakes": {name: [asdict(row) for row in rows] for name, rows in measured.items()},
    }
    if given.json:
        given.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
