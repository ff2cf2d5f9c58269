/*
description = """
Days of numbers that may call enough others, with what the rule leaves of their figures once those of calls with peers are
taken off: SIMs of a box that ring each other (see peer_days).
"""
example = '{{ days_without_peers("days", ["call_count - coalesce(calls, 0) AS own_calls"]) }}'
adds = ["possible_days", "peers", "peer_calls", "peer_backs", "peer_days", "own_days"]
binds = ["min_unique_destinations"]

[arguments.days]
kind = "name"
description = "What has the days: the columns of profiles."

[arguments.figures]
kind = "figures"
description = """The figures of a day, from columns of profiles and of peer_days. Those of peer_days are NULL on a day
without peers; possible_days.incoming_calls is that of profiles."""

[columns]
number = "The number."
*/

-- Prune. The destinations of a stretch are at most all callees of all its days.
possible_days AS (
    SELECT *
    FROM {{ days }}
    WHERE number IN (SELECT number FROM {{ days }} GROUP BY number HAVING sum(unique_callees) >= $min_unique_destinations)
),

{{ peer_days("possible_days") }},

own_days AS (
    SELECT
        possible_days.number,
        day_start,
        day_end,
        first_call,
        last_call,
        call_count,
        {{ figures.list }}
    FROM possible_days
    LEFT JOIN peer_days ON possible_days.number = peer_days.number AND possible_days.local_date = peer_days.local_date
)
