WITH
{{ bursts("$window", length="$window_seconds + 1") }},

qualifying AS (
    SELECT
        *,
        CAST(quiet AS DOUBLE) / calls AS quiet_share,
        {{ severity() }} AS severity
    FROM bursts
),

{{ episodes() }},
{{ worst("calls", order=["destinations DESC", "quiet_share DESC"]) }},

-- All calls of the episode, not only those of its worst window.
episode_figures AS (
    SELECT
        suspect_number,
        episode,
        count(*) AS episode_calls,
        count(DISTINCT callee_number) AS episode_destinations
    FROM {{ in_episode("busy_calls") }}
    GROUP BY suspect_number, episode
),

described AS (
    SELECT
        *,
        (
            1 - CAST($min_destinations AS DOUBLE) / destinations
            + coalesce((quiet_share - $min_quiet_share) / nullif(1 - CAST($min_quiet_share AS DOUBLE), 0), 1)
            + CASE WHEN coalesce(history_days, 0) < $min_history_days THEN 0.5 ELSE new_callee_share END
        ) / 3 AS confidence
    FROM evidence
    INNER JOIN episode_figures USING (suspect_number, episode)
)

{{ findings(source="described", evidence=[
    "quiet_share", "new_callee_share", "history_days", "episode_calls", "episode_destinations",
]) }};
