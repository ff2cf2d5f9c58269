WITH
{{ two_way_days() }},

days AS (
    SELECT *
    FROM profiles
    INNER JOIN two_way_days USING (local_date)
    WHERE history_days >= $min_history_days AND new_callees >= 0 AND callees_calling_back >= 0
),

-- Prune. The destinations of a stretch are at most all callees of all its days.
possible_days AS (
    SELECT *
    FROM days
    WHERE number IN (SELECT number FROM days GROUP BY number HAVING sum(unique_callees) >= $min_unique_destinations)
),

{{ stretches("possible_days", latest="possible_days") }},

windows AS (
    SELECT
        {{ stretch_figures() }},
        count(*) AS active_days,
        CAST(sum(unique_callees) AS BIGINT) AS callees,
        CAST(sum(new_callees) AS BIGINT) AS new_callees,
        CAST(sum(callees_calling_back) AS BIGINT) AS calling_back
    FROM stretches
    GROUP BY suspect_number, stretch_end
),

strangers AS (
    SELECT
        *,
        CAST(new_callees AS DOUBLE) / callees AS new_share,
        CAST(calling_back AS DOUBLE) / callees AS reciprocity,
        {{ severity() }} AS severity
    FROM windows
    WHERE destinations >= $min_unique_destinations
        AND new_callees >= $min_new_callee_share * callees
        AND calling_back <= $max_reciprocity * callees
),

qualifying AS (
    SELECT
        *,
        (new_share - CAST($min_new_callee_share AS DOUBLE)) / (1 - CAST($min_new_callee_share AS DOUBLE)) / 3
        + (1 - reciprocity / CAST($max_reciprocity AS DOUBLE)) / 3
        + (1 - CAST($min_unique_destinations AS DOUBLE) / destinations) / 3 AS confidence
    FROM strangers
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings([
    "active_days", "outgoing_minutes", "new_callees", "new_share AS new_callee_share",
    "calling_back AS callees_calling_back", "reciprocity",
]) }};
