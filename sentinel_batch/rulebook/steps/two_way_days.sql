/*
description = """
The local days for which the lake holds incoming calls at all: more than the share S of the day's callers were also
called on it. Without this guard, a feed without incoming calls makes everybody look like a SIM box.
"""
example = "{{ two_way_days() }}"
adds = ["two_way_days"]
binds = ["min_called_share"]

[columns]
local_date = "The day."
*/

two_way_days AS (
    SELECT local_date
    FROM profiles
    WHERE day_start < $until
    GROUP BY local_date
    HAVING sum(CASE WHEN incoming_calls > 0 THEN 1 ELSE 0 END) > $min_called_share * count(*)
)
