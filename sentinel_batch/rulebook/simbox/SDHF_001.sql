WITH
-- Prune, coarsely. In a window of more than N calls with an average below D, more than half of the calls are shorter
-- than 2 D (Markov's inequality), hence more than N / 2.
short_calls AS (
    SELECT * FROM examined_calls WHERE duration_seconds < CAST(ceil(2 * $max_avg_duration) AS BIGINT)
),

{{ tiles("short_calls") }},

busy_callers AS (
    SELECT caller_number FROM tiles GROUP BY caller_number HAVING 4 * max(calls) > $min_unique_destinations
),

-- Prune, finely. Call D minus a call's duration its credit: the credits of a qualifying window add up to more than 0.
-- (D is rounded up here, which only raises them.)
credits AS (
    SELECT *, CAST(ceil($max_avg_duration) AS BIGINT) - duration_seconds AS credit
    FROM examined_calls
    WHERE caller_number IN (SELECT caller_number FROM busy_callers)
),

{{ window_bounds("credits", ["credit"]) }},

possible_callers AS (
    SELECT caller_number FROM window_bounds WHERE calls > $min_unique_destinations AND credit > 0
),

calls AS (
    SELECT * FROM examined_calls WHERE {{ pruned("caller_number", "possible_callers", coarse="busy_callers") }}
),

{{ sweep("calls") }},

qualifying AS (
    SELECT
        *,
        {{ severity() }} AS severity,
        0.5 * (1 - CAST($min_unique_destinations AS DOUBLE) / destinations)
        + 0.5 * (1 - average / CAST($max_avg_duration AS DOUBLE)) AS confidence
    FROM windows
    WHERE destinations > $min_unique_destinations AND seconds < $max_avg_duration * calls
),

{{ episodes() }},
{{ worst("calls") }}
{{ findings() }};
