WITH
{{ two_way_days() }},

days AS (
    SELECT * FROM profiles INNER JOIN two_way_days USING (local_date)
    WHERE history_days >= $min_history_days AND new_callees >= 0 AND callees_calling_back >= 0
),

-- Peers that call back count neither as callees nor as callees that call back; as if none of them had been new.
{{ days_without_peers("days", [
    "total_minutes", "unique_callees - coalesce(calling_back, 0) AS unique_callees",
    "least(new_callees, unique_callees - coalesce(calling_back, 0)) AS new_callees",
    "greatest(callees_calling_back - coalesce(calling_back, 0), 0) AS callees_calling_back",
    "coalesce(calling_back, 0) AS peers_calling_back",
]) }},
{{ stretches("own_days", latest="own_days") }},

windows AS (
    SELECT
        {{ stretch_figures() }}, count(*) AS active_days,
        CAST(sum(unique_callees) AS BIGINT) AS callees,
        CAST(sum(new_callees) AS BIGINT) AS new_callees,
        CAST(sum(callees_calling_back) AS BIGINT) AS calling_back,
        CAST(sum(peers_calling_back) AS BIGINT) AS peers_calling_back
    FROM stretches
    GROUP BY suspect_number, stretch_end
),

shares AS (
    SELECT
        *,
        CAST(new_callees AS DOUBLE) / callees AS new_share,
        CAST(calling_back AS DOUBLE) / callees AS reciprocity
    FROM windows
    WHERE destinations >= $min_unique_destinations
        AND new_callees >= $min_new_callee_share * callees
        AND calling_back <= $max_reciprocity * callees
),

strangers AS (
    SELECT *, {{ upper_share("reciprocity", "destinations") }} AS reciprocity_bound, {{ severity() }} AS severity
    FROM shares
),

qualifying AS (
    SELECT
        *,
        (new_share - CAST($min_new_callee_share AS DOUBLE)) / (1 - CAST($min_new_callee_share AS DOUBLE)) / 3
        + (1 - reciprocity / CAST($max_reciprocity AS DOUBLE)) / 3
        + (1 - reciprocity_bound / CAST($max_reciprocity_bound AS DOUBLE)) / 3 AS confidence
    FROM strangers
    WHERE reciprocity_bound <= $max_reciprocity_bound
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings([
    "active_days", "outgoing_minutes", "new_callees", "new_share AS new_callee_share",
    "calling_back AS callees_calling_back", "reciprocity", "reciprocity_bound", "peers_calling_back",
]) }};
