WITH
-- Prune. A window touches at most two local days (W is at most 23 hours); one has half of its international calls.
busy_calls AS (
    SELECT *, CASE WHEN {{ completed() }} THEN 1 ELSE 0 END AS is_answered
    FROM examined_calls
    WHERE caller_number IN (SELECT number FROM profiles WHERE 2 * international_calls >= $min_calls)
),

{{ longest_prefix("busy_calls", "callee_number", list="watched_prefixes", into="watched_numbers") }},
{{ longest_prefix("busy_calls", "callee_number", list="home_prefixes", into="home_numbers") }},

watched_calls AS (
    SELECT *
    FROM busy_calls
    INNER JOIN watched_numbers USING (callee_number)
    WHERE callee_number NOT IN (SELECT callee_number FROM home_numbers)
),

{{ sweep_calls("watched_calls", sums=["is_answered AS answered_calls"]) }},

qualifying AS (
    SELECT *, {{ severity() }} AS severity FROM windows WHERE calls >= $min_calls
),

{{ episodes() }},
{{ worst("watched_calls", order=["calls DESC"]) }},

by_prefix AS (
    SELECT
        suspect_number,
        episode,
        prefix AS main_prefix,
        count(*) AS main_prefix_calls,
        {{ place(["count(*) DESC", "prefix ASC"], within=["suspect_number", "episode"]) }} AS prefix_place
    FROM {{ in_window("watched_calls") }}
    GROUP BY suspect_number, episode, prefix
),

outgoing AS (
    SELECT suspect_number, episode, count(*) AS all_calls
    FROM {{ in_window("busy_calls") }}
    GROUP BY suspect_number, episode
),

described AS (
    SELECT
        *,
        CAST(seconds AS DOUBLE) / 60 AS watched_minutes,
        CAST(answered_calls AS DOUBLE) / calls AS answered_share,
        CAST(calls AS DOUBLE) / all_calls AS watched_share,
        0.5 * (1 - CAST($min_calls AS DOUBLE) / calls) + 0.5 * CAST(calls AS DOUBLE) / all_calls AS confidence
    FROM evidence
    INNER JOIN by_prefix USING (suspect_number, episode)
    INNER JOIN outgoing USING (suspect_number, episode)
    WHERE prefix_place = 1
)

{{ findings(source="described", evidence=[
    "main_prefix", "main_prefix_calls", "watched_minutes", "answered_share", "watched_share",
]) }};
