WITH
scored_days AS (
    SELECT
        *,
        CASE WHEN international_z >= $min_z THEN 1 ELSE 0 END AS is_international,
        CASE WHEN calls_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN callees_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN minutes_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN international_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN night_z >= $min_z THEN 1 ELSE 0 END AS signals,
        greatest(
            coalesce(calls_z, 0),
            coalesce(callees_z, 0),
            coalesce(minutes_z, 0),
            coalesce(international_z, 0),
            coalesce(night_z, 0)
        ) AS largest_z
    FROM profiles
    WHERE day_start < $until AND call_count >= $min_calls AND active_days >= $min_active_days
),

shifted_days AS (
    SELECT * FROM scored_days WHERE signals >= $min_signals
),

{{ stretches("shifted_days", latest="shifted_days") }},

windows AS (
    SELECT
        {{ stretch_figures() }},
        count(*) AS days,
        CAST(sum(international_calls) AS BIGINT) AS international_calls
    FROM stretches
    GROUP BY suspect_number, stretch_end
    HAVING count(*) >= $min_days
),

-- The signals are those of the last day.
qualifying AS (
    SELECT
        windows.*,
        signals,
        calls_z,
        callees_z,
        minutes_z,
        international_z,
        night_z,
        active_days,
        {{ severity() }} AS severity,
        0.1 * signals + 0.5 * (1 - CAST($min_z AS DOUBLE) / largest_z) AS confidence
    FROM windows
    INNER JOIN shifted_days ON suspect_number = number AND stretch_end = day_end
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings([
    "days AS shifted_days", "signals", "calls_z", "callees_z", "minutes_z", "international_z", "night_z",
    "international_calls", "outgoing_minutes", "active_days AS history_active_days",
]) }};
