/*
description = "The inside of worst and worst_dated: the windows of an episode, worst first, and the episode's bounds."
adds = ["ranked"]

[arguments.order]
kind = "order"
description = "What makes a window worse; of equals, the earliest."

[arguments.first_call]
kind = "name"
description = "Column with the first call of a window; or none."

[columns]
place = "1 for the worst window of its episode."
*/

ranked AS (
    SELECT
        *,
        min(window_start) OVER in_episode AS episode_start,
        max(lasts_until) OVER in_episode AS episode_end,
        min({{ first_call }}) OVER in_episode AS first_seen,
        max(last_call_at) OVER in_episode AS last_seen,
        row_number() OVER (
            PARTITION BY suspect_number, episode
            ORDER BY
                {{ order }},
                window_end ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY suspect_number, episode)
)
