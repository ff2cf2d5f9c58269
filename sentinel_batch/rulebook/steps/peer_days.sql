/*
description = """
What suspects have to do with each other: SIMs of a box ring each other, to be called back and called at all. Peers are
numbers that, over all their days, look as a suspect does but for that: they call at least N numbers, for the greater
part new ones, and make at least twice as many calls as they get. Their calls to each other are worth nothing as
reciprocity. Calls are those that the rule reads.
"""
example = '{{ peer_days("days") }}'
adds = ["peers", "peer_calls", "peer_backs", "peer_days"]
binds = ["min_peer_callees"]

[arguments.days]
kind = "name"
description = "What has the days: number, unique_callees, new_callees, call_count, incoming_calls."

[columns]
number = "The number."
local_date = "The day."
calling_back = "Peers that it called on that day, and that called it on that day or before."
calls = "Its calls to peers."
minutes = "The same in minutes."
incoming_calls = "Calls of peers to it."
incoming_minutes = "The same in minutes."
*/

peers AS (
    SELECT number
    FROM {{ days }}
    GROUP BY number
    HAVING sum(unique_callees) >= $min_peer_callees
        AND 2 * sum(new_callees) >= sum(unique_callees)
        AND 2 * sum(incoming_calls) <= sum(call_count)
),

peer_calls AS (
    SELECT caller_number, callee_number, local_date, count(*) AS calls, sum(duration_seconds) / 60 AS minutes
    FROM examined_calls
    WHERE caller_number <> callee_number
        AND callee_number IN (SELECT number FROM peers)
        AND caller_number IN (SELECT number FROM peers)
    GROUP BY caller_number, callee_number, local_date
),

peer_backs AS (
    SELECT caller_number, callee_number, min(local_date) AS first_date FROM peer_calls GROUP BY caller_number, callee_number
),

peer_days AS (
    SELECT
        number,
        local_date,
        sum(calling_back) AS calling_back,
        sum(calls) AS calls,
        sum(minutes) AS minutes,
        sum(incoming_calls) AS incoming_calls,
        sum(incoming_minutes) AS incoming_minutes
    FROM (
        SELECT
            peer_calls.caller_number AS number,
            local_date,
            CASE WHEN first_date <= local_date THEN 1 ELSE 0 END AS calling_back,
            calls,
            minutes,
            0 AS incoming_calls,
            0 AS incoming_minutes
        FROM peer_calls
        LEFT JOIN peer_backs
            ON peer_calls.caller_number = peer_backs.callee_number AND peer_calls.callee_number = peer_backs.caller_number
        UNION ALL
        SELECT callee_number, local_date, 0, 0, 0, calls, minutes FROM peer_calls
    ) AS both_ways
    GROUP BY number, local_date
)
