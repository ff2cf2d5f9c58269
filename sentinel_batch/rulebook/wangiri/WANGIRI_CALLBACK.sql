WITH
-- Bursts may lie before the examined period.
{{ bursts("$burst", length="3601", since="$since - $window") }},

{{ episodes("bursts", joined="touching_bursts", into="numbered_bursts") }},

burst_spans AS (
    SELECT suspect_number, min(window_start) AS begins_at, max(window_end) AS ends_at
    FROM numbered_bursts
    GROUP BY suspect_number, episode
),

cut_calls AS (
    SELECT
        caller_number AS ringer,
        callee_number AS victim,
        call_timestamp AS rung_at,
        duration_seconds AS rung_seconds
    FROM busy_calls
    INNER JOIN burst_spans
        ON busy_calls.caller_number = burst_spans.suspect_number
        AND call_timestamp > begins_at
        AND call_timestamp <= ends_at
    WHERE is_quiet = 1
),

-- A callback answers the last cut call before it.
callbacks AS (
    SELECT
        ringer AS suspect_number,
        victim,
        call_timestamp - $window AS window_start,
        call_timestamp AS window_end,
        call_timestamp AS lasts_until,
        duration_seconds AS callback_seconds,
        max(rung_at) AS rung_at
    FROM examined_calls
    INNER JOIN cut_calls
        ON examined_calls.callee_number = ringer
        AND examined_calls.caller_number = victim
        AND call_timestamp > rung_at
        AND call_timestamp <= rung_at + $callback_within
        AND duration_seconds > rung_seconds
    WHERE call_timestamp > $since AND {{ completed() }} AND duration_seconds > $max_quiet_seconds
    GROUP BY ringer, victim, call_timestamp, duration_seconds
),

{{ episodes("callbacks") }},

traps AS (
    SELECT
        suspect_number,
        episode,
        min(window_start) AS window_start,
        max(window_end) AS window_end,
        min(rung_at) AS first_seen,
        count(*) AS callbacks,
        count(DISTINCT victim) AS victims,
        CAST(sum(callback_seconds) AS DOUBLE) / 60 AS loss_minutes
    FROM numbered
    GROUP BY suspect_number, episode
    HAVING count(DISTINCT victim) >= $min_victims
),

rung AS (
    SELECT
        suspect_number,
        episode,
        count(*) AS calls,
        count(DISTINCT victim) AS destinations,
        CAST(sum(rung_seconds) AS DOUBLE) / count(*) AS average
    FROM traps
    INNER JOIN cut_calls ON suspect_number = ringer AND rung_at > window_start AND rung_at <= window_end
    GROUP BY suspect_number, episode
),

described AS (
    SELECT
        *,
        window_start AS episode_start,
        window_end AS episode_end,
        window_end AS last_seen,
        loss_minutes / callbacks AS mean_callback_minutes,
        CAST(victims AS DOUBLE) / destinations AS victim_share,
        {{ severity() }} AS severity,
        0.5 * (1 - CAST(1 AS DOUBLE) / (1 + victims)) + 0.5 * least(1, loss_minutes / callbacks) AS confidence
    FROM traps
    INNER JOIN rung USING (suspect_number, episode)
)

{{ findings(["victims", "callbacks", "loss_minutes", "mean_callback_minutes", "victim_share"], source="described") }};

-- query: details
WITH
victims AS (
    SELECT
        suspect_number,
        victim,
        min(rung_at) AS rung_at,
        min(window_end) AS called_back_at,
        count(*) AS callbacks,
        CAST(sum(callback_seconds) AS DOUBLE) / 60 AS loss_minutes
    FROM callbacks
    GROUP BY suspect_number, victim
)

SELECT
    suspect_number,
    {{ place(["loss_minutes DESC", "victim ASC"], within=["suspect_number"]) }} AS place,
    victim,
    rung_at,
    called_back_at,
    callbacks,
    loss_minutes
FROM victims;
