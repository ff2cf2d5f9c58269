/*
id = "CALL_MASK"
name = "One number called from many at once"
alert_type = "CALL_MASK"
version = "1.0"
weight = 0.4

summary = """
{callers} numbers called {suspect_number} within {burst_seconds:.0f} s (until {window_end:%Y-%m-%d %H:%M:%S} UTC), \
{connected} of them got through; {episode_callers} numbers in {waves} waves in all."""

description = """
Whoever wants to get through to one person under a false name, or to keep a line busy, calls it from many numbers at
once: the caller's numbers are made up, and change with each attempt. This rule flags a called number for which there is
a call at an instant t in the examined period such that in the burst (t - B, t] at least N different numbers call it,
and at most M of the calls get through, that is, are answered and last longer than B. (One line can hardly hold more
calls at a time. A company's many lines can, and are not meant.)

**The suspect is the called number, the attack's target.** The callers are in the details: their numbers are most
likely made up, each was perhaps used once, and an alert for each would say the same thing many times.

Attacks come in waves: bursts at most W apart are one finding. Lines that many people call anyway, such as a phone-in or
a prayer line, are left out: those that more than H different numbers called outside such bursts, in the examined
period and W before it. Only full international numbers count as called: short codes
belong to services.
"""

nulls = """
A call of unknown outcome counts as answered if it lasted more than 0 seconds. A call without a caller that can be told
apart (anonymous, unknown) is one caller, however often it comes: ingest rejects such calls unless the dialect says
otherwise.
"""

source = """
The definition (5 different callers to one number within 5 seconds) is the catalogue's starting point; calibrate sets
it. That few calls get through, and that lines with many callers are left out, is this project's addition: without it,
every busy hotline is flagged.
"""

remediation = """
Ask the holder of the called number what the calls said: a bank's or a police officer's false name, threats, silence.
Look at the callers in the details: numbers in ranges that nobody holds (rule CLI_INVALID), neighbours of each other,
all over one trunk. Trace the calls to the trunk that brought them; block there, not by number. Honest traffic that
looks alike: a vote or a phone-in when the line opens, a number that was just read out, a family after an accident, an
alarm centre in a power cut. They happen once, and the callers talk to others, too.
"""

severity = """
By the different callers of the burst; the worst burst is the finding's.
CRITICAL: at least 50: a flood, the line is out of use.
HIGH: at least 20: four a second.
MEDIUM: at least 10: twice the least.
LOW: every other burst.
"""

confidence = """
The mean of two figures between 0 and 1: 1 - N / callers, and 1 - (callers at other times) / (H + 1). The weight is 0.4:
the called number is a victim more often than an accomplice, and crowds are sometimes real.
"""

[parameters.window]
type = "duration"
default = "1h"
min = "5m"
max = "31d"
description = "W: bursts that are at most so far apart are one attack."

[parameters.burst]
type = "duration"
default = "5s"
min = "1s"
max = "5m"
description = "Length B of a burst; also, a call that lasts longer got through."

[parameters.min_callers]
type = "integer"
default = 5
min = 3
max = 1000000
unit = "numbers"
description = "Threshold N, and the minimum sample: a burst has at least so many different callers."

[parameters.max_connected]
type = "integer"
default = 2
min = 0
max = 2
unit = "calls"
description = "Threshold M: at most so many calls of the burst get through; with call waiting, two can."

[parameters.max_other_callers]
type = "integer"
default = 50
min = 0
max = 1000000
unit = "numbers"
description = "Threshold H: a number that more different numbers call outside bursts is a busy line."

[constants]
critical_callers = 50
high_callers = 20
medium_callers = 10
*/

-- query: sliding
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
    WHERE (NOT coalesce(answered, duration_seconds > 0) OR duration_seconds <= burst_seconds)
        AND starts_with(callee_number, '+')
    GROUP BY
        TRY_CAST(substring(callee_number, 2) AS BIGINT),
        floor(floor(epoch(call_timestamp)) / (burst_seconds + 1))
    HAVING 2 * count(*) >= $min_callers - $max_connected
        AND ($min_callers - $max_connected <= 2 OR min(caller_number) < max(caller_number))
),

possible_callees AS (
    SELECT DISTINCT concat('+', CAST(callee AS VARCHAR)) AS number FROM quiet_tiles
),

-- Sweep. A call is in the burst from its own instant, inclusive, to B later, exclusive. Its caller enters with it
-- unless an earlier call from the same number leaves no sooner than that, and leaves with it unless a later one is in
-- by then (both count the instant at which one leaves as the other enters).
calls AS (
    SELECT
        callee_number,
        caller_number,
        call_timestamp AS enters_at,
        call_timestamp + $burst AS leaves_at,
        duration_seconds,
        CASE
            WHEN coalesce(answered, duration_seconds > 0) AND duration_seconds > burst_seconds THEN 1
            ELSE 0
        END AS is_connected,
        lag(call_timestamp) OVER same_caller + $burst AS previous_leaves_at,
        lead(call_timestamp) OVER same_caller AS next_enters_at
    FROM examined_calls
    CROSS JOIN seconds
    INNER JOIN possible_callees ON examined_calls.callee_number = possible_callees.number
    WINDOW same_caller AS (
        PARTITION BY callee_number, caller_number
        ORDER BY call_timestamp ASC NULLS LAST, duration_seconds ASC NULLS LAST
    )
),

changes AS (
    SELECT
        callee_number,
        enters_at AS happens_at,
        1 AS calls,
        is_connected AS connected,
        duration_seconds AS seconds,
        CASE WHEN previous_leaves_at >= enters_at THEN 0 ELSE 1 END AS callers,
        1 AS entries
    FROM calls
    UNION ALL
    SELECT
        callee_number,
        leaves_at AS happens_at,
        -1 AS calls,
        -is_connected AS connected,
        -duration_seconds AS seconds,
        CASE WHEN next_enters_at <= leaves_at THEN 0 ELSE -1 END AS callers,
        0 AS entries
    FROM calls
),

-- Everything that happens at one instant happens at once.
instants AS (
    SELECT
        callee_number,
        happens_at,
        sum(calls) AS calls,
        sum(connected) AS connected,
        sum(seconds) AS seconds,
        sum(callers) AS callers,
        sum(entries) AS entries
    FROM changes
    GROUP BY callee_number, happens_at
),

states AS (
    SELECT
        callee_number,
        happens_at AS ends_at,
        entries,
        CAST(sum(calls) OVER so_far AS BIGINT) AS calls,
        CAST(sum(connected) OVER so_far AS BIGINT) AS connected,
        CAST(sum(seconds) OVER so_far AS BIGINT) AS seconds,
        CAST(sum(callers) OVER so_far AS BIGINT) AS callers
    FROM instants
    WINDOW so_far AS (
        PARTITION BY callee_number ORDER BY happens_at ASC NULLS LAST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Bursts end with a call.
qualifying AS (
    SELECT callee_number, ends_at, calls, connected, callers, CAST(seconds AS DOUBLE) / calls AS average
    FROM states
    WHERE entries > 0 AND ends_at > $since AND callers >= $min_callers AND connected <= $max_connected
),

-- Windows of W that touch or overlap are one episode; bursts that do are one wave.
joined AS (
    SELECT
        *,
        CASE WHEN ends_at - $window <= lag(ends_at) OVER in_time THEN 0 ELSE 1 END AS is_first,
        CASE WHEN ends_at - $burst <= lag(ends_at) OVER in_time THEN 0 ELSE 1 END AS begins_wave
    FROM qualifying
    WINDOW in_time AS (PARTITION BY callee_number ORDER BY ends_at ASC NULLS LAST)
),

numbered AS (
    SELECT
        *,
        sum(is_first) OVER so_far AS episode,
        sum(begins_wave) OVER so_far AS wave
    FROM joined
    WINDOW so_far AS (
        PARTITION BY callee_number ORDER BY ends_at ASC NULLS LAST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

waves AS (
    SELECT callee_number, episode, wave, min(ends_at) - $burst AS wave_begins_at, max(ends_at) AS wave_ends_at
    FROM numbered
    GROUP BY callee_number, episode, wave
),

ranked AS (
    SELECT
        *,
        min(ends_at) OVER in_episode - $window AS episode_start,
        max(ends_at) OVER in_episode AS episode_end,
        row_number() OVER (
            PARTITION BY callee_number, episode ORDER BY callers DESC NULLS LAST, ends_at ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY callee_number, episode)
),

evidence AS (
    SELECT * FROM ranked WHERE place = 1
),

placed_calls AS (
    SELECT calls.callee_number, calls.caller_number, calls.enters_at, waves.episode, waves.wave
    FROM calls
    LEFT JOIN waves
        ON calls.callee_number = waves.callee_number
        AND calls.enters_at > wave_begins_at
        AND calls.enters_at <= wave_ends_at
),

busy_lines AS (
    SELECT callee_number, count(DISTINCT caller_number) AS other_callers
    FROM placed_calls
    WHERE episode IS NULL
    GROUP BY callee_number
),

-- shared with: details
in_episode AS (
    SELECT
        callee_number,
        episode,
        count(DISTINCT caller_number) AS callers,
        count(DISTINCT wave) AS waves,
        min(enters_at) AS first_seen,
        max(enters_at) AS last_seen
    FROM placed_calls
    WHERE episode IS NOT NULL
    GROUP BY callee_number, episode
)

SELECT
    evidence.callee_number AS suspect_number,
    CASE
        WHEN evidence.callers >= $critical_callers THEN 4
        WHEN evidence.callers >= $high_callers THEN 3
        WHEN evidence.callers >= $medium_callers THEN 2
        ELSE 1
    END AS severity,
    0.5 * (1 - CAST($min_callers AS DOUBLE) / evidence.callers)
    + 0.5 * (1 - CAST(coalesce(other_callers, 0) AS DOUBLE) / ($max_other_callers + 1)) AS confidence,
    calls AS call_count,
    1 AS unique_destinations,
    average AS avg_duration_seconds,
    ends_at - $window AS window_start,
    ends_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    last_seen,
    burst_seconds,
    evidence.callers,
    connected,
    in_episode.callers AS episode_callers,
    waves,
    coalesce(other_callers, 0) AS other_callers
FROM evidence
CROSS JOIN seconds
INNER JOIN in_episode
    ON evidence.callee_number = in_episode.callee_number AND evidence.episode = in_episode.episode
LEFT JOIN busy_lines ON evidence.callee_number = busy_lines.callee_number
WHERE coalesce(other_callers, 0) <= $max_other_callers;

-- query: details
SELECT
    placed_calls.callee_number AS suspect_number,
    row_number() OVER (
        PARTITION BY placed_calls.callee_number
        ORDER BY min(enters_at) ASC NULLS LAST, caller_number ASC NULLS LAST
    ) AS place,
    caller_number AS caller,
    min(enters_at) AS called_at,
    count(*) AS calls
FROM placed_calls
LEFT JOIN busy_lines ON placed_calls.callee_number = busy_lines.callee_number
WHERE episode IS NOT NULL AND coalesce(other_callers, 0) <= $max_other_callers
GROUP BY placed_calls.callee_number, caller_number;
