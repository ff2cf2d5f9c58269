WITH
static_days AS (
    SELECT number, day_end, unique_callees AS busy_callees
    FROM profiles
    WHERE day_start < $until
        AND unique_callees >= $min_unique_destinations AND distinct_cells BETWEEN 1 AND $max_cells
),

days AS (
    SELECT *
    FROM profiles
    LEFT JOIN static_days USING (number, day_end)
    WHERE number IN (SELECT number FROM static_days GROUP BY number HAVING count(*) >= $min_busy_days)
),

{{ stretches("days", latest="static_days") }},

windows AS (
    SELECT
        {{ stretch_figures() }},
        count(busy_callees) AS busy_days,
        avg(busy_callees) AS daily_destinations
    FROM stretches
    GROUP BY suspect_number, stretch_end
    HAVING count(busy_callees) >= $min_busy_days AND max(coalesce(distinct_cells, 0)) <= $max_cells
),

-- On a day with at most two cells, the two most used are all of them.
stretch_cells AS (
    SELECT
        suspect_number,
        stretch_end,
        count(DISTINCT cell) AS cells,
        min(cell) AS cell,
        CASE WHEN count(DISTINCT cell) > 1 THEN max(cell) END AS other_cell
    FROM (
        SELECT suspect_number, stretch_end, first_cell AS cell FROM stretches
        UNION ALL
        SELECT suspect_number, stretch_end, second_cell AS cell FROM stretches
    ) AS seen
    GROUP BY suspect_number, stretch_end
    HAVING count(DISTINCT cell) <= $max_cells
),

qualifying AS (
    SELECT
        *,
        {{ severity() }} AS severity,
        0.4 * (1 - CAST(cells - 1 AS DOUBLE) / $max_cells)
        + 0.3 * (1 - $min_unique_destinations / daily_destinations)
        + 0.3 * (1 - CAST($min_busy_days AS DOUBLE) / busy_days) AS confidence
    FROM windows
    INNER JOIN stretch_cells USING (suspect_number, stretch_end)
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings([
    "busy_days", "daily_destinations AS mean_daily_destinations", "outgoing_minutes", "cells", "cell", "other_cell",
]) }};
