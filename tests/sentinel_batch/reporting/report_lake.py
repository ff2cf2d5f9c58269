"""Lakes for the report's tests, built row by row so that every figure is known."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from sentinel_batch.lake import Lake
from sentinel_batch.schema import TABLES, polars_schema

BEGIN = datetime(2026, 1, 22, 0, 0, tzinfo=UTC)
GENERATED_AT = datetime(2026, 1, 24, 2, 0, 5, tzinfo=UTC)
SILENT_HOURS = (26, 27)
"""Hours after BEGIN without calls."""

HOSTILE = {
    "number": '"><script>alert(1)</script>',
    "image": "<img src=x onerror=alert(2)>",
    "file": "</script><script>alert(3)</script>/a'b\"c.csv",
    "note": "<!-- </textarea><svg onload=alert(4)> {{7*7}} \u202egnp.exe ${alert(5)}",
    "reason": "</style><b id=owned>bad</b>",
}
LADDER = {"CRITICAL": (230, 1.2), "HIGH": (120, 1.8), "MEDIUM": (80, 2.4), "LOW": (60, 2.7)}


def rows(name: str, items: list[dict[str, Any]]) -> pl.DataFrame:
    """Make a frame of a table; columns that are not given are null."""
    return pl.DataFrame(items, schema=polars_schema(TABLES[name].columns))


def call(moment: datetime, caller: str, callee: str, seconds: int, file: str, line: int) -> dict[str, Any]:
    """Make a call record."""
    local = moment + timedelta(hours=1)
    return {
        "call_timestamp": moment, "caller_number": caller, "callee_number": callee, "duration_seconds": seconds,
        "call_direction": "outbound", "answered": seconds > 0, "number_type": "mobile", "callee_prefix": callee[:7],
        "local_date": local.date(), "local_hour": local.hour, "iso_weekday": local.isoweekday(), "source_file": file,
        "source_line": line, "ingest_id": f"in-{file}", "processed_at": GENERATED_AT, "call_date": moment.date(),
    }  # fmt: skip


def alert(number: int, suspect: str, severity: str, start: datetime, **more: Any) -> dict[str, Any]:
    """Make an alert with the figures of its severity."""
    destinations, average = LADDER[severity]
    known = {
        "id": number, "alert_type": "SDHF_SIMBOX", "suspect_number": suspect, "alert_severity": severity,
        "evidence_summary": f"{destinations} calls to {destinations} unique destinations in 24 h.",
        "call_count": destinations, "unique_destinations": destinations, "avg_duration_seconds": average,
        "detection_rule": "SDHF_001", "created_at": GENERATED_AT, "reviewed": False, "alert_key": f"key-{number}",
        "first_seen": start + timedelta(minutes=2), "last_seen": start + timedelta(hours=20), "window_start": start,
        "window_end": start + timedelta(hours=24), "rule_version": "1.0.0",
        "parameters": json.dumps({"window": "24h", "min_unique_destinations": 50, "max_avg_duration": 3.0}),
        "confidence": 0.9, "run_id": "run-detect", "status": "open", "updated_at": GENERATED_AT,
    }  # fmt: skip
    return {**known, **more}


def ingest(file: str, calls: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Make the ingest of a file's calls: three duplicates, one leg and two rejects besides."""
    moments = [item["call_timestamp"] for item in calls]
    known = {
        "ingest_id": f"in-{file}", "run_id": "run-ingest", "source_file": file, "sha256": "0" * 64, "size_bytes": 1,
        "dialect": "sentinel", "encoding": "utf-8", "timezone": "Africa/Lagos", "region": "NG",
        "records_processed": len(calls) + 5, "records_inserted": len(calls), "duplicates_skipped": 3,
        "legs_collapsed": 1, "records_rejected": 2, "rejects_by_reason": "{}",
        "first_call": min(moments, default=None), "last_call": max(moments, default=None), "processed_at": GENERATED_AT,
    }  # fmt: skip
    return {**known, **more}


def run_row(run_id: str, command: str, **more: Any) -> dict[str, Any]:
    """Make a row of the runs table."""
    known = {
        "run_id": run_id, "command": command, "parameters": "{}", "versions": "{}", "inputs": "{}", "counts": "{}",
        "started_at": GENERATED_AT, "duration_seconds": 1.0, "outcome": "done", "message": "",
    }  # fmt: skip
    return {**known, **more}


def ordinary_calls(rng: random.Random, count: int, hours: int, file: str) -> list[dict[str, Any]]:
    """Make calls of ordinary subscribers, fewer at night, none in the silent hours."""
    weights = [
        0 if h in SILENT_HOURS else (1 if (h + 1) % 24 < 6 else 6 if (h + 1) % 24 < 21 else 3) for h in range(hours)
    ]
    chosen = rng.choices(range(hours), weights, k=count)
    return [
        call(
            BEGIN + timedelta(hours=hour, seconds=rng.randrange(3600), microseconds=line),
            f"+23480{rng.randrange(10**5, 10**5 + 900):08d}",
            f"+23470{rng.randrange(10**7):08d}",
            rng.randrange(30, 1800),
            file,
            line,
        )
        for line, hour in enumerate(chosen, start=2)
    ]


def suspect_calls(rng: random.Random, row: dict[str, Any], file: str, first_line: int) -> list[dict[str, Any]]:
    """Make the calls behind an alert, within its window and its first and last call."""
    span = int((row["last_seen"] - row["first_seen"]).total_seconds())
    offsets = [0, span, *(rng.randrange(span) for _ in range(row["call_count"] - 2))]
    total = round(row["avg_duration_seconds"] * row["call_count"])
    base, extra = divmod(total, row["call_count"])
    found = []
    for index, offset in enumerate(sorted(offsets)):
        moment = row["first_seen"] + timedelta(seconds=offset, microseconds=index)
        if int((moment - BEGIN).total_seconds() // 3600) in SILENT_HOURS:
            moment += timedelta(hours=len(SILENT_HOURS))
        callee = f"+23490{row['id']:03d}{index:05d}"
        found.append(call(moment, row["suspect_number"], callee, base + (index < extra), file, first_line + index))
    return found


def fill(
    lake: Lake, alerts: list[dict[str, Any]], *, calls: int = 3000, hours: int = 40, hostile: bool = False
) -> Lake:
    """Fill a lake: ordinary calls, the calls behind the alerts, two committed ingests and one that never committed."""
    rng = random.Random(7)
    files = ["cdr_2026-01-22.csv", HOSTILE["file"] if hostile else "cdr_2026-01-23.csv.gz"]
    first = ordinary_calls(rng, calls, hours, files[0])
    second: list[dict[str, Any]] = []
    for row in alerts:
        if row["status"] != "merged":
            second += suspect_calls(rng, row, files[1], len(second) + 2)
    reasons = ["implausible time", HOSTILE["reason"] if hostile else "caller is anonymous"]
    for file, items in zip(files, (first, second), strict=True):
        rejects = [
            {
                "source_file": file,
                "source_line": 9 + i,
                "column": "caller_number",
                "reason": reason,
                "raw": "x",
                "ingest_id": f"in-{file}",
            }
            for i, reason in enumerate(reasons)
        ]
        lake.append("rejected_records", rows("rejected_records", rejects))
        lake.append("ingests", rows("ingests", [ingest(file, items)]))
        if items:
            lake.append("call_records", rows("call_records", items), commit_id=f"in-{file}")
    lost = {
        "source_file": "lost.csv",
        "source_line": 1,
        "column": "",
        "reason": "never committed",
        "raw": "",
        "ingest_id": "in-lost.csv",
    }
    lake.append("rejected_records", rows("rejected_records", [lost]))
    lake.append("ingests", rows("ingests", [ingest("lost.csv", first[:10])]))
    oldest, newest = lake.snapshot().bounds() or (BEGIN, BEGIN)
    counts = json.dumps({"records_refused": 12})
    lake.append(
        "runs",
        rows(
            "runs",
            [
                run_row("run-ingest", "ingest", counts=counts),
                run_row("run-detect", "detect", since=oldest, until=newest),
            ],
        ),
    )
    if alerts:
        lake.append("fraud_alerts", rows("fraud_alerts", alerts), commit_id="commit-1")
        event = {
            "alert_id": alerts[0]["id"], "at": GENERATED_AT, "actor": "ada", "event": "reviewed",
            "field": "disposition", "before": None, "after": "confirmed",
            "note": HOSTILE["note"] if hostile else "seen before", "commit_id": "commit-1",
        }  # fmt: skip
        ghost = {**event, "note": "never committed", "commit_id": "commit-none"}
        lake.append("alert_events", rows("alert_events", [event, ghost]))
    return lake


def mixed_alerts(count: int, *, hostile: bool = False) -> list[dict[str, Any]]:
    """Make alerts of all severities, some reviewed; the last two are merged and suppressed."""
    severities = ["CRITICAL", "HIGH", "HIGH", "MEDIUM", "MEDIUM", "MEDIUM", "LOW", "LOW"]
    made = [
        alert(
            100 + i,
            f"+234803{5_550_000 + i:07d}",
            severities[i % len(severities)],
            BEGIN + timedelta(hours=(i * 3) % 18),
            reviewed=i % 4 == 1,
            status="reviewed" if i % 4 == 1 else "open",
            disposition=("confirmed", "false-positive")[i % 2] if i % 4 == 1 else None,
            reviewer_notes="Known test line of the lab." if i % 4 == 1 else None,
        )
        for i in range(count)
    ]
    for i, row in enumerate(made):
        row["unique_destinations"] += i * 7 % 19
        row["call_count"] = row["unique_destinations"]
        row["avg_duration_seconds"] -= i % 5 * 0.11
        row["evidence_summary"] = (
            f"{row['call_count']} calls to {row['unique_destinations']} unique destinations within 24 h, "
            f"{row['avg_duration_seconds']:.2f} s on average (rule: more than 50, under 3 s)."
        )
    made[-1] |= {"status": "merged", "merged_into": 100}
    made[-2] |= {"status": "suppressed"}
    if hostile:
        made[0] |= {"suspect_number": HOSTILE["number"], "reviewer_notes": HOSTILE["note"], "reviewed": True}
        made[1] |= {
            "suspect_number": HOSTILE["image"],
            "evidence_summary": HOSTILE["note"],
            "detection_rule": HOSTILE["image"],
        }
    return made
