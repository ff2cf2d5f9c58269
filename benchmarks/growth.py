"""What a night costs as nights add up: ``python -m benchmarks.growth [--nights 400] [--calls 50000] [--table]``.

A population with known fraud in it is simulated for six weeks, and its days come in again and again, the fraudsters'
numbers being new ones each time: so the history of alerts grows, night 398 has the very calls of night 20, and nothing
but the history is different. All nights run in one process, through the code of ``nightly``; processor time is taken as
each step ends. The product's clock goes on by a day a night, and all files grow a day older.

Figures are appended to a file as the nights go by; ``--table`` prints what they come to. All nights take hours on a
busy machine, and the first of them are worked while it does other things than while it works the last. ``--copied``
works six weeks, makes lakes of 17, 59 and 395 nights of copies of them, and works the next five on each, by turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.desk import Desk

FIRST_DAY = date(2026, 1, 5)
"""A Monday."""

BEGIN = clock(3)
"""When a night begins, in UTC."""

DAY_SECONDS = 86_400

PERIOD = 42
"""Days after which the same calls come again: whole weeks, and a divisor of 378, the nights between 20 and 398."""

CALLS_A_DAY = 5.5
"""Calls of a simulated subscriber a day."""

KEPT_FILES = 7
"""Files of the newest nights that are still in the inbox."""

RENAMED = ("simbox", "wangiri", "irsf", "short_duration", "sequential_dialling", "call_masking")
"""Kinds of fraud that have new numbers each time; the others use numbers of honest people, or none that exist."""

COLUMNS = (
    "call_timestamp", "caller_number", "callee_number", "duration_seconds", "call_direction", "termination_cause",
    "location_code", "imei", "imsi", "trunk",
)  # fmt: skip
"""What the files have."""

READ_AT = (20, 60, 100, 200, 300, 400)
"""Nights after which the commands of an analyst are measured, too."""

COMPARED = range(18, 23)
"""Nights that are compared, and those whole periods later."""

FIGURES = "figures.jsonl"

LEAST_SECONDS = 0.05
"""A ratio of less says nothing."""

PARTITIONED = ("call_records", "profiles", "box_traces")
"""Tables that have files of their own for each day."""

STEPS = ("ingest", "profiles", "detect", "alerts", "boxes", "cases", "report", "pack", "tidy")


def main() -> None:
    """Work the nights, or print the table of those that were worked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument("--calls", type=int, default=50_000, help="calls a night, about")
    parser.add_argument("--folder", type=Path, default=Path("growth"), help="for lake, inbox and figures; made anew")
    parser.add_argument("--copied", action="store_true", help="nights 18 to 22, 60 to 64 and the last five, by turns")
    parser.add_argument("--worked", type=Path, help="folder of an earlier run of at least 42 nights, for --copied")
    parser.add_argument("--table", action="store_true", help="print the table at the end")
    parser.add_argument("--only-table", action="store_true", help="of figures that are there")
    chosen = parser.parse_args()
    figures = chosen.folder / FIGURES
    if not chosen.only_table:
        shutil.rmtree(chosen.folder, ignore_errors=True)
        chosen.folder.mkdir(parents=True)
        if chosen.copied:
            worked = chosen.worked or chosen.folder / "worked"
            if chosen.worked is None:
                work_nights(worked, worked / FIGURES, PERIOD, chosen.calls, keep_all=True)
            take_turns(chosen.folder, worked, figures, chosen.nights, chosen.calls)
        else:
            work_nights(chosen.folder, figures, chosen.nights, chosen.calls)
    if chosen.table or chosen.only_table:
        print(make_table(read_figures(figures)))


class Clock:
    """The product's clock, from now on: it stands at a moment, and goes on from there."""

    def __init__(self) -> None:
        from sentinel_batch import window

        self._real = window.now
        for name, module in list(sys.modules.items()):
            if name.startswith("sentinel_batch") and vars(module).get("now") is self._real:
                vars(module)["now"] = self.read
        self.set(self._real())

    def set(self, moment: datetime) -> None:
        """Go to a moment."""
        self._moment, self._began = moment, self._real()

    def read(self) -> datetime:
        """Return the time."""
        return self._moment + (self._real() - self._began)


def age_files(lake: Path) -> None:
    """Make all files of a lake a day older: what is removed by its age is told by the system's clock."""
    for file in lake.rglob("*"):
        if file.is_file() and file.name != "sentinel-lake.json":
            facts = file.stat()
            os.utime(file, (facts.st_atime - DAY_SECONDS, facts.st_mtime - DAY_SECONDS))


def work_nights(folder: Path, figures: Path, nights: int, calls: int, *, keep_all: bool = False) -> None:
    """Work so many nights in one lake, and write down what each costs.

    Parameters
    ----------
    folder
        For lake, inbox, reports and population.
    figures
        File for what is measured.
    nights
        How many.
    calls
        Calls a night.
    keep_all
        Whether files that left a table stay, so that every version can be read.
    """
    prepare(keep_all=keep_all)
    folder.mkdir(parents=True, exist_ok=True)
    days, now = Days(folder / "population", round(calls / CALLS_A_DAY)), Clock()
    worker = Worker(folder, days, now)
    with figures.open("w", encoding="utf-8") as out:
        for night in range(1, nights + 1):
            facts = worker.work(night, measured=night in READ_AT)
            print(json.dumps(facts), file=out, flush=True)
            age_files(worker.desk.lake.path)


def take_turns(folder: Path, worked: Path, figures: Path, nights: int, calls: int) -> None:
    """Work the same five days on a young lake, on one of nine weeks, and on one of so many nights, by turns.

    The lakes are copies of worked nights (:mod:`benchmarks.growth_copies`).
    """
    prepare(keep_all=False)
    from benchmarks.growth_copies import Copies
    from sentinel_batch.lake import Snapshot
    from sentinel_batch.schema import TABLES

    days, now = Days(folder / "population", round(calls / CALLS_A_DAY)), Clock()
    versions = {night["night"]: night["versions"] for night in read_figures(worked / FIGURES)}
    young, whole = (
        Snapshot(worked / "lake", dict.fromkeys(TABLES) | versions[night]) for night in (COMPARED[0] - 1, PERIOD)
    )
    workers = {}
    for rounds in (0, 1, (nights - COMPARED[-1]) // PERIOD):
        place = folder / f"after-{rounds}"
        copies = Copies(place / "lake", rename, days.renamed, PERIOD)
        for round_ in range(rounds):
            copies.add(whole, round_)
        copies.add(young, rounds)
        copies.finish()
        workers[rounds] = Worker(place, days, now)
        print(f"a lake of {PERIOD * rounds + COMPARED[0] - 1} nights is there", flush=True)
    with figures.open("w", encoding="utf-8") as out:
        for night in COMPARED:
            for rounds, worker in workers.items():
                facts = worker.work(night + PERIOD * rounds, measured=night == COMPARED[-1])
                print(json.dumps(facts), file=out, flush=True)


def prepare(*, keep_all: bool) -> None:
    """Make this process a program that works nights, one after the other."""
    from sentinel_batch.cli import tune_allocator

    tune_allocator()
    from sentinel_batch.maintenance import upkeep
    from sentinel_batch.nightly import inbox

    # A file that was written a moment ago would be read again in the next night, which no real night has.
    vars(inbox)["_SETTLED_SECONDS"] = 0.0
    if not keep_all:
        # When a file left a table is in its log, by the system's clock, which the libraries ask: a week never passes.
        vars(upkeep)["DEFAULT_RETENTION_HOURS"] = 0


class Worker:
    """Works nights in one lake.

    Parameters
    ----------
    folder
        Holds lake, inbox and reports.
    days
        Gives the calls.
    now
        The product's clock.
    """

    def __init__(self, folder: Path, days: Days, now: Clock) -> None:
        import sentinel_batch as sb

        self.folder, self.days, self.now = folder, days, now
        self.inbox = folder / "inbox"
        self.inbox.mkdir(exist_ok=True)
        places = {"inbox": self.inbox, "reports": folder / "reports"}
        self.desk = sb.open(folder / "lake", keep_reports=90, timezone="Africa/Lagos", **places)

    def work(self, night: int, *, measured: bool) -> dict[str, Any]:
        """Work a night, and tell what it cost; ``measured`` measures the commands of an analyst as well."""
        self.days.write(night, self.inbox)
        self.now.set(datetime.combine(FIRST_DAY + timedelta(days=night), BEGIN, UTC))
        facts = {"night": night, **work_night(self.desk), **look_at(self.desk)}
        if measured:
            facts["commands"] = measure_commands(self.desk, self.folder / "by-hand")
        steps = " ".join(f"{name} {facts['cpu'].get(name, 0):.2f}" for name in STEPS)
        print(f"night {night}: {facts['cpu']['total']:.2f} s; {steps}; {facts['alerts']:,} alerts", flush=True)
        return facts


def read_figures(file: Path) -> list[dict[str, Any]]:
    """Read what was written down of nights."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


class Days:
    """The simulated days, written one by one as files of call records.

    Parameters
    ----------
    folder
        For the population.
    subscribers
        Its size.
    """

    def __init__(self, folder: Path, subscribers: int) -> None:
        import polars as pl

        from sentinel_batch.lake import Lake
        from sentinel_batch.simulation.population import simulate_population

        truth = simulate_population(
            lake=folder, subscribers=max(subscribers, 1000), days=PERIOD, boxes=6, sims_per_box=10, start=FIRST_DAY
        )
        kinds = pl.col("kind").is_in(RENAMED) & pl.col("number").str.contains(r"^\+\d{11,}$")
        self.renamed = truth.fraud().filter(kinds)["number"].to_list()
        self._calls = Lake.open(folder).snapshot().scan("call_records")

    def write(self, night: int, inbox: Path) -> None:
        """Put the calls of the day before a night into the inbox, and take the oldest file away."""
        round_, place = divmod(night - 1, PERIOD)
        day = FIRST_DAY + timedelta(days=place)
        self._read(day, round_).write_csv(inbox / f"calls-{night:04}.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
        (inbox / f"calls-{night - KEPT_FILES:04}.csv").unlink(missing_ok=True)

    def _read(self, day: date, round_: int) -> pl.DataFrame:
        import polars as pl

        new = {number: rename(number, round_) for number in self.renamed}
        calls = self._calls.filter(pl.col("local_date") == day).select(COLUMNS).collect()
        return calls.with_columns(
            pl.col("call_timestamp") + timedelta(days=PERIOD * round_),
            pl.col("caller_number", "callee_number").replace(new),
        ).sort("call_timestamp", "caller_number", "callee_number")


def rename(number: str, round_: int) -> str:
    """Return another number of the same network; numbers that follow one another still do."""
    return f"{number[:-7]}{(int(number[-7:]) + 1_234_567 * round_) % 10_000_000:07}"


def work_night(desk: Desk) -> dict[str, Any]:
    """Work one night; return the seconds of processor time of each step, and of all."""
    from sentinel_batch.nightly import run_nightly

    seconds: dict[str, float] = defaultdict(float)
    start = last = time.process_time()

    def note(step: Any) -> None:
        nonlocal last
        seconds[step.name] += time.process_time() - last
        last = time.process_time()

    result = run_nightly(lake=desk, on_step=note)
    total = time.process_time() - start
    if result.status != "success":
        sys.exit(f"The night ended with {result.status}: {result.error or result.failed_files}")
    cpu = {name: round(value, 4) for name, value in seconds.items()} | {"total": round(total, 4)}
    found = {step.name: step.counts for step in result.steps}
    return {"cpu": cpu, "records": found["ingest"]["records_inserted"], "suspects": found["detect"].get("findings", 0)}


def look_at(desk: Desk) -> dict[str, Any]:
    """Return how many files a lake has, how long its logs are, and what its tables hold."""
    tables, path = desk.lake.snapshot(), desk.lake.path
    files = {name: len(tables.files(name)) for name in tables.versions if tables.versions[name] is not None}
    entries = {name: len(list((path / name / "_delta_log").iterdir())) for name in files}
    on_disk = {name: sum(1 for _ in (path / name).rglob("*.parquet")) for name in files}
    sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
    return {
        "alerts": tables.read("fraud_alerts").height,
        "cases": tables.read("cases").height,
        "files": files,
        "files_on_disk": on_disk,
        "log_entries": entries,
        "versions": {name: tables.versions[name] for name in files},
        "megabytes": round(sum(sizes) / 1e6, 1),
        "resident_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def measure_commands(desk: Desk, out: Path) -> dict[str, float]:
    """Return the seconds of processor time that an analyst's commands take, of a lake that was just opened."""
    from sentinel_batch.maintenance import diagnose
    from sentinel_batch.reporting import write_report
    from sentinel_batch.scores import list_suspects

    commands: dict[str, Callable[[Desk], object]] = {
        "alerts list": lambda desk: desk.list_alerts(limit=50),
        "queue": lambda desk: list_suspects(lake=desk),
        "report": lambda desk: write_report(lake=desk, out=out, since="24h"),
        "doctor": lambda desk: diagnose(desk),
    }
    found: dict[str, float] = {}
    for name, command in commands.items():
        with taking_time(found, name):
            command(desk.snapshot())
    shutil.rmtree(out)
    return found


@contextmanager
def taking_time(found: dict[str, float], name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    found[name] = round(time.process_time() - start, 4)


def make_table(nights: list[dict[str, Any]]) -> str:
    """Compare nights around the twentieth with later ones that had the same calls."""
    parts = choose_nights({night["night"]: night for night in nights})
    heads = [f"{part[0]['night']} to {part[-1]['night']}" for part in parts]
    lines = [
        "| processor time, s (median) | " + " | ".join(heads) + " | last / first |",
        "|---|" + "---:|" * (len(parts) + 1),
    ]
    for name in (*sorted({name for night in nights for name in night["cpu"]} - {"total"}, key=order), "total"):
        found = [statistics.median(night["cpu"].get(name, 0.0) for night in part) for part in parts]
        ratio = f"**{found[-1] / found[0]:.2f}**" if max(found[0], found[-1]) >= LEAST_SECONDS else ""
        lines.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in found) + f" | {ratio} |")
    ends = [part[-1] for part in parts]
    lines += [
        "",
        "| in the lake | " + " | ".join(f"night {end['night']}" for end in ends) + " |",
        "|---|" + "---:|" * len(ends),
    ]
    for name in ("records", "suspects", "alerts", "cases", "megabytes", "resident_mib"):
        lines.append(f"| {name} | " + " | ".join(f"{end[name]:,}" for end in ends) + " |")
    for name in ("files", "files_on_disk", "log_entries"):
        lines.append(f"| {name} | " + " | ".join(f"{sum(end[name].values()):,}" for end in ends) + " |")
        dated = [sum(end[name].get(table, 0) for table in PARTITIONED) for end in ends]
        lines.append(
            f"| {name}, without {', '.join(PARTITIONED)} | "
            + " | ".join(f"{sum(end[name].values()) - part:,}" for end, part in zip(ends, dated, strict=True))
            + " |"
        )
    return "\n".join([*lines, *list_commands(nights)])


def choose_nights(nights: dict[int, dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the nights around the twentieth, those of the next period, and the last ones that had the same calls."""
    rounds = range((max(nights) - COMPARED[-1]) // PERIOD + 1)
    chosen = sorted({0, *(rounds[1:2]), *rounds[-1:]}) if rounds else []
    found = [[nights[night + PERIOD * round_] for night in COMPARED] for round_ in chosen]
    return found or [list(nights.values())]


def list_commands(nights: list[dict[str, Any]]) -> list[str]:
    """Return the table of an analyst's commands."""
    read = [night for night in nights if "commands" in night]
    if not read:
        return []
    lines = [
        "",
        "| command, s | " + " | ".join(f"night {night['night']}" for night in read) + " |",
        "|---|" + "---:|" * len(read),
    ]
    for name in read[0]["commands"]:
        lines.append(f"| {name} | " + " | ".join(f"{night['commands'][name]:.2f}" for night in read) + " |")
    return lines


def order(name: str) -> tuple[int, str]:
    return (STEPS.index(name) if name in STEPS else len(STEPS), name)


if __name__ == "__main__":
    main()
