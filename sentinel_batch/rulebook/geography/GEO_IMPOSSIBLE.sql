WITH
codes AS (
    SELECT DISTINCT location_code AS code FROM examined_calls
    UNION
    SELECT first_cell AS code FROM profiles
    UNION
    SELECT second_cell AS code FROM profiles
),

{{
    longest_pattern(
        "codes", "code", list="locations", key="location_code", into="places", keeps=["latitude", "longitude"]
    )
}},

{{ movers(places="places") }},

located_calls AS (
    SELECT *
    FROM examined_calls
    INNER JOIN places ON location_code = code
    WHERE caller_number IN (SELECT number FROM movers)
),

{{ moves("located_calls") }},

jumps AS (
    SELECT * FROM moves WHERE distance_km > $min_distance AND distance_km * 3600 > $max_speed * seconds_between
),

{{ sweep_calls("jumps", counting=none, duration=none, at="arrives_at", sums=["is_simultaneous AS simultaneous"]) }},

jump_windows AS (
    SELECT suspect_number, window_start, window_end, lasts_until, last_call_at, simultaneous, calls AS jumps
    FROM windows
    WHERE calls >= $min_jumps
),

qualifying AS (
    SELECT *, {{ severity() }} AS severity FROM jump_windows
),

{{ episodes() }},
{{ worst("jumps", ["severity DESC", "jumps DESC", "simultaneous DESC"], at="arrives_at", first="leaves_at") }},

-- The fastest jump of the window, as far as it goes: what is left over when V has been travelled.
fastest_jumps AS (
    SELECT
        suspect_number,
        episode,
        jumps.*,
        {{ place(
            [
                "distance_km - seconds_between * $max_speed / 3600 DESC", "arrives_at ASC", "to_cell ASC",
                "callee_number ASC",
            ],
            within=["suspect_number", "episode"],
        ) }} AS jump_place
    FROM {{ in_window("jumps", at="arrives_at") }}
),

window_calls AS (
    SELECT
        suspect_number,
        episode,
        {{ call_figures() }},
        count(DISTINCT location_code) AS cells
    FROM {{ in_window("located_calls") }}
    GROUP BY suspect_number, episode
),

described AS (
    SELECT
        *,
        seconds_between / 60 AS minutes,
        distance_km * 3600 / nullif(seconds_between, 0) AS speed_kmh,
        0.5 * CAST(jumps AS DOUBLE) / (jumps + $min_jumps)
        + 0.5 * (1 - CAST($max_speed AS DOUBLE) * seconds_between / 3600 / distance_km) AS confidence
    FROM evidence
    INNER JOIN fastest_jumps USING (suspect_number, episode)
    INNER JOIN window_calls USING (suspect_number, episode)
    WHERE jump_place = 1
)

{{ findings(source="described", evidence=[
    "jumps", "simultaneous AS simultaneous_jumps", "cells", "from_cell", "to_cell", "leaves_at", "arrives_at",
    "distance_km", "minutes", "speed_kmh",
]) }};

-- query: details
SELECT
    suspect_number,
    {{ place(["arrives_at ASC", "to_cell ASC", "callee_number ASC"], within=["suspect_number"]) }} AS place,
    leaves_at,
    from_cell,
    arrives_at,
    to_cell,
    distance_km,
    seconds_between / 60 AS minutes
FROM {{ in_episode("jumps", at="arrives_at") }};
