/*
description = """
The figures that every rule on days reports of a stretch, in a SELECT from stretches that is grouped by suspect_number
and stretch_end: suspect_number, stretch_end, window_start, window_end, lasts_until, first_call_at, last_call_at, calls,
outgoing_minutes, average, and destinations, which is a lower bound: the most different numbers on one day, or, where
that is more, the numbers called for the first time in 28 days, added up.
"""
example = "SELECT {{ stretch_figures() }}, count(*) AS busy_days FROM stretches GROUP BY suspect_number, stretch_end"
*/

suspect_number,
stretch_end,
min(day_start) AS window_start,
least(stretch_end, $until) AS window_end,
least(stretch_end, $until) AS lasts_until,
min(first_call) AS first_call_at,
least(max(last_call), $until) AS last_call_at,
CAST(sum(call_count) AS BIGINT) AS calls,
CAST(greatest(max(unique_callees), sum(coalesce(new_callees, 0))) AS BIGINT) AS destinations,
sum(total_minutes) AS outgoing_minutes,
60 * sum(total_minutes) / sum(call_count) AS average
