WITH
-- Prune. A night touches two local days: in one of them a suspect makes at least half of his calls to the range, all of
-- them international.
international_calls AS (
    SELECT *, CASE WHEN {{ completed() }} THEN duration_seconds ELSE 0 END AS talked
    FROM examined_calls
    WHERE caller_number IN (
        SELECT number FROM profiles WHERE 2 * international_calls >= least($min_calls_each, $min_calls_alone)
    )
),

{{ longest_prefix("international_calls", "callee_number", list="high_risk_ranges", into="listed_numbers") }},

range_calls AS (
    SELECT
        international_calls.*,
        CASE
            WHEN length(prefix) >= 6 THEN prefix
            ELSE substring(international_calls.callee_number, 1, 6)
        END AS called_range,
        CASE
            WHEN local_hour >= $night_begins THEN local_date
            WHEN local_hour < $night_ends THEN CAST(local_date - 1 AS DATE)
        END AS night
    FROM international_calls
    INNER JOIN listed_numbers ON international_calls.callee_number = listed_numbers.callee_number
),

nightly AS (
    SELECT
        called_range,
        night,
        caller_number,
        {{ call_figures() }},
        CAST(sum(talked) AS DOUBLE) / 60 AS minutes,
        min(call_timestamp) AS first_call_at,
        max(call_timestamp) AS last_call_at
    FROM range_calls
    WHERE night IS NOT NULL
    GROUP BY called_range, night, caller_number
    HAVING count(*) >= least($min_calls_each, $min_calls_alone)
),

crowds AS (
    SELECT
        *,
        sum(CASE WHEN calls >= $min_calls_each THEN 1 ELSE 0 END) OVER (PARTITION BY called_range, night) AS crowd
    FROM nightly
),

attackers AS (
    SELECT
        *,
        count(*) OVER in_attack AS range_callers,
        sum(calls) OVER in_attack AS range_calls,
        sum(minutes) OVER in_attack AS range_minutes,
        min(first_call_at) OVER in_attack AS attack_begins_at,
        max(last_call_at) OVER in_attack AS attack_ends_at
    FROM crowds
    WHERE calls >= $min_calls_alone OR (calls >= $min_calls_each AND crowd >= $min_callers)
    WINDOW in_attack AS (PARTITION BY called_range, night)
),

-- All calls of an attack's callers to its range, from W before its first call on.
earlier_calls AS (
    SELECT
        attackers.called_range,
        attackers.night,
        call_timestamp,
        row_number() OVER in_attack AS place,
        lead(call_timestamp) OVER in_attack AS next_call_at
    FROM attackers
    INNER JOIN range_calls
        ON attackers.called_range = range_calls.called_range
        AND attackers.caller_number = range_calls.caller_number
        AND call_timestamp > attack_begins_at - $window
    WINDOW in_attack AS (
        PARTITION BY attackers.called_range, attackers.night
        ORDER BY call_timestamp ASC NULLS LAST, range_calls.caller_number ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

test_calls AS (
    SELECT called_range, night, call_timestamp AS test_call_at
    FROM earlier_calls
    WHERE place = 1 AND next_call_at >= call_timestamp + $test_gap
),

qualifying AS (
    SELECT
        attackers.*,
        caller_number AS suspect_number,
        attack_ends_at - $window AS window_start,
        attack_ends_at AS window_end,
        attack_ends_at AS lasts_until,
        test_call_at,
        {{ severity() }} AS severity,
        (
            CAST(range_callers AS DOUBLE) / (range_callers + $min_callers)
            + CAST(calls AS DOUBLE) / (calls + $min_calls_each)
            + CASE WHEN test_call_at IS NULL THEN 0.5 ELSE 1 END
        ) / 3 AS confidence
    FROM attackers
    LEFT JOIN test_calls
        ON attackers.called_range = test_calls.called_range AND attackers.night = test_calls.night
    WHERE attack_ends_at > $since AND (test_call_at IS NOT NULL OR $needs_test_call = 0)
),

{{ episodes() }},
{{ worst_dated(["severity DESC", "minutes DESC", "window_end ASC", "called_range ASC"]) }}
{{ findings([
    "called_range AS range", "night", "minutes AS loss_minutes", "range_callers", "range_calls", "range_minutes",
    "test_call_at",
]) }};
