/*
id = "SDHF_001"
name = "Short duration, high frequency"
alert_type = "SDHF_SIMBOX"
version = "1.0"

description = """
A SIM box puts calls from abroad through local SIM cards: one number calls very many different numbers, and most of
those calls are very short. This rule flags every caller for which there is at least one instant t in the examined
period at which the calls of the window (t - W, t] go to more than N different numbers and last less than D seconds
on average.

The window slides: every instant counts, not only the end of the night, and not only the instants at which somebody
calls. Every call counts, whatever its direction or outcome, unless --direction or --answered-only says otherwise; an
unanswered call lasts 0 seconds. With --trailing, only the one window that ends at the end of the period is examined,
its first instant included, which is the query this rule comes from.

The last window of a state ends when the state changes, or when the period ends. The figures are those of the window
(window_start, window_end] of worst severity; of those, the one with most destinations, then the lowest average, then
the earliest. For a state that is carried into the period, window_end is since. Averages are compared exactly, as sums;
thresholds count to six decimals.
"""

nulls = """
No column that this rule reads is ever NULL: ingest rejects a call without caller, callee, time or duration.
Two filters meet NULL: a call of unknown outcome is left out by --answered-only, and a call of unknown direction by
--direction.
"""

source = "The SDHF detection algorithm of the Sentinel specification, with its severity ladder."

remediation = """
Look at the calls behind the alert (sentinel-batch explain NUMBER). A SIM box calls round the clock or in bursts, from
one cell, hardly ever the same number twice, and is hardly ever called. Block the SIM, look up its IMEI for sibling
SIMs, and test-call the route. Call centres, appointment reminders and one-time-password services look alike: verify
the subscriber, then put the number on the suppression list with a reason.
"""

severity = """
The first line that matches, at every qualifying instant; the worst one is the severity of the finding.
CRITICAL: at least 200 destinations and an average of at most 1.5 s.
HIGH: at least 100 destinations and an average of at most 2.0 s.
MEDIUM: at least 75 destinations, or an average of at most 1.0 s.
LOW: every other qualifying window.
"""

confidence = """
How far the evidence lies beyond both thresholds, from 0 (just beyond) to 1: the mean of 1 - N / destinations and
1 - average / D. It rises with the destinations and falls with the average. It orders findings of one severity; it is
not a probability.
"""

summary = """
{suspect_number} made {call_count} calls to {unique_destinations} unique destinations in {window} \
(until {window_end:%Y-%m-%d %H:%M} UTC), average duration {avg_duration_seconds:.2f} s."""

weight = 0.8

[parameters.window]
type = "duration"
default = "24h"
min = "1m"
max = "31d"
description = "Length W of the sliding window."

[parameters.min_unique_destinations]
type = "integer"
default = 50
min = 1
max = 1000000
unit = "numbers"
description = "Threshold N: strictly more different numbers are called."

[parameters.max_avg_duration]
type = "real"
default = 3.0
min = 0.001
max = 3600.0
unit = "seconds"
description = "Threshold D: calls are strictly shorter on average."

[constants]
critical_destinations = 200
critical_average = 1.5
high_destinations = 100
high_average = 2.0
medium_destinations = 75
medium_average = 1.0
*/

-- query: sliding
WITH
-- Prune, coarsely. In a window of more than N calls with an average below D, more than half of the calls are shorter
-- than 2 D (Markov's inequality), hence more than N / 2. A window touches at most two tiles of the time axis that are
-- one second longer than itself, so that one of them holds more than N / 4 such calls.
short_calls AS (
    SELECT
        caller_number,
        floor(floor(epoch(call_timestamp)) / ($window_seconds + 1)) AS tile,
        count(*) AS calls
    FROM examined_calls
    WHERE duration_seconds < CAST(ceil(2 * $max_avg_duration) AS BIGINT)
    GROUP BY caller_number, floor(floor(epoch(call_timestamp)) / ($window_seconds + 1))
),

busy_callers AS (
    SELECT caller_number
    FROM short_calls
    GROUP BY caller_number
    HAVING 2 * sum(calls) > $min_unique_destinations AND 4 * max(calls) > $min_unique_destinations
),

-- Prune, finely. Call D minus a call's duration its credit: the credits of a qualifying window add up to more than 0.
-- Cut time into tiles of a sixth of W. A window that ends in tile k contains the tiles k-5 to k-1 whole, parts of
-- k, k-6 and k-7, and nothing else. So its credit is at most the whole credit of the former plus the positive credits of
-- the latter. (D is rounded up here, which only raises the credits; W is at least a minute, or k-7 would not be enough.)
busy_tiles AS (
    SELECT
        examined.caller_number,
        CAST(floor(floor(epoch(call_timestamp)) / floor($window_seconds / 6)) AS BIGINT) AS tile,
        count(*) AS calls,
        sum(CAST(ceil($max_avg_duration) AS BIGINT) - duration_seconds) AS credit,
        sum(
            CASE
                WHEN duration_seconds < CAST(ceil($max_avg_duration) AS BIGINT)
                    THEN CAST(ceil($max_avg_duration) AS BIGINT) - duration_seconds
                ELSE 0
            END
        ) AS positive_credit
    FROM examined_calls AS examined
    INNER JOIN busy_callers ON examined.caller_number = busy_callers.caller_number
    GROUP BY
        examined.caller_number,
        CAST(floor(floor(epoch(call_timestamp)) / floor($window_seconds / 6)) AS BIGINT)
),

possible_windows AS (
    SELECT caller_number
    FROM busy_tiles
    CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7)) AS steps (tiles_later)
    GROUP BY caller_number, tile + tiles_later
    HAVING sum(calls) > $min_unique_destinations
        AND sum(CASE WHEN tiles_later IN (0, 6, 7) THEN positive_credit ELSE credit END) > 0
),

possible_callers AS (
    SELECT DISTINCT caller_number FROM possible_windows
),

-- Sweep. A call is in the window from its own instant, inclusive, to W later, exclusive. Its callee enters with it
-- unless an earlier call to the same number leaves no sooner than that, and leaves with it unless a later one is in by
-- then (both count the instant at which one leaves as the other enters).
calls AS (
    SELECT
        examined.caller_number,
        call_timestamp AS enters_at,
        call_timestamp + $window AS leaves_at,
        duration_seconds,
        lag(call_timestamp) OVER same_callee + $window AS previous_leaves_at,
        lead(call_timestamp) OVER same_callee AS next_enters_at
    FROM examined_calls AS examined
    INNER JOIN possible_callers ON examined.caller_number = possible_callers.caller_number
    WINDOW same_callee AS (
        PARTITION BY examined.caller_number, callee_number
        ORDER BY call_timestamp ASC NULLS LAST, duration_seconds ASC NULLS LAST
    )
),

changes AS (
    SELECT
        caller_number,
        enters_at AS happens_at,
        1 AS calls,
        duration_seconds AS seconds,
        CASE WHEN previous_leaves_at >= enters_at THEN 0 ELSE 1 END AS destinations,
        enters_at AS called_at
    FROM calls
    UNION ALL
    SELECT
        caller_number,
        leaves_at AS happens_at,
        -1 AS calls,
        -duration_seconds AS seconds,
        CASE WHEN next_enters_at <= leaves_at THEN 0 ELSE -1 END AS destinations,
        NULL AS called_at
    FROM calls
    WHERE leaves_at <= $until
),

-- Everything that happens at one instant happens at once.
instants AS (
    SELECT
        caller_number,
        happens_at,
        sum(calls) AS calls,
        sum(seconds) AS seconds,
        sum(destinations) AS destinations,
        max(called_at) AS called_at
    FROM changes
    GROUP BY caller_number, happens_at
),

-- The window's figures from one change to the next.
states AS (
    SELECT
        caller_number,
        happens_at AS begins_at,
        lead(happens_at) OVER in_time AS ends_at,
        CAST(sum(calls) OVER so_far AS BIGINT) AS calls,
        CAST(sum(seconds) OVER so_far AS BIGINT) AS seconds,
        CAST(sum(destinations) OVER so_far AS BIGINT) AS destinations,
        max(called_at) OVER so_far AS last_call_at
    FROM instants
    WINDOW
        in_time AS (PARTITION BY caller_number ORDER BY happens_at ASC NULLS LAST),
        so_far AS (
            PARTITION BY caller_number ORDER BY happens_at ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
),

-- A state that is carried into the period counts from its beginning; the last state lasts to its end.
qualifying AS (
    SELECT
        caller_number,
        CASE WHEN begins_at < $since THEN $since ELSE begins_at END AS begins_at,
        CASE WHEN ends_at IS NULL THEN $until ELSE ends_at END AS ends_at,
        calls,
        seconds,
        destinations,
        CAST(seconds AS DOUBLE) / calls AS average,
        last_call_at,
        CASE
            WHEN destinations >= $critical_destinations AND seconds <= $critical_average * calls THEN 4
            WHEN destinations >= $high_destinations AND seconds <= $high_average * calls THEN 3
            WHEN destinations >= $medium_destinations OR seconds <= $medium_average * calls THEN 2
            ELSE 1
        END AS severity
    FROM states
    WHERE (ends_at > $since OR ends_at IS NULL)
        AND destinations > $min_unique_destinations
        AND seconds < $max_avg_duration * calls
),

-- Qualifying windows that touch or overlap are one episode.
joined AS (
    SELECT
        *,
        CASE WHEN begins_at - $window <= lag(ends_at) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM qualifying
    WINDOW in_time AS (PARTITION BY caller_number ORDER BY begins_at ASC NULLS LAST)
),

numbered AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY caller_number ORDER BY begins_at ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM joined
),

ranked AS (
    SELECT
        *,
        min(begins_at) OVER in_episode - $window AS episode_start,
        max(ends_at) OVER in_episode AS episode_end,
        max(last_call_at) OVER in_episode AS last_seen,
        row_number() OVER (
            PARTITION BY caller_number, episode
            ORDER BY
                severity DESC NULLS LAST,
                destinations DESC NULLS LAST,
                average ASC NULLS LAST,
                begins_at ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY caller_number, episode)
),

evidence AS (
    SELECT * FROM ranked WHERE place = 1
),

first_calls AS (
    SELECT evidence.caller_number, evidence.episode, min(calls.enters_at) AS first_seen
    FROM evidence
    INNER JOIN calls
        ON evidence.caller_number = calls.caller_number AND calls.enters_at > evidence.episode_start
    GROUP BY evidence.caller_number, evidence.episode
)

SELECT
    evidence.caller_number AS suspect_number,
    severity,
    0.5 * (1 - CAST($min_unique_destinations AS DOUBLE) / destinations)
    + 0.5 * (1 - average / CAST($max_avg_duration AS DOUBLE)) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    begins_at - $window AS window_start,
    begins_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    last_seen
FROM evidence
INNER JOIN first_calls
    ON evidence.caller_number = first_calls.caller_number AND evidence.episode = first_calls.episode;

-- query: trailing
WITH
caller_stats AS (
    SELECT
        caller_number,
        count(*) AS calls,
        count(DISTINCT callee_number) AS destinations,
        CAST(sum(duration_seconds) AS BIGINT) AS seconds,
        CAST(sum(duration_seconds) AS DOUBLE) / count(*) AS average,
        min(call_timestamp) AS first_seen,
        max(call_timestamp) AS last_seen
    FROM examined_calls
    GROUP BY caller_number
    HAVING count(DISTINCT callee_number) > $min_unique_destinations
        AND CAST(sum(duration_seconds) AS BIGINT) < $max_avg_duration * count(*)
)

SELECT
    caller_number AS suspect_number,
    CASE
        WHEN destinations >= $critical_destinations AND seconds <= $critical_average * calls THEN 4
        WHEN destinations >= $high_destinations AND seconds <= $high_average * calls THEN 3
        WHEN destinations >= $medium_destinations OR seconds <= $medium_average * calls THEN 2
        ELSE 1
    END AS severity,
    0.5 * (1 - CAST($min_unique_destinations AS DOUBLE) / destinations)
    + 0.5 * (1 - average / CAST($max_avg_duration AS DOUBLE)) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    $until - $window AS window_start,
    $until AS window_end,
    $until - $window AS episode_start,
    $until AS episode_end,
    first_seen,
    last_seen
FROM caller_stats;
