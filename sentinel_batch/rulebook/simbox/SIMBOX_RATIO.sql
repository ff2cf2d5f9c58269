WITH
{{ two_way_days() }},

days AS (
    SELECT * FROM profiles INNER JOIN two_way_days USING (local_date)
),

-- Calls among peers count on neither side.
{{ days_without_peers("days", [
    "unique_callees", "new_callees", "total_minutes", "call_count - coalesce(calls, 0) AS own_calls",
    "total_minutes - coalesce(minutes, 0) AS own_minutes",
    "greatest(possible_days.incoming_calls - coalesce(peer_days.incoming_calls, 0), 0) AS incoming_calls",
    "greatest(possible_days.incoming_minutes - coalesce(peer_days.incoming_minutes, 0), 0) AS incoming_minutes",
    "coalesce(calls, 0) + coalesce(peer_days.incoming_calls, 0) AS peer_calls",
]) }},
{{ stretches("own_days", latest="own_days") }},

windows AS (
    SELECT
        {{ stretch_figures() }}, count(*) AS active_days,
        CAST(sum(own_calls) AS BIGINT) AS own_calls,
        sum(own_minutes) AS own_minutes,
        CAST(sum(incoming_calls) AS BIGINT) AS incoming_calls,
        sum(incoming_minutes) AS incoming_minutes,
        CAST(sum(peer_calls) AS BIGINT) AS peer_calls
    FROM stretches
    GROUP BY suspect_number, stretch_end
    HAVING count(*) >= $min_days AND sum(own_calls) > 0
),

unbalanced AS (
    SELECT
        *,
        CAST(incoming_calls AS DOUBLE) / own_calls AS call_ratio,
        incoming_minutes / nullif(own_minutes, 0) AS duration_ratio,
        CAST(incoming_calls AS DOUBLE) / (own_calls + incoming_calls) AS incoming_share,
        own_calls + incoming_calls AS all_calls
    FROM windows
    WHERE destinations >= $min_unique_destinations
        AND destinations >= $min_spread * calls
        AND incoming_calls < $max_in_out_ratio * own_calls
        AND incoming_minutes < $max_in_out_ratio * own_minutes
),

one_way AS (
    SELECT *, {{ upper_share("incoming_share", "all_calls") }} AS incoming_bound, {{ severity() }} AS severity
    FROM unbalanced
),

qualifying AS (
    SELECT
        *,
        0.5 * (1 - greatest(call_ratio, duration_ratio) / CAST($max_in_out_ratio AS DOUBLE))
        + 0.25 * (1 - incoming_bound / CAST($max_incoming_bound AS DOUBLE))
        + 0.25 * (1 - CAST($min_days AS DOUBLE) / active_days) AS confidence
    FROM one_way
    WHERE incoming_bound <= $max_incoming_bound
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings([
    "active_days", "outgoing_minutes", "incoming_calls", "incoming_minutes", "call_ratio AS in_out_call_ratio",
    "duration_ratio AS in_out_duration_ratio", "incoming_bound", "peer_calls",
]) }};
