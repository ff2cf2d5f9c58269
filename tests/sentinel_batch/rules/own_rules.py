"""Rules of a test's own, written into a folder as a user would."""

from __future__ import annotations

from pathlib import Path

from sentinel_batch.rules import Rule, load_rule

HEADER = """id = "TEST_001"
name = "Test"
alert_type = "TEST"
version = "1.0"
maturity = "experimental"
created = 2026-01-22
updated = 2026-01-22
tags = ["desk.tests"]
description = "A rule for tests."
nulls = "None."
source = "This file."
remediation = "None."
false_positives = ["Nobody."]
summary = "{suspect_number} was found."

[[severity]]
level = "LOW"

[columns]
needed = ["caller_number", "callee_number", "call_timestamp", "duration_seconds"]

[parameters.window]
type = "duration"
default = "24h"
min = "1s"
max = "31d"
description = "W."
"""

QUERY = """SELECT
    caller_number AS suspect_number, 1 AS severity, 0.5 AS confidence, count(*) AS call_count,
    count(DISTINCT callee_number) AS unique_destinations, avg(duration_seconds) AS avg_duration_seconds,
    max(call_timestamp) - $window AS window_start, max(call_timestamp) AS window_end,
    min(call_timestamp) AS episode_start, max(call_timestamp) AS episode_end,
    min(call_timestamp) AS first_seen, max(call_timestamp) AS last_seen
FROM examined_calls GROUP BY caller_number
"""
"""A whole rule: everybody who calls."""

SWEEP = """WITH
{{ sweep("examined_calls") }},

qualifying AS (
    SELECT *, {{ severity() }} AS severity, 0.5 AS confidence FROM windows WHERE calls > 2
),

{{ episodes() }},
{{ worst("examined_calls") }}
{{ findings() }};
"""
"""A whole rule of steps: who calls more than twice within W."""

CASES = """- name: one call
  calls: [{caller: a, at: '10:00:00'}]
  findings: [{suspect_number: a}]
"""


def write_rule(
    folder: Path, query: str = QUERY, header: str = HEADER, cases: str | None = CASES, rule_id: str = "TEST_001"
) -> Path:
    """Write the files of a rule; return the path of its SQL."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{rule_id}.toml").write_text(header.replace('"TEST_001"', f'"{rule_id}"'), encoding="utf-8")
    if cases is not None:
        (folder / f"{rule_id}.cases.yml").write_text(cases, encoding="utf-8")
    path = folder / f"{rule_id}.sql"
    path.write_text(query, encoding="utf-8")
    return path


def make_rule(folder: Path, query: str = QUERY, header: str = HEADER, cases: str | None = CASES) -> Rule:
    """Write a rule, and load it."""
    return load_rule(write_rule(folder, query, header, cases))
