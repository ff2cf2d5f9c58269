WITH
{{ two_way_days() }},

busy_days AS (
    SELECT *
    FROM profiles
    INNER JOIN two_way_days USING (local_date)
    WHERE unique_callees >= $min_unique_destinations
),

{{ stretches("busy_days", latest="busy_days") }},

windows AS (
    SELECT
        {{ stretch_figures() }},
        count(*) AS busy_days,
        avg(unique_callees) AS daily_destinations,
        CAST(sum(incoming_calls) AS BIGINT) AS incoming_calls,
        sum(incoming_minutes) AS incoming_minutes
    FROM stretches
    GROUP BY suspect_number, stretch_end
    HAVING count(*) >= $min_busy_days
),

unbalanced AS (
    SELECT
        *,
        CAST(incoming_calls AS DOUBLE) / calls AS call_ratio,
        incoming_minutes / nullif(outgoing_minutes, 0) AS duration_ratio,
        {{ severity() }} AS severity
    FROM windows
    WHERE incoming_calls < $max_in_out_ratio * calls
        AND incoming_minutes < $max_in_out_ratio * outgoing_minutes
),

qualifying AS (
    SELECT
        *,
        0.5 * (1 - greatest(call_ratio, duration_ratio) / CAST($max_in_out_ratio AS DOUBLE))
        + 0.25 * (1 - $min_unique_destinations / daily_destinations)
        + 0.25 * (1 - CAST($min_busy_days AS DOUBLE) / busy_days) AS confidence
    FROM unbalanced
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings([
    "busy_days", "daily_destinations AS mean_daily_destinations", "outgoing_minutes", "incoming_calls",
    "incoming_minutes", "call_ratio AS in_out_call_ratio", "duration_ratio AS in_out_duration_ratio",
]) }};
