/*
description = """
Numbers the episodes of each suspect: windows that touch or overlap are one, that is, a window belongs to the episode of
the one before it if it begins no later than that one ends.
"""
example = "{{ episodes() }}"
adds = ["joined", "numbered"]

[arguments.windows]
kind = "name"
default = "qualifying"
description = "What has the windows: suspect_number, window_start, window_end, lasts_until."

[arguments.joined]
kind = "name"
default = "joined"
description = "Name of the first part."

[arguments.into]
kind = "name"
default = "numbered"
description = "Name of the result."

[columns]
episode = "Number of the episode, from 1, for each suspect."
*/

{{ joined }} AS (
    SELECT
        *,
        CASE WHEN window_start <= lag(lasts_until) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM {{ windows }}
    WINDOW in_time AS (PARTITION BY suspect_number ORDER BY window_end ASC NULLS LAST)
),

-- Windows that end at one instant have the same number, in whatever order they come: hence RANGE, and not ROWS.
{{ into }} AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY suspect_number ORDER BY window_end ASC NULLS LAST
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM {{ joined }}
)
