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

-- Prune, coarsely. Call an attempt weak if it was not completed, or was but lasted less than 2 B. With an ASR below A
-- more than 1 - A of a window's attempts are weak, and with an ACD below B more than half of its completed calls are
-- (Markov's inequality), so more than half of its attempts.
weak_attempts AS (
    SELECT * FROM attempts WHERE completed = 0 OR duration_seconds < 2 * CAST(ceil($max_acd) AS BIGINT)
),

{{ tiles("weak_attempts") }},
{{ tile_pairs() }},

weak_callers AS (
    SELECT caller_number FROM tile_pairs WHERE calls > least(0.5, 1 - $max_asr) * $min_attempts
),

-- Prune, finely. A call's credit against the ASR is A, less 1 if it was completed; against the ACD it is B less its
-- seconds, if it was completed. In a qualifying window the credits of one kind add up to more than 0.
credits AS (
    SELECT
        *,
        $max_asr - completed AS asr_credit,
        CAST(ceil($max_acd) AS BIGINT) * completed - talked AS acd_credit
    FROM attempts
    WHERE caller_number IN (SELECT caller_number FROM weak_callers)
),

{{ window_bounds("credits", ["asr_credit", "acd_credit"]) }},

possible_callers AS (
    SELECT caller_number FROM window_bounds WHERE calls >= $min_attempts AND (asr_credit > 0 OR acd_credit > 0)
),

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
