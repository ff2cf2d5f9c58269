WITH
-- Which calls count. Everything that is needed further down: caller_number, callee_number, call_timestamp,
-- duration_seconds; add a condition, as WHERE local_hour >= 22 OR local_hour < 6.
calls AS (
    SELECT * FROM examined_calls
),

-- The window slides over them. Its result is windows: calls, seconds, average, destinations, for every instant.
{{ sweep("calls") }},

-- Which windows are worth a finding, how severe it is (see the header), and how sure: from 0 to 1.
qualifying AS (
    SELECT
        *,
        {{ severity() }} AS severity,
        1 - CAST($min_calls AS DOUBLE) / calls AS confidence
    FROM windows
    WHERE calls >= $min_calls
),

-- Windows that touch are one episode; the worst window of each is the finding.
{{ episodes() }},
{{ worst("calls") }}
{{ findings() }};
