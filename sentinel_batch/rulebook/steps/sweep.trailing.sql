windows AS (
    SELECT
        {{ by }} AS suspect_number,
        $until - {{ window }} AS window_start,
        $until AS window_end,
        $until AS lasts_until,
        max({{ at }}) AS last_call_at,
        CAST(sum({{ duration.column }}) AS BIGINT) AS {{ duration.name }},
        CAST(sum({{ duration.column }}) AS DOUBLE) / count(*) AS average,
        CAST(sum({{ sums.column }}) AS BIGINT) AS {{ sums.name }},
        count(DISTINCT {{ counting.column }}) AS {{ counting.name }},
        count(*) AS calls
    FROM {{ calls }}
    GROUP BY {{ by }}
)
