WITH
-- Prune, coarsely. W is at most 23 hours, so the calls that reach N numbers touch at most two local days.
{{ day_pairs(["unique_callees"]) }},

busy_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        duration_seconds,
        CASE WHEN {{ completed() }} THEN 1 ELSE 0 END AS is_answered,
        CASE WHEN starts_with(callee_number, '+') THEN TRY_CAST(substring(callee_number, 2) AS BIGINT) END AS callee
    FROM examined_calls
    WHERE caller_number IN (SELECT number FROM day_pairs WHERE unique_callees >= $min_numbers)
),

-- Prune, finely. A run leaves no gap wider than S, so its first N numbers lie within (N - 1) S of each other, in at
-- most floor((N - 1) S / 100) + 2 blocks of a hundred numbers, and one of these holds so many of them; more than one,
-- as N is at least 3 and S at most 9.
possible_callers AS (
    SELECT DISTINCT caller_number
    FROM busy_calls
    GROUP BY caller_number, floor(callee / 100)
    HAVING min(callee) < max(callee)
        AND count(*) * (floor(($min_numbers - 1) * $max_step / 100) + 2) >= $min_numbers
),

calls AS (
    SELECT
        *,
        row_number() OVER in_time AS turn,
        lag(callee_number) OVER in_time AS previous_number
    FROM busy_calls
    WHERE caller_number IN (SELECT caller_number FROM possible_callers)
    WINDOW in_time AS (
        PARTITION BY caller_number
        ORDER BY call_timestamp ASC NULLS LAST, callee ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

steps AS (
    SELECT
        *,
        CASE WHEN abs(callee - lag(callee) OVER in_turn) BETWEEN 1 AND $max_step THEN 0 ELSE 1 END AS begins_run
    FROM calls
    WHERE previous_number IS NULL OR previous_number <> callee_number
    WINDOW in_turn AS (PARTITION BY caller_number ORDER BY turn ASC NULLS LAST)
),

runs AS (
    SELECT *, sum(begins_run) OVER (PARTITION BY caller_number ORDER BY turn ASC NULLS LAST) AS run FROM steps
),

visits AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY caller_number, run, callee_number ORDER BY turn ASC NULLS LAST) AS visit,
        min(call_timestamp) OVER in_run AS first_call_at,
        count(*) OVER in_run AS calls,
        sum(is_answered) OVER in_run AS answered,
        sum(duration_seconds) OVER in_run AS seconds
    FROM runs
    WINDOW in_run AS (PARTITION BY caller_number, run ORDER BY turn ASC NULLS LAST)
),

-- Only calls that reach a number for the first time lengthen a run.
reached AS (
    SELECT
        *,
        row_number() OVER in_run AS numbers,
        lag(call_timestamp, $min_numbers - 1) OVER in_run AS sample_begins_at
    FROM visits
    WHERE visit = 1
    WINDOW in_run AS (PARTITION BY caller_number, run ORDER BY turn ASC NULLS LAST)
),

qualifying AS (
    SELECT
        *,
        caller_number AS suspect_number,
        call_timestamp - $window AS window_start,
        call_timestamp AS window_end,
        call_timestamp AS lasts_until,
        call_timestamp AS last_call_at,
        numbers AS destinations,
        CAST(seconds AS DOUBLE) / calls AS average,
        CAST(answered AS DOUBLE) / calls AS answered_share,
        {{ severity() }} AS severity,
        0.5 * (1 - CAST($min_numbers AS DOUBLE) / numbers)
        + 0.5 * (1 - CAST(answered AS DOUBLE) / calls) AS confidence
    FROM reached
    WHERE call_timestamp > $since AND sample_begins_at > call_timestamp - $window
),

{{ episodes() }},
{{ worst_dated(["destinations DESC", "window_end ASC", "run ASC"]) }},

described AS (
    SELECT
        evidence.*,
        run_starts.callee_number AS first_callee,
        $max_step AS max_step,
        (epoch(evidence.window_end) - epoch(evidence.first_call_at)) / 60 AS minutes
    FROM evidence
    INNER JOIN reached AS run_starts
        ON suspect_number = run_starts.caller_number AND evidence.run = run_starts.run AND run_starts.numbers = 1
)

{{ findings(source="described", evidence=[
    "first_callee", "callee_number AS last_callee", "max_step", "first_call_at AS run_begins_at", "minutes",
    "answered_share",
]) }};
