/*
description = """
What each number did on a local day and on the day with calls before it, together, from its profiles. The days that a
window touches follow one another, and pairs of them hold them all: one pair if W is at most 23 hours, in general
ceil(days_touched() / 2) of them. Prune with it.
"""
example = '{{ day_pairs(["call_count AS attempts"]) }}'
adds = ["day_pairs"]

[arguments.sums]
kind = "columns"
description = "Columns of profiles, none below 0, that are added up."

[columns]
number = "The number."
*/

day_pairs AS (
    SELECT
        {{ sums.column }} + coalesce(lag({{ sums.column }}) OVER in_time, 0) AS {{ sums.name }},
        number
    FROM profiles
    WINDOW in_time AS (PARTITION BY number ORDER BY day_start ASC NULLS LAST)
)
