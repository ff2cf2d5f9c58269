WITH
seconds AS (
    SELECT epoch($until) - epoch($until - $burst) AS burst_seconds
),

-- Prune. Of the N callers at least N - M do not get through, so that N - M different callers make calls that are not
-- answered, or last at most B. A burst touches at most two tiles of the time axis that are one second longer than
-- itself: one of them holds at least half of those callers. (The number as an integer is faster to group by.)
quiet_tiles AS (
    SELECT TRY_CAST(substring(callee_number, 2) AS BIGINT) AS callee
    FROM examined_calls
    CROSS JOIN seconds
    WHERE (NOT {{ completed() }} OR duration_seconds <= burst_seconds) AND starts_with(callee_number, '+')
    GROUP BY TRY_CAST(substring(callee_number, 2) AS BIGINT), {{ tile("burst_seconds + 1") }}
    HAVING 2 * count(*) >= $min_callers - $max_connected
        AND ($min_callers - $max_connected <= 2 OR min(caller_number) < max(caller_number))
),

calls AS (
    SELECT *, CASE WHEN {{ completed() }} AND duration_seconds > burst_seconds THEN 1 ELSE 0 END AS is_connected
    FROM examined_calls
    CROSS JOIN seconds
    WHERE callee_number IN (SELECT concat('+', CAST(callee AS VARCHAR)) FROM quiet_tiles)
),

{{ sweep_calls(
    "calls", by="callee_number", counting="caller_number AS callers", sums=["is_connected AS connected"],
    window="$burst",
) }},

bursts AS (
    SELECT * FROM windows WHERE callers >= $min_callers AND connected <= $max_connected
),

-- Bursts that touch or overlap are one wave; windows of W that do are one episode.
{{ episodes("bursts", joined="touching_bursts", into="in_waves") }},

qualifying AS (
    SELECT
        suspect_number,
        window_end - $window AS window_start,
        window_start AS burst_start,
        window_end,
        lasts_until,
        last_call_at,
        episode AS wave,
        calls,
        callers,
        connected,
        average,
        {{ severity() }} AS severity
    FROM in_waves
),

{{ episodes() }},

waves AS (
    SELECT suspect_number, episode, wave, min(burst_start) AS wave_start, max(window_end) AS wave_end
    FROM numbered
    GROUP BY suspect_number, episode, wave
),

placed_calls AS (
    SELECT calls.*, episode, wave
    FROM calls
    LEFT JOIN waves
        ON callee_number = suspect_number AND call_timestamp > wave_start AND call_timestamp <= wave_end
),

wave_calls AS (
    SELECT * FROM placed_calls WHERE wave IS NOT NULL
),

{{ worst("wave_calls", by="callee_number", order=["callers DESC"]) }},

busy_lines AS (
    SELECT callee_number, count(DISTINCT caller_number) AS other_callers
    FROM placed_calls
    WHERE wave IS NULL
    GROUP BY callee_number
),

wave_figures AS (
    SELECT callee_number, episode, count(DISTINCT caller_number) AS episode_callers, count(DISTINCT wave) AS waves
    FROM wave_calls
    GROUP BY callee_number, episode
),

described AS (
    SELECT
        evidence.*,
        1 AS destinations,
        burst_seconds,
        episode_callers,
        waves,
        coalesce(other_callers, 0) AS other_callers,
        0.5 * (1 - CAST($min_callers AS DOUBLE) / callers)
        + 0.5 * (1 - CAST(coalesce(other_callers, 0) AS DOUBLE) / ($max_other_callers + 1)) AS confidence
    FROM evidence
    CROSS JOIN seconds
    INNER JOIN wave_figures ON suspect_number = wave_figures.callee_number AND evidence.episode = wave_figures.episode
    LEFT JOIN busy_lines ON suspect_number = busy_lines.callee_number
    WHERE coalesce(other_callers, 0) <= $max_other_callers
)

{{ findings(source="described", evidence=[
    "burst_seconds", "callers", "connected", "episode_callers", "waves", "other_callers",
]) }};

-- query: details
SELECT
    callee_number AS suspect_number,
    {{ place(["min(call_timestamp) ASC", "caller_number ASC"], within=["callee_number"]) }} AS place,
    caller_number AS caller,
    min(call_timestamp) AS called_at,
    count(*) AS calls
FROM wave_calls
WHERE callee_number IN (SELECT suspect_number FROM described)
GROUP BY callee_number, caller_number;
