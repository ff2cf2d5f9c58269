"""What a day of so many calls takes: ``python -m benchmarks.sizing docs/sizing.md`` writes the page's tables.

They are worked out from ``benchmarks/results/sizing.json`` alone, which holds what was measured:
``python -m benchmarks.sizing --collect --night FILE… --spark FILE… --skew FILE`` makes it of what
:mod:`benchmarks.night_costs`, :mod:`benchmarks.engines` and :mod:`benchmarks.skew` wrote.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.growth_laws import Law, fit
from sentinel_batch.generated_pages import replace_parts
from sentinel_batch.rules import list_rules
from sentinel_batch.rules.inputs import EXAMINED_CALLS

RESULTS = Path(__file__).parent / "results" / "sizing.json"
MILLION = 1e6

DAYS = (1, 10, 100, 1_000, 10_000)
"""Millions of calls a day in the sizing table."""

EXTREMES = (1_000, 10_000, 100_000)
"""Millions of calls a day in the table of what breaks."""

CORES, GIBIBYTES = 4, 16
"""Of an executor, as assumed."""

USE = 0.5
"""Share of their time in which cores are assumed to work on tasks; the rest they wait."""

RULE_MINUTES = 60
"""Rules on a cluster shall take so long, apart from what does not depend on the calls."""

KEPT_DAYS = 90
"""For so long calls are assumed to be kept."""

NEW_DAY_STEPS = ("ingest", "duplicates", "pack")
"""Steps whose cost does not depend on the days before."""

STEPS = ("ingest", "duplicates", "pack", "profiles", "rules", "boxes", "alerts", "cases", "report")
SMALL = ("inbox", "rules", "publish", "notify")
"""Steps of a night that are counted together."""

HISTORY_DAYS = 15
"""Days of the lakes on which whole nights were measured."""

PARTS_PER_MILLION, PACKED_ROWS, GROUP_ROWS = 4, 2_000_000, 1 << 14
"""Files that ingest writes for a million calls; rows of a packed file, and of a group in it."""

COLUMNS_READ = 6
"""Columns of calls that a rule reads, about."""

REQUESTS = 5_500
"""GET requests a second that S3 serves for one prefix, by its documentation."""

MESSAGE = 128 * 2**20
"""Bytes that a Spark Connect server takes in one message unless it is told otherwise."""

FILES_READ_DAYS = 8
"""Days of files that a rule with a window of a week names."""

PATH_BYTES = 120
"""Of a file's address in a plan, about."""


class Measured:
    """What was measured, and laws of growth through it.

    Parameters
    ----------
    document
        As in the file of results.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.nights: list[dict[str, Any]] = sorted(document["nights"], key=lambda night: night["calls"])
        self.spark: list[dict[str, Any]] = sorted(document["spark"], key=lambda run: run["calls"])
        self.skew: dict[str, Any] = document["skew"]

    @cached_property
    def largest(self) -> dict[str, Any]:
        """The largest whole night."""
        return self._choose(whole=True)[-1]

    def _choose(self, whole: bool) -> list[dict[str, Any]]:
        return [night for night in self.nights if night["days"] >= HISTORY_DAYS or not whole]

    def _fit(self, costs: Iterator[tuple[float, float]]) -> Law:
        by_size: dict[float, list[float]] = {}
        for calls, cost in costs:
            by_size.setdefault(calls / MILLION, []).append(cost)
        return fit([(size, statistics.median(found)) for size, found in sorted(by_size.items())])

    def step(self, name: str) -> Law:
        """Return processor seconds of a step, of :data:`STEPS`."""
        nights = self._choose(whole=name not in NEW_DAY_STEPS)
        return self._fit((night["calls"], _take(night, name)) for night in nights if _ran(night, name))

    def memory(self, name: str) -> Law | None:
        """Return the bytes of memory of a process that does this step alone; None where it was not measured."""
        if name == "ingest":  # The first step of a night has memory to itself.
            peaks = [(night["calls"], night["steps"][name]["peak_bytes"]) for night in self.nights]
        else:
            peaks = [
                (n["calls"], n["alone_peak_bytes"][name]) for n in self.nights if name in n.get("alone_peak_bytes", {})
            ]
        return self._fit(iter(peaks)) if peaks else None

    def late(self) -> Law:
        """Return processor seconds of looking for duplicates if a hundredth of a packed day comes once more."""
        nights = [night for night in self.nights if "late_cpu_seconds" in night]
        return self._fit((night["calls"], night["late_cpu_seconds"]) for night in nights)

    def rule(self, name: str) -> Law:
        """Return processor seconds of a rule on DuckDB."""
        return self._fit((night["calls"], night["rules"][name]) for night in self._choose(whole=True))

    @property
    def rules(self) -> list[str]:
        """Names of the rules."""
        return sorted(self.largest["rules"])

    def bytes_per_call(self, table: str, moment: str = "after") -> float:
        """Return the bytes that a new day adds to a table, by its calls; those of calls before they are packed."""
        night = self.largest
        before, now = (night["tables"][when].get(table, {}).get("bytes", 0) for when in ("before", moment))
        return float(now - before) / float(night["calls"])

    def log_bytes(self) -> float:
        """Return the bytes that a file of calls adds to the table's log."""
        return self._added("log_bytes") / self._added("files")

    def _added(self, name: str) -> float:
        tables = self.largest["tables"]
        return float(tables["ingest"]["call_records"][name] - tables["before"]["call_records"][name])

    def findings(self, name: str) -> float:
        """Return ``rows`` or ``bytes`` of findings for a million calls."""
        return float(self.largest["findings"][name]) / self.largest["calls"] * MILLION

    def spark_rule(self, rule: str) -> tuple[float, float]:
        """Return processor seconds of a rule on Spark: without calls, and of its tasks for a million calls a day."""
        runs = self.spark
        small, large = (_find(run, rule)["work"] for run in (runs[0], runs[-1]))
        step = (runs[-1]["calls"] - runs[0]["calls"]) / MILLION
        rate = max(large["task_processor"] - small["task_processor"], 0.0) / step
        return large["processor"] - large["task_processor"], rate

    def shuffled(self, rule: str) -> float:
        """Return the bytes that a rule shuffles for a million calls a day, on the largest lake."""
        run = self.spark[-1]
        return float(_find(run, rule)["work"]["written"]) / run["calls"] * MILLION

    def skewed(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield a rule, the lake (``usual``, ``caller``, ``callee``) and what Spark said of its work there."""
        for lake, rows in self.skew["lakes"].items():
            for row in rows:
                yield row["rule"], lake, row["work"]

    def hot_task(self, work: dict[str, Any]) -> float:
        """Return by how many seconds a number with a million calls makes the longest task longer than the others."""
        return float(work["longest"] - work["usual"]) / self.skew["hot_calls"] * MILLION

    def slowest_task(self) -> float:
        """Return the most of :meth:`hot_task` over rules and lakes with such a number."""
        return max((self.hot_task(work) for _, lake, work in self.skewed() if lake != "usual"), default=0.0)


def _find(run: dict[str, Any], rule: str) -> dict[str, Any]:
    [row] = [row for row in run["rows"] if row["rule"] == rule]
    found: dict[str, Any] = row
    return found


def _take(night: dict[str, Any], name: str) -> float:
    steps = night["steps"]
    if name == "duplicates":
        return float(night["duplicates_cpu_seconds"])
    if name == "ingest":
        return float(steps["ingest"]["cpu_seconds"] - night["duplicates_cpu_seconds"])
    return float(steps["detect" if name == "rules" else name]["cpu_seconds"])


def _ran(night: dict[str, Any], name: str) -> bool:
    return bool(night["steps"].get(name, {}).get("status", "done") != "skipped")


def tell_sizes(measured: Measured) -> str:
    """Return the sizing table."""
    stored = measured.bytes_per_call("call_records") + sum(
        measured.bytes_per_call(t) for t in ("profiles", "box_traces")
    )
    lines = [
        "| calls a day | stored a day | kept in all | ingest, on the edge | one machine: whole night | its memory "
        f"| executors ({CORES} cores, {GIBIBYTES} GB) | rules there | shuffled | on the client then |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for millions in DAYS:
        alone = sum(measured.step(name).at(millions) for name in STEPS)
        executors, minutes = plan_cluster(measured, millions)
        shuffled = sum(measured.shuffled(rule) for rule in measured.rules) * millions
        client = sum(measured.step(name).at(millions) for name in ("profiles", "boxes", "alerts", "cases", "report"))
        memory = max(law.at(millions) for law in map(measured.memory, ("ingest", "boxes", "profiles")) if law)
        lines.append(
            f"| {_count(millions * MILLION)} | {_weigh(stored * millions * MILLION)} "
            f"| {_weigh(keep(measured) * millions * MILLION)} | {_span(measured.step('ingest').at(millions))} "
            f"| {_span(alone)} | {_weigh(memory)} | {executors:,} | {_span(minutes * 60)} | {_weigh(shuffled)} "
            f"| {_span(client)} |"
        )
    return "\n".join(lines)


def keep(measured: Measured) -> float:
    """Return the bytes that a call of each day leaves in a lake that keeps calls for 90 days, figures for 400."""
    figures = sum(measured.bytes_per_call(table) for table in ("profiles", "box_traces"))
    return KEPT_DAYS * measured.bytes_per_call("call_records") + 400 * figures


def plan_cluster(measured: Measured, millions: float) -> tuple[int, float]:
    """Return how many executors the rules of a night need, and the minutes that they take."""
    parts = [measured.spark_rule(rule) for rule in measured.rules]
    work = sum(rate for _, rate in parts) * millions
    executors = max(1, -int(-work // (CORES * USE * RULE_MINUTES * 60)))
    # What does not depend on the calls is planning: one thread of the server, rule after rule.
    return executors, (sum(fixed for fixed, _ in parts) + work / (executors * CORES * USE)) / 60


def tell_steps(measured: Measured) -> str:
    """Return what each step of a night takes."""
    lines = [
        "| step | without calls | for a million calls | exponent | memory at a million | a million more | exponent |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in STEPS:
        law, memory = measured.step(name), measured.memory(name)
        needed = f"{_weigh(memory.at(1))} | {_weigh(memory.rate)} | {_power(memory)}" if memory else "| |"
        lines.append(f"| {name} | {law.fixed:.2f} s | {law.rate:.2f} s | {_power(law)} | {needed} |")
    return "\n".join(lines)


def tell_bytes(measured: Measured) -> str:
    """Return bytes by call of what a night stores."""
    night = measured.largest
    rows = [
        ("the CSV file", night["csv_bytes"] / night["calls"]),
        ("calls, as ingested (LZ4)", measured.bytes_per_call("call_records", "ingest")),
        ("calls, packed (Zstandard, by caller)", measured.bytes_per_call("call_records")),
        ("profiles", measured.bytes_per_call("profiles")),
        ("traces for boxes", measured.bytes_per_call("box_traces")),
        ("alerts, their history, cases, boxes", sum(measured.bytes_per_call(name) for name in SMALL_TABLES)),
        ("the logs of all tables", _log_growth(night) / night["calls"]),
        ("report", night["report_bytes"] / night["calls"]),
    ]
    return "\n".join(["| what | bytes a call |", "|---|--:|", *(f"| {name} | {size:,.2f} |" for name, size in rows)])


SMALL_TABLES = (
    "fraud_alerts", "alert_events", "cases", "case_members", "case_links", "case_events", "boxes", "box_members",
    "box_links",
)  # fmt: skip


def _log_growth(night: dict[str, Any]) -> float:
    sums = [sum(table["log_bytes"] for table in night["tables"][when].values()) for when in ("before", "after")]
    return float(sums[1] - sums[0])


def tell_rules(measured: Measured) -> str:
    """Return what each rule takes on DuckDB and on Spark, and what it shuffles."""
    lines = [
        "| rule | DuckDB: without calls | a million calls a day | exponent | Spark: without calls | tasks, a million "
        "| shuffled, a million | at 1 billion |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in measured.rules:
        law, (fixed, rate) = measured.rule(name), measured.spark_rule(name)
        lines.append(
            f"| {name} | {law.fixed:.2f} s | {law.rate:.2f} s | {_power(law)} | {fixed:.1f} s | {rate:.1f} s "
            f"| {_weigh(measured.shuffled(name))} | {_weigh(measured.shuffled(name) * 1000)} |"
        )
    return "\n".join(lines)


def tell_skew(measured: Measured) -> str:
    """Return what a number with a hundredth of the calls does to tasks."""
    lines = [
        "| rule | 1 % of the calls are | middle task | longest task | rows of the middle partition | of the fullest "
        "| with 10 million calls of the number |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    words = {"usual": "nobody's", "caller": "one caller's", "callee": "to one callee"}
    for rule, lake, work in sorted(measured.skewed(), key=lambda found: (found[0], found[1] != "usual")):
        hot = "" if lake == "usual" else _span(10 * measured.hot_task(work))
        lines.append(
            f"| {rule} | {words[lake]} | {work['usual'] * 1e3:,.0f} ms | {work['longest'] * 1e3:,.0f} ms "
            f"| {work['usual_records']:,} | {work['most_records']:,} | {hot} |"
        )
    return "\n".join(lines)


def tell_limits(measured: Measured) -> str:
    """Return what grows beyond a machine, a message or a store."""
    lines = ["| at calls a day | " + " | ".join(_count(size * MILLION) for size in EXTREMES) + " |"]
    lines.append("|---|" + "--:|" * len(EXTREMES))
    for name, figures in list_limits(measured):
        lines.append(f"| {name} | {' | '.join(figures)} |")
    return "\n".join(lines)


def list_limits(measured: Measured) -> Iterator[tuple[str, list[str]]]:
    """Yield what is looked at, and its figure for each of :data:`EXTREMES`."""

    def each(tell: Any) -> list[str]:
        return [tell(size) for size in EXTREMES]

    slowest = measured.slowest_task()
    packed = MILLION / PACKED_ROWS
    if boxes := measured.memory("boxes"):
        yield "boxes: memory of the client", each(lambda n: _weigh(boxes.at(n)))
    yield "boxes: one core", each(lambda n: _span(measured.step("boxes").at(n)))
    yield "profiles: one core", each(lambda n: _span(measured.step("profiles").at(n)))
    yield "packing: one core", each(lambda n: _span(measured.step("pack").at(n)))
    yield "one caller with 1 %: its longest task", each(lambda n: _span(slowest * n / 100))
    yield "shuffled by all rules", each(lambda n: _weigh(sum(measured.shuffled(r) for r in measured.rules) * n))
    yield "findings", each(lambda n: _count(measured.findings("rows") * n))
    yield "findings: memory of the client", each(lambda n: _weigh(measured.findings("bytes") * n))
    yield "cases: one core", each(lambda n: _span(measured.step("cases").at(n)))
    yield "files of calls a day, as ingested", each(lambda n: _count(PARTS_PER_MILLION * n))
    yield "files of calls, packed, of 90 days", each(lambda n: _count(packed * n * KEPT_DAYS))
    yield "log of the calls, of 90 days", each(lambda n: _weigh(packed * n * KEPT_DAYS * measured.log_bytes()))
    yield (
        f"addresses in a plan, {FILES_READ_DAYS} days (a message: {_weigh(MESSAGE)})",
        each(lambda n: _weigh(packed * n * FILES_READ_DAYS * PATH_BYTES)),
    )
    yield (
        f"GET requests of a night's rules, at {REQUESTS:,} a second",
        each(lambda n: _span(count_requests(measured, n) / REQUESTS)),
    )
    yield "ingest: cores that work all day", each(lambda n: f"{measured.step('ingest').at(n) / 86_400:,.2f}")
    yield "one file that comes late: duplicates, under the lake's lock", each(lambda n: _span(measured.late().at(n)))


def count_requests(measured: Measured, millions: float) -> float:
    """Return the ranges of files that rules ask for, if each column of each group of rows is one."""
    reading = sum(1 for rule in measured.rules if rule not in measured.document["profile_rules"])
    return reading * 2 * millions * MILLION / GROUP_ROWS * COLUMNS_READ


def _power(law: Law) -> str:
    if law.fitted is None:
        return "–"
    return f"{law.fitted:.2f}" if law.power == 1.0 else f"**{law.fitted:.2f}**"


def _count(number: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:,.3g} {word}"
    return f"{number:,.0f}"


def _weigh(size: float) -> str:
    for unit, word in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:,.3g} {word}" if size < 1000 * unit else f"{size / unit:,.0f} {word}"
    return f"{size / 1e3:,.3g} kB"


def _span(seconds: float) -> str:
    for unit, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {word}" if seconds < 100 * unit else f"{seconds / unit:,.0f} {word}"
    return f"{seconds:,.1f} s"


def tell_origin(measured: Measured) -> str:
    """Return where and when it was measured."""
    found = {f"{night['calls']:,} ({night['days']} days)": None for night in measured.nights}
    sizes = ", ".join(found)
    lakes = ", ".join(f"{run['calls']:,}" for run in measured.spark)
    document = measured.document
    return (
        f"Measured on {document['date']}, {document['machine']}, at commit {document['commit']}. "
        f"Nights of {sizes} new calls; Spark on nights of {lakes}; the skew on {measured.skew['calls']:,} calls of "
        f"{measured.skew['days']} days, of which the number has {measured.skew['hot_calls']:,}."
    )


PARTS = {
    "origin": tell_origin,
    "sizes": tell_sizes,
    "steps": tell_steps,
    "bytes": tell_bytes,
    "rules": tell_rules,
    "skew": tell_skew,
    "limits": tell_limits,
}


def render(page: str, document: dict[str, Any]) -> str:
    """Return the page with its tables as the results give them."""
    measured = Measured(document)
    return replace_parts(page, {name: tell(measured) for name, tell in PARTS.items()}, "benchmarks.sizing")


def collect(nights: Sequence[Path], spark: Sequence[Path], skew: Path, commit: str) -> dict[str, Any]:
    """Return one document of what the three programs wrote."""
    return {
        "date": f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores ({platform.processor() or platform.machine()})",
        "commit": commit,
        "profile_rules": [rule.id for rule in list_rules() if not rule.reads(EXAMINED_CALLS)],
        "nights": [night for file in nights for night in json.loads(file.read_text())],
        "spark": [run for file in spark for run in json.loads(file.read_text())],
        "skew": json.loads(skew.read_text()),
    }


def main() -> None:
    """Write the page's tables, or collect results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizing", description=__doc__)
    parser.add_argument("page", type=Path, nargs="?", help="the page whose tables are written anew")
    parser.add_argument("--collect", metavar="COMMIT", help="make the file of results; the commit that was measured")
    parser.add_argument("--night", type=Path, action="append", default=[], help="of benchmarks.night_costs")
    parser.add_argument("--spark", type=Path, action="append", default=[], help="of benchmarks.engines")
    parser.add_argument("--skew", type=Path, help="of benchmarks.skew")
    given = parser.parse_args()
    if given.collect:
        document = collect(given.night, given.spark, given.skew, given.collect)
        RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    if given.page:
        text = given.page.read_text(encoding="utf-8")
        given.page.write_text(render(text, json.loads(RESULTS.read_text())), encoding="utf-8")


if __name__ == "__main__":
    main()
