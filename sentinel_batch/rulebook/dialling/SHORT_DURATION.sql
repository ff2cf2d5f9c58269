WITH
-- Prune by days. (A profile counts as short the completed calls of at most 6 s.)
possible_callers AS (
    SELECT number
    FROM profiles
    GROUP BY number
    HAVING sum(completed_calls) >= $min_completed
        AND {{ days_touched() }} * max(completed_calls) >= $min_completed
        AND ($max_short_seconds > 6 OR {{ days_touched() }} * max(short_calls) > $min_short_share * $min_completed)
),

calls AS (
    SELECT *, CASE WHEN duration_seconds <= $max_short_seconds THEN 1 ELSE 0 END AS short_calls
    FROM examined_calls
    WHERE caller_number IN (SELECT number FROM possible_callers) AND {{ completed() }}
),

{{ sweep("calls", sums=["short_calls"]) }},

qualifying AS (
    SELECT
        *,
        CAST(short_calls AS DOUBLE) / calls AS short_call_share,
        {{ severity() }} AS severity,
        0.5 * (1 - CAST($min_short_share AS DOUBLE) * calls / short_calls)
        + 0.5 * (1 - CAST($min_completed AS DOUBLE) / calls) AS confidence
    FROM windows
    WHERE calls >= $min_completed AND short_calls > $min_short_share * calls
),

{{ episodes() }},
{{ worst("calls") }}
{{ findings(["short_calls", "short_call_share"]) }};
