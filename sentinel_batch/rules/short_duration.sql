/*
id = "SHORT_DURATION"
name = "Too many very short conversations"
alert_type = "ROBOCALLS"
version = "1.0"
weight = 0.2

description = """
People who answer an automatic or unwanted call hang up within seconds. The rule flags a caller for which there is an
instant t such that of the completed calls of the window (t - W, t] strictly more than the share P lasted at most D
seconds, and there were at least N completed calls. Calls that were not completed do not count: see ASR_ACD for those.

The window slides: there is at least one such instant t in the examined period, whether or not somebody calls at it. The
figures are those of the window (window_start, window_end] of worst severity; of those, the one with most destinations,
then the lowest average, then the earliest. For a state that is carried into the period, window_end is since.

call_count, unique_destinations and the average are those of the completed calls.
"""

nulls = """
A call is completed if it was answered, or, where that is not known (answered NULL), if it lasted longer than 0 seconds.
"""

source = """
Starting values of the project's rule catalogue. They are those at which carriers charge extra for traffic of diallers:
Telnyx, What are Short Duration Calls? (6 seconds, 15 % of the connected calls); Genesys Cloud, Short duration call
surcharge (15 % of at least 100 completed calls a month).
"""

remediation = """
Listen, or call a few callees: what did they hear? Compare the caller's number with who pays for the line: robocallers
invent theirs (CLI spoofing), so that the subscriber of a flagged number may be a victim; check the trunk. Look alikes:
one-time-password and reminder services, parcel and taxi notices, call centres that reach voice mail, polls. They are
registered: verify, then suppress with a reason.
"""

severity = """
By the share of short calls; at every qualifying instant the first line that matches, and of all instants the worst.
CRITICAL: a share of at least 0.5 of at least 500 completed calls.
HIGH: a share of at least 0.5.
MEDIUM: a share of at least 0.3.
LOW: every other qualifying window.
"""

confidence = """
How far the evidence lies beyond both thresholds: the mean of 1 - P / share and 1 - N / completed calls. It is not a
probability. Weight 0.2: reminders, invitations and one-time passwords are as short as robocalls.
"""

summary = """
{suspect_number} completed {call_count} calls to {unique_destinations} numbers in {window} (until \
{window_end:%Y-%m-%d %H:%M} UTC), of which {short_calls} ({short_call_share:.0%}) were over within seconds; on average \
they lasted {avg_duration_seconds:.1f} s."""

[parameters.window]
type = "duration"
default = "24h"
min = "1m"
max = "31d"
description = "Length W of the sliding window."

[parameters.min_completed]
type = "integer"
default = 100
min = 1
max = 1000000
unit = "calls"
description = "Minimum sample N: at least so many completed calls."

[parameters.min_short_share]
type = "real"
default = 0.15
min = 0.001
max = 0.999
unit = "share of completed calls"
description = "Threshold P: strictly more of them are short."

[parameters.max_short_seconds]
type = "integer"
default = 6
min = 0
max = 3600
unit = "seconds"
description = "Limit D: a call of at most so many seconds is short."

[constants]
critical_share = 0.5
critical_completed = 500
high_share = 0.5
medium_share = 0.3
*/

-- query: sliding
WITH
-- Prune. A day has at least 23 hours, so that a window touches at most ceil(W / 23 h) + 1 days, and on one of them the
-- caller has at least that part of the window's completed calls, and of its short ones (a profile counts as short those
-- of at most 6 s).
possible_callers AS (
    SELECT number
    FROM profiles
    GROUP BY number
    HAVING (ceil($window_seconds / 82800) + 1) * max(completed_calls) >= $min_completed
        AND sum(completed_calls) >= $min_completed
        AND (
            $max_short_seconds > 6
            OR (ceil($window_seconds / 82800) + 1) * max(short_calls) > $min_short_share * $min_completed
        )
),

-- Sweep. A call is in the window from its own instant, inclusive, to W later, exclusive. Its callee enters with it
-- unless an earlier call to the same number leaves no sooner than that, and leaves with it unless a later one is in by
-- then (both count the instant at which one leaves as the other enters).
calls AS (
    SELECT
        caller_number,
        call_timestamp AS enters_at,
        call_timestamp + $window AS leaves_at,
        duration_seconds AS seconds,
        CASE WHEN duration_seconds <= $max_short_seconds THEN 1 ELSE 0 END AS short_calls,
        lag(call_timestamp) OVER same_callee + $window AS previous_leaves_at,
        lead(call_timestamp) OVER same_callee AS next_enters_at
    FROM examined_calls
    INNER JOIN possible_callers ON examined_calls.caller_number = possible_callers.number
    WHERE coalesce(answered, duration_seconds > 0)
    WINDOW same_callee AS (
        PARTITION BY caller_number, callee_number
        ORDER BY call_timestamp ASC NULLS LAST, duration_seconds ASC NULLS LAST
    )
),

changes AS (
    SELECT
        caller_number,
        enters_at AS happens_at,
        1 AS calls,
        seconds,
        short_calls,
        CASE WHEN previous_leaves_at >= enters_at THEN 0 ELSE 1 END AS destinations,
        enters_at AS called_at
    FROM calls
    UNION ALL
    SELECT
        caller_number,
        leaves_at AS happens_at,
        -1 AS calls,
        -seconds AS seconds,
        -short_calls AS short_calls,
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
        sum(short_calls) AS short_calls,
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
        CAST(sum(short_calls) OVER so_far AS BIGINT) AS short_calls,
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
        short_calls,
        destinations,
        CAST(seconds AS DOUBLE) / calls AS average,
        last_call_at,
        CASE
            WHEN short_calls >= $critical_share * calls AND calls >= $critical_completed THEN 4
            WHEN short_calls >= $high_share * calls THEN 3
            WHEN short_calls >= $medium_share * calls THEN 2
            ELSE 1
        END AS severity
    FROM states
    WHERE (ends_at > $since OR ends_at IS NULL)
        AND calls >= $min_completed
        AND short_calls > $min_short_share * calls
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
    0.5 * (1 - CAST($min_short_share AS DOUBLE) * calls / short_calls)
    + 0.5 * (1 - CAST($min_completed AS DOUBLE) / calls) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    begins_at - $window AS window_start,
    begins_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    last_seen,
    short_calls,
    CAST(short_calls AS DOUBLE) / calls AS short_call_share
FROM evidence
INNER JOIN first_calls
    ON evidence.caller_number = first_calls.caller_number AND evidence.episode = first_calls.episode;
