WITH
-- Prune by days.
{{ day_pairs(["call_count", "unique_callees"]) }},

attempts AS (
    SELECT
        *,
        CASE WHEN {{ completed() }} THEN 1 ELSE 0 END AS completed,
        CASE WHEN {{ completed() }} THEN duration_seconds ELSE 0 END AS talked
    FROM examined_calls
    WHERE caller_number IN (
        SELECT number
        FROM day_pairs
        GROUP BY number
        HAVING ceil({{ days_touched() }} / 2) * max(call_count) >= $min_attempts
            AND ceil({{ days_touched() }} / 2) * max(unique_callees) >= $min_unique_destinations
    )
),

{{ failing_callers("attempts") }},

calls AS (
    SELECT * FROM attempts WHERE {{ pruned("caller_number", "possible_callers") }}
),

{{ sweep("calls", sums=["completed", "talked"]) }},

failing AS (
    SELECT
        *,
        CAST(completed AS DOUBLE) / calls AS asr,
        CAST(talked AS DOUBLE) / nullif(completed, 0) AS acd,
        {{ severity() }} AS severity
    FROM windows
    WHERE calls >= $min_attempts
        AND destinations >= $min_unique_destinations
        AND (completed < $max_asr * calls OR talked < $max_acd * completed)
),

qualifying AS (
    SELECT
        *,
        0.4 * greatest(1 - asr / CAST($max_asr AS DOUBLE), 1 - coalesce(acd, 0) / CAST($max_acd AS DOUBLE))
        + 0.3 * (1 - CAST($min_attempts AS DOUBLE) / calls)
        + 0.3 * CAST(destinations AS DOUBLE) / calls AS confidence
    FROM failing
),

{{ episodes() }},
{{ worst("calls") }}
{{ findings(["completed AS completed_calls", "asr AS answer_seizure_ratio", "acd AS average_call_duration"]) }};
