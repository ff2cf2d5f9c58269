/*
description = """
The final SELECT: the twelve columns that every rule returns, and those that go into the evidence of a finding.
"""
example = '{{ findings(["short_calls", "talked AS seconds_talked"]) }}'

[arguments.evidence]
kind = "columns"
default = []
description = "The rule's own figures."

[arguments.source]
kind = "name"
default = "evidence"
description = """What has one row for each finding: suspect_number, severity, confidence, calls, destinations, average,
window_start, window_end, episode_start, episode_end, first_seen, last_seen."""
*/

SELECT
    suspect_number,
    severity,
    confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    window_start,
    window_end,
    episode_start,
    episode_end,
    {{ evidence }},
    first_seen,
    last_seen
FROM {{ source }}
