/*
id = "GEO_IMPOSSIBLE"
name = "In two places at once"
alert_type = "IDENTITY_CLONE"
version = "1.0"
weight = 0.6

summary = """
{suspect_number} was {distance_km:.0f} km away, from {from_cell} to {to_cell}, after {minutes:.1f} min; {jumps} such \
jumps in {window} (until {window_end:%Y-%m-%d %H:%M} UTC)."""

description = """
A cloned SIM, or a number that somebody else pretends to have, makes calls in places that one person cannot reach in
time. Two calls of one number that follow each other are a jump if the cells in which they began lie more than D apart,
and farther than one gets from the start of the first to the start of the second at V. This rule flags a caller with at
least N jumps within W.

Cells are looked up in the list of locations: the exact code, else the longest entry with a final * that the code begins
with. Calls without a cell, or with a cell that the list does not know, are passed over. Give your own cells.csv
(location_code, latitude, longitude); the shipped list knows Nigerian states and local government areas by their P-codes
and ISO codes, and nine cities, each at one point: good enough for jumps between cities.

**The rule keeps silent where the cells are no places.** If, of the callers' days with two cells or more, at least 30 in
all, more than a share F has its two most used cells farther apart than D, then the list, or the column, is wrong, or
the data invented: nearly everybody would jump.
"""

nulls = """
A call without a cell counts nowhere, neither as the earlier call of a pair nor as the later one. Where no call has a
known cell, nothing is found.
"""

source = """
The definition (900 km/h, which is about the cruising speed of an airliner, and 50 km) is the catalogue's. That two
jumps are needed, the ladder and the silence are this project's: one jump is most often a wrong clock or a wrong entry
in the list. Distances are great circles (haversine formula, mean radius of the earth 6371 km). Shipped locations:
naija-data by Akanji Oluwaseun Gabriel, CC BY 4.0 (sentinel_batch/rules/reference/SOURCES.md).
"""

remediation = """
Look at the details: jumps there and back between the same two places are a clone, in different handsets (IMEI) at that;
jumps to ever new places are a number that is made up for each call. Have the SIM exchanged, and ask the holder where he
was. Honest causes that look alike: a cell with a wrong or old position, two switches with different clocks, a line
that is forwarded or has several SIMs under one number (multi-SIM), calls over the internet that enter the network
elsewhere. Wrong cells show as many suspects with the same pair of cells.
"""

severity = """
By the jumps of the window; the first line that matches, the worst window is the finding's.
CRITICAL: at least 30: two users, all day.
HIGH: at least 10.
MEDIUM: at least 4, or a call that began far away before the one before had ended: nobody can do that at any speed.
LOW: every other finding.
"""

confidence = """
The mean of two figures between 0 and 1: jumps / (jumps + N), and 1 - V / speed of the window's fastest jump. The weight
is 0.6: one person cannot do it, but a wrong list of cells can.
"""

[parameters.window]
type = "duration"
default = "24h"
min = "1h"
max = "31d"
description = "Length W of the sliding window."

[parameters.min_jumps]
type = "integer"
default = 2
min = 1
max = 1000000
unit = "jumps"
description = "Threshold N, and the minimum sample."

[parameters.max_speed]
type = "real"
default = 900.0
min = 1.0
max = 100000.0
unit = "km/h"
description = "Threshold V: nobody travels faster."

[parameters.min_distance]
type = "real"
default = 50.0
min = 1.0
max = 20000.0
unit = "km"
description = "Threshold D: cells nearer to each other are no jump; a cell's position is that inexact."

[parameters.max_far_share]
type = "real"
default = 0.25
min = 0.0
max = 1.0
unit = "share"
description = "Threshold F: if more than this share of callers' days lies in two far places, the cells are no places."

[lists.locations]
columns = ["location_code", "latitude", "longitude"]
types = ["text", "real", "real"]
file = "reference/locations.csv"
description = "Cells and where they are, in degrees; a final * stands for anything that follows."

[constants]
critical_jumps = 30
high_jumps = 10
medium_jumps = 4
*/

-- query: sliding
WITH
codes AS (
    SELECT DISTINCT location_code AS code FROM examined_calls WHERE location_code IS NOT NULL
    UNION
    SELECT first_cell AS code FROM profiles WHERE first_cell IS NOT NULL
    UNION
    SELECT second_cell AS code FROM profiles WHERE second_cell IS NOT NULL
),

sizes AS (
    SELECT DISTINCT length(location_code) - 1 AS size FROM locations
),

entries AS (
    SELECT code, 100000 AS fit, latitude, longitude
    FROM codes
    INNER JOIN locations ON code = location_code
    UNION ALL
    SELECT code, size AS fit, latitude, longitude
    FROM codes
    CROSS JOIN sizes
    INNER JOIN locations ON concat(substring(code, 1, size), '*') = location_code
),

ranked_entries AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY code
            ORDER BY fit DESC NULLS LAST, latitude ASC NULLS LAST, longitude ASC NULLS LAST
        ) AS place
    FROM entries
),

places AS (
    SELECT code, latitude, longitude FROM ranked_entries WHERE place = 1
),

-- Prune by the days. Two points are at most 111.2 km apart for each degree of sqrt(latitudes^2 + longitudes^2) between
-- them. A number that stays in a box of less than D is out; a third cell of a day may lie anywhere.
days AS (
    SELECT
        number,
        distinct_cells,
        least(first_place.latitude, second_place.latitude) AS south,
        greatest(first_place.latitude, second_place.latitude) AS north,
        least(first_place.longitude, second_place.longitude) AS west,
        greatest(first_place.longitude, second_place.longitude) AS east,
        CASE WHEN first_place.code IS NULL OR second_place.code IS NULL THEN 0 ELSE 1 END AS has_two
    FROM profiles
    LEFT JOIN places AS first_place ON profiles.first_cell = first_place.code
    LEFT JOIN places AS second_place ON profiles.second_cell = second_place.code
),

far_days AS (
    SELECT
        sum(has_two) AS two_cells,
        sum(
            CASE
                WHEN has_two = 1 AND 111.2 * sqrt(power(north - south, 2) + power(east - west, 2)) > $min_distance
                    THEN 1
                ELSE 0
            END
        ) AS far
    FROM days
),

movers AS (
    SELECT number
    FROM days
    CROSS JOIN far_days
    WHERE two_cells < 30 OR far <= $max_far_share * two_cells
    GROUP BY number
    HAVING max(distinct_cells) > 2
        OR 111.2 * sqrt(power(max(north) - min(south), 2) + power(max(east) - min(west), 2)) > $min_distance
),

located_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        duration_seconds,
        location_code,
        latitude,
        longitude
    FROM examined_calls
    INNER JOIN movers ON examined_calls.caller_number = movers.number
    INNER JOIN places ON examined_calls.location_code = places.code
),

-- Prune by the calls, in the same way.
travellers AS (
    SELECT caller_number
    FROM located_calls
    GROUP BY caller_number
    HAVING 111.2 * sqrt(
        power(max(latitude) - min(latitude), 2) + power(max(longitude) - min(longitude), 2)
    ) > $min_distance
),

steps AS (
    SELECT
        located_calls.*,
        lag(call_timestamp) OVER in_time AS previous_at,
        lag(duration_seconds) OVER in_time AS previous_seconds,
        lag(location_code) OVER in_time AS previous_code,
        lag(latitude) OVER in_time AS previous_latitude,
        lag(longitude) OVER in_time AS previous_longitude
    FROM located_calls
    INNER JOIN travellers ON located_calls.caller_number = travellers.caller_number
    WINDOW in_time AS (
        PARTITION BY located_calls.caller_number
        ORDER BY call_timestamp ASC NULLS LAST, location_code ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

measured AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp AS arrives_at,
        previous_at AS leaves_at,
        previous_code AS from_cell,
        location_code AS to_cell,
        epoch(call_timestamp) - epoch(previous_at) AS seconds,
        CASE WHEN epoch(call_timestamp) - epoch(previous_at) < previous_seconds THEN 1 ELSE 0 END AS is_simultaneous,
        2 * 6371 * asin(
            least(
                1,
                sqrt(
                    power(sin(radians(latitude - previous_latitude) / 2), 2)
                    + cos(radians(previous_latitude)) * cos(radians(latitude))
                    * power(sin(radians(longitude - previous_longitude) / 2), 2)
                )
            )
        ) AS distance_km
    FROM steps
    WHERE previous_code <> location_code
),

jumps AS (
    SELECT *
    FROM measured
    WHERE distance_km > $min_distance AND distance_km * 3600 > $max_speed * seconds
),

-- Sweep. A jump is in the window from its arrival, inclusive, to W later, exclusive.
changes AS (
    SELECT
        caller_number,
        arrives_at AS happens_at,
        1 AS jumps,
        is_simultaneous AS simultaneous,
        1 AS entries
    FROM jumps
    UNION ALL
    SELECT
        caller_number,
        arrives_at + $window AS happens_at,
        -1 AS jumps,
        -is_simultaneous AS simultaneous,
        0 AS entries
    FROM jumps
),

instants AS (
    SELECT
        caller_number,
        happens_at,
        sum(jumps) AS jumps,
        sum(simultaneous) AS simultaneous,
        sum(entries) AS entries
    FROM changes
    GROUP BY caller_number, happens_at
),

states AS (
    SELECT
        caller_number,
        happens_at AS ends_at,
        entries,
        CAST(sum(jumps) OVER so_far AS BIGINT) AS jumps,
        CAST(sum(simultaneous) OVER so_far AS BIGINT) AS simultaneous
    FROM instants
    WINDOW so_far AS (
        PARTITION BY caller_number ORDER BY happens_at ASC NULLS LAST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Windows end with a jump.
qualifying AS (
    SELECT
        caller_number,
        ends_at,
        jumps,
        simultaneous,
        CASE
            WHEN jumps >= $critical_jumps THEN 4
            WHEN jumps >= $high_jumps THEN 3
            WHEN jumps >= $medium_jumps OR simultaneous > 0 THEN 2
            ELSE 1
        END AS severity
    FROM states
    WHERE entries > 0 AND ends_at > $since AND jumps >= $min_jumps
),

-- Qualifying windows that touch or overlap are one episode.
joined AS (
    SELECT
        *,
        CASE WHEN ends_at - $window <= lag(ends_at) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM qualifying
    WINDOW in_time AS (PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST)
),

numbered AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM joined
),

ranked AS (
    SELECT
        *,
        min(ends_at) OVER in_episode - $window AS episode_start,
        max(ends_at) OVER in_episode AS episode_end,
        row_number() OVER (
            PARTITION BY caller_number, episode
            ORDER BY
                severity DESC NULLS LAST,
                jumps DESC NULLS LAST,
                simultaneous DESC NULLS LAST,
                ends_at ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY caller_number, episode)
),

evidence AS (
    SELECT * FROM ranked WHERE place = 1
),

-- shared with: details
-- The fastest jump of the window, as far as it goes: what is left over when V has been travelled.
window_jumps AS (
    SELECT
        jumps.*,
        evidence.episode,
        row_number() OVER (
            PARTITION BY evidence.caller_number, evidence.episode
            ORDER BY
                distance_km - seconds * $max_speed / 3600 DESC NULLS LAST,
                arrives_at ASC NULLS LAST,
                to_cell ASC NULLS LAST,
                callee_number ASC NULLS LAST
        ) AS place
    FROM evidence
    INNER JOIN jumps
        ON evidence.caller_number = jumps.caller_number
        AND arrives_at > ends_at - $window
        AND arrives_at <= ends_at
),

window_calls AS (
    SELECT
        evidence.caller_number,
        evidence.episode,
        count(*) AS calls,
        count(DISTINCT callee_number) AS destinations,
        count(DISTINCT location_code) AS cells,
        CAST(sum(duration_seconds) AS DOUBLE) / count(*) AS average
    FROM evidence
    INNER JOIN located_calls
        ON evidence.caller_number = located_calls.caller_number
        AND call_timestamp > ends_at - $window
        AND call_timestamp <= ends_at
    GROUP BY evidence.caller_number, evidence.episode
),

first_jumps AS (
    SELECT evidence.caller_number, evidence.episode, min(leaves_at) AS first_seen
    FROM evidence
    INNER JOIN jumps ON evidence.caller_number = jumps.caller_number AND arrives_at > episode_start
    GROUP BY evidence.caller_number, evidence.episode
)

SELECT
    evidence.caller_number AS suspect_number,
    severity,
    0.5 * CAST(jumps AS DOUBLE) / (jumps + $min_jumps)
    + 0.5 * (1 - CAST($max_speed AS DOUBLE) * seconds / 3600 / distance_km) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    ends_at - $window AS window_start,
    ends_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    episode_end AS last_seen,
    jumps,
    simultaneous AS simultaneous_jumps,
    cells,
    from_cell,
    to_cell,
    leaves_at,
    arrives_at,
    distance_km,
    seconds / 60 AS minutes,
    distance_km * 3600 / nullif(seconds, 0) AS speed_kmh
FROM evidence
INNER JOIN window_jumps
    ON evidence.caller_number = window_jumps.caller_number
    AND evidence.episode = window_jumps.episode
    AND window_jumps.place = 1
INNER JOIN window_calls
    ON evidence.caller_number = window_calls.caller_number AND evidence.episode = window_calls.episode
INNER JOIN first_jumps
    ON evidence.caller_number = first_jumps.caller_number AND evidence.episode = first_jumps.episode;

-- query: details
SELECT
    evidence.caller_number AS suspect_number,
    row_number() OVER (
        PARTITION BY evidence.caller_number
        ORDER BY arrives_at ASC NULLS LAST, to_cell ASC NULLS LAST, callee_number ASC NULLS LAST
    ) AS place,
    leaves_at,
    from_cell,
    arrives_at,
    to_cell,
    distance_km,
    seconds / 60 AS minutes
FROM evidence
INNER JOIN jumps
    ON evidence.caller_number = jumps.caller_number
    AND arrives_at > episode_start
    AND arrives_at <= episode_end;
