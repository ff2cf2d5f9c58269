/*
description = """
Calls of one number that follow each other and begin in different cells: how far apart, and how long. Left out are the
numbers whose calls all lie in a box with a diagonal of less than D (see movers).
"""
example = '{{ moves("located_calls") }}'
adds = ["travellers", "pairs", "moves"]
binds = ["min_distance"]

[arguments.calls]
kind = "name"
description = "What has the calls, each with the latitude and longitude of its cell."

[columns]
caller_number = "Who moved."
callee_number = "Whom the later call went to."
leaves_at = "Instant of the earlier call."
arrives_at = "Instant of the later call."
from_cell = "Where the earlier one began."
to_cell = "Where the later one began."
seconds_between = "Seconds between their instants."
is_simultaneous = "1 if the later call began before the earlier one had ended, else 0."
distance_km = "How far apart the cells are."
*/

travellers AS (
    SELECT caller_number
    FROM {{ calls }}
    GROUP BY caller_number
    HAVING 111.2 * sqrt(power(max(latitude) - min(latitude), 2) + power(max(longitude) - min(longitude), 2))
        > $min_distance
),

pairs AS (
    SELECT
        *,
        lag(call_timestamp) OVER in_time AS previous_at,
        lag(duration_seconds) OVER in_time AS previous_seconds,
        lag(location_code) OVER in_time AS previous_code,
        lag(latitude) OVER in_time AS previous_latitude,
        lag(longitude) OVER in_time AS previous_longitude
    FROM {{ calls }}
    WHERE caller_number IN (SELECT caller_number FROM travellers)
    WINDOW in_time AS (
        PARTITION BY caller_number
        ORDER BY call_timestamp ASC NULLS LAST, location_code ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

moves AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp AS arrives_at,
        previous_at AS leaves_at,
        previous_code AS from_cell,
        location_code AS to_cell,
        epoch(call_timestamp) - epoch(previous_at) AS seconds_between,
        CASE WHEN epoch(call_timestamp) - epoch(previous_at) < previous_seconds THEN 1 ELSE 0 END AS is_simultaneous,
        {{ great_circle("latitude", "longitude", "previous_latitude", "previous_longitude") }} AS distance_km
    FROM pairs
    WHERE previous_code <> location_code
)
