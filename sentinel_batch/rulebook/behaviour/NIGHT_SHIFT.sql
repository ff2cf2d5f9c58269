WITH
night_days AS (
    SELECT *
    FROM profiles
    WHERE day_start < $until
        AND call_count >= $min_calls
        AND night_callees >= $min_night_callees
        AND night_calls >= $min_night_share * call_count
        AND night_share_z >= $min_z
),

{{ stretches("night_days", latest="night_days") }},

windows AS (
    SELECT
        {{ stretch_figures() }},
        count(*) AS days,
        CAST(sum(night_calls) AS BIGINT) AS night_calls,
        max(night_callees) AS night_callees,
        avg(night_share_z) AS z
    FROM stretches
    GROUP BY suspect_number, stretch_end
    HAVING count(*) >= $min_days
),

qualifying AS (
    SELECT
        *,
        CAST(night_calls AS DOUBLE) / calls AS night_share,
        {{ severity() }} AS severity,
        0.5 * (1 - CAST($min_z AS DOUBLE) / z) + 0.5 * CAST(night_calls AS DOUBLE) / calls AS confidence
    FROM windows
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings([
    "days AS night_days", "night_calls", "night_callees AS max_night_callees", "night_share", "z AS night_share_z",
]) }};
