/*
id = "ASR_ACD"
name = "Calls that fail, or end at once"
alert_type = "DIALLER"
version = "1.0"
weight = 0.1

description = """
A dialler, a wangiri trap or a probe calls numbers that nobody answers, or whose owners hang up at once; so its
answer-seizure ratio (ASR, completed calls to attempts) and its average call duration (ACD, seconds of a completed call)
are low. The rule flags a caller for which there is an instant t such that the window (t - W, t] has at least N
attempts, to at least M different numbers, and an ASR below A or an ACD below B seconds. M is there for people who ring
one busy number twenty times.

The window slides: there is at least one such instant t in the examined period, whether or not somebody calls at it. The
figures are those of the window (window_start, window_end] of worst severity; of those, the one with most destinations,
then the lowest average, then the earliest. For a state that is carried into the period, window_end is since.

call_count and the average duration are those of all attempts; the ACD, of the completed calls only, is in the evidence.
"""

nulls = """
A call is completed if it was answered, or, where that is not known (answered NULL), if it lasted longer than 0 seconds.
A feed that holds completed calls only has an ASR of 100 %: the ACD alone decides. Without any completed call there is
no ACD, and the ASR is 0.
"""

source = """
Starting values of the project's rule catalogue: 20 attempts in 6 hours, ASR 40 %, ACD 30 s. The answer-seizure ratio is
defined in ITU-T E.411, International network management - Operational guidance. M is this project's choice.
"""

remediation = """
Look at the calls (sentinel-batch explain NUMBER): evenly spaced, numbers in sequence (SEQ_DIAL), one ring (see
WANGIRI_BURST)? Ask whether somebody tests a route. Look alikes: delivery riders and taxi dispatch (many short calls
that arrange a meeting), call centres with old lists, people who flash (ring once to be called back), alarms, networks
in trouble: when many callers are flagged at once, look at the switch or the trunk first.
"""

severity = """
By attempts, and by how bad they are: very bad is an ASR below 0.2 (20 %) or an ACD below 10 s. At every qualifying instant
the first line that matches, and of all instants the worst.
CRITICAL: at least 200 attempts, very bad.
HIGH: at least 200 attempts, or at least 100 that are very bad.
MEDIUM: at least 50 attempts.
LOW: every other qualifying window.
"""

confidence = """
Four tenths of it is the larger of 1 - ASR / A and 1 - ACD / B, three tenths 1 - N / attempts, three tenths the share of
different numbers among the attempts. It is not a probability. Weight 0.1: much honest calling fails or is short, that
of riders, traders and taxis above all.
"""

summary = """
{suspect_number} made {call_count} attempts to {unique_destinations} numbers in {window} (until \
{window_end:%Y-%m-%d %H:%M} UTC): {completed_calls} were completed (ASR {answer_seizure_ratio:.0%}), with an ACD of \
{average_call_duration:.1f} s."""

[parameters.window]
type = "duration"
default = "6h"
min = "1m"
max = "31d"
description = "Length W of the sliding window."

[parameters.min_attempts]
type = "integer"
default = 20
min = 1
max = 1000000
unit = "calls"
description = "Minimum sample N: at least so many attempts."

[parameters.min_unique_destinations]
type = "integer"
default = 15
min = 1
max = 1000000
unit = "numbers"
description = "Threshold M: to at least so many different numbers."

[parameters.max_asr]
type = "real"
default = 0.4
min = 0.000001
max = 1.0
unit = "completed / attempts"
description = "Threshold A: strictly fewer of the attempts are completed."

[parameters.max_acd]
type = "real"
default = 30.0
min = 0.000001
max = 3600.0
unit = "seconds"
description = "Threshold B: completed calls are strictly shorter on average."

[constants]
bad_asr = 0.2
bad_acd = 10
critical_attempts = 200
high_attempts = 100
medium_attempts = 50
*/

-- query: sliding
WITH
-- Prune by days. A day has at least 23 hours, so that a window touches at most ceil(W / 23 h) + 1 days, and on one of
-- them the caller has at least that part of the window's attempts, and of its different numbers. If they are two, they
-- follow one another and together have at least all of them.
day_pairs AS (
    SELECT
        number,
        call_count,
        unique_callees,
        call_count + coalesce(lag(call_count) OVER in_time, 0) AS attempts,
        unique_callees + coalesce(lag(unique_callees) OVER in_time, 0) AS destinations
    FROM profiles
    WINDOW in_time AS (PARTITION BY number ORDER BY day_start ASC NULLS LAST)
),

busy_callers AS (
    SELECT number
    FROM day_pairs
    GROUP BY number
    HAVING (
        $window_seconds <= 82800
        AND max(attempts) >= $min_attempts
        AND max(destinations) >= $min_unique_destinations
    )
    OR (
        $window_seconds > 82800
        AND (ceil($window_seconds / 82800) + 1) * max(call_count) >= $min_attempts
        AND (ceil($window_seconds / 82800) + 1) * max(unique_callees) >= $min_unique_destinations
    )
),

-- Prune, coarsely. Call an attempt weak if it was not completed, or was but lasted less than 2 B. With an ASR below A
-- more than 1 - A of a window's attempts are weak, and with an ACD below B more than half of its completed calls are
-- (Markov's inequality), so more than half of its attempts. A window touches at most two tiles of the time axis that
-- are one second longer than itself; they follow one another.
wide_tiles AS (
    SELECT
        caller_number,
        CAST(floor(floor(epoch(call_timestamp)) / ($window_seconds + 1)) AS BIGINT) AS tile,
        count(*) AS weak
    FROM examined_calls
    INNER JOIN busy_callers ON examined_calls.caller_number = busy_callers.number
    WHERE NOT coalesce(answered, duration_seconds > 0) OR duration_seconds < 2 * CAST(ceil($max_acd) AS BIGINT)
    GROUP BY caller_number, CAST(floor(floor(epoch(call_timestamp)) / ($window_seconds + 1)) AS BIGINT)
),

weak_callers AS (
    SELECT DISTINCT caller_number
    FROM (
        SELECT
            caller_number,
            weak + CASE WHEN lead(tile) OVER in_time = tile + 1 THEN lead(weak) OVER in_time ELSE 0 END AS weak
        FROM wide_tiles
        WINDOW in_time AS (PARTITION BY caller_number ORDER BY tile ASC NULLS LAST)
    ) AS pairs
    WHERE weak > least(0.5, 1 - $max_asr) * $min_attempts
),

-- Prune, finely. A call's credit against the ASR is A, less 1 if it was completed; against the ACD it is B less its
-- seconds, if it was completed. In a qualifying window the credits of one kind add up to more than 0. Cut time into
-- tiles of a sixth of W. A window that ends in tile k contains the tiles k-5 to k-1 whole, parts of k, k-6 and k-7, and
-- nothing else. So its credit is at most the whole credit of the former plus the positive credits of the latter.
-- (W is at least a minute, or k-7 would not be enough.)
busy_tiles AS (
    SELECT
        examined_calls.caller_number,
        CAST(floor(floor(epoch(call_timestamp)) / floor($window_seconds / 6)) AS BIGINT) AS tile,
        count(*) AS attempts,
        sum(CASE WHEN coalesce(answered, duration_seconds > 0) THEN 1 ELSE 0 END) AS completed,
        sum(CASE WHEN coalesce(answered, duration_seconds > 0) THEN duration_seconds ELSE 0 END) AS seconds,
        sum(
            CASE
                WHEN coalesce(answered, duration_seconds > 0) AND duration_seconds < CAST(ceil($max_acd) AS BIGINT)
                    THEN CAST(ceil($max_acd) AS BIGINT) - duration_seconds
                ELSE 0
            END
        ) AS positive_credit
    FROM examined_calls
    INNER JOIN weak_callers ON examined_calls.caller_number = weak_callers.caller_number
    GROUP BY
        examined_calls.caller_number,
        CAST(floor(floor(epoch(call_timestamp)) / floor($window_seconds / 6)) AS BIGINT)
),

possible_callers AS (
    SELECT DISTINCT caller_number
    FROM (
        SELECT caller_number
        FROM busy_tiles
        CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7)) AS steps (tiles_later)
        GROUP BY caller_number, tile + tiles_later
        HAVING sum(attempts) >= $min_attempts
            AND (
                sum(CASE WHEN tiles_later IN (0, 6, 7) THEN 0 ELSE completed END) < $max_asr * sum(attempts)
                OR sum(
                    CASE
                        WHEN tiles_later IN (0, 6, 7) THEN positive_credit
                        ELSE CAST(ceil($max_acd) AS BIGINT) * completed - seconds
                    END
                ) > 0
            )
    ) AS possible_windows
),

-- Sweep. A call is in the window from its own instant, inclusive, to W later, exclusive. Its callee enters with it
-- unless an earlier call to the same number leaves no sooner than that, and leaves with it unless a later one is in by
-- then (both count the instant at which one leaves as the other enters).
calls AS (
    SELECT
        examined_calls.caller_number,
        call_timestamp AS enters_at,
        call_timestamp + $window AS leaves_at,
        duration_seconds AS seconds,
        CASE WHEN coalesce(answered, duration_seconds > 0) THEN 1 ELSE 0 END AS completed,
        CASE WHEN coalesce(answered, duration_seconds > 0) THEN duration_seconds ELSE 0 END AS talked,
        lag(call_timestamp) OVER same_callee + $window AS previous_leaves_at,
        lead(call_timestamp) OVER same_callee AS next_enters_at
    FROM examined_calls
    INNER JOIN possible_callers ON examined_calls.caller_number = possible_callers.caller_number
    WINDOW same_callee AS (
        PARTITION BY examined_calls.caller_number, callee_number
        ORDER BY call_timestamp ASC NULLS LAST, duration_seconds ASC NULLS LAST
    )
),

changes AS (
    SELECT
        caller_number,
        enters_at AS happens_at,
        1 AS calls,
        seconds,
        completed,
        talked,
        CASE WHEN previous_leaves_at >= enters_at THEN 0 ELSE 1 END AS destinations,
        enters_at AS called_at
    FROM calls
    UNION ALL
    SELECT
        caller_number,
        leaves_at AS happens_at,
        -1 AS calls,
        -seconds AS seconds,
        -completed AS completed,
        -talked AS talked,
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
        sum(completed) AS completed,
        sum(talked) AS talked,
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
        CAST(sum(completed) OVER so_far AS BIGINT) AS completed,
        CAST(sum(talked) OVER so_far AS BIGINT) AS talked,
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
        completed,
        destinations,
        CAST(seconds AS DOUBLE) / calls AS average,
        CAST(completed AS DOUBLE) / calls AS asr,
        CAST(talked AS DOUBLE) / nullif(completed, 0) AS acd,
        last_call_at,
        CASE
            WHEN calls < $medium_attempts THEN 1
            WHEN completed < $bad_asr * calls OR talked < $bad_acd * completed THEN
                CASE WHEN calls >= $critical_attempts THEN 4 WHEN calls >= $high_attempts THEN 3 ELSE 2 END
            WHEN calls >= $critical_attempts THEN 3
            ELSE 2
        END AS severity
    FROM states
    WHERE (ends_at > $since OR ends_at IS NULL)
        AND calls >= $min_attempts
        AND destinations >= $min_unique_destinations
        AND (completed < $max_asr * calls OR talked < $max_acd * completed)
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
    0.4 * greatest(1 - asr / CAST($max_asr AS DOUBLE), 1 - coalesce(acd, 0) / CAST($max_acd AS DOUBLE))
    + 0.3 * (1 - CAST($min_attempts AS DOUBLE) / calls)
    + 0.3 * CAST(destinations AS DOUBLE) / calls AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    begins_at - $window AS window_start,
    begins_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    last_seen,
    completed AS completed_calls,
    asr AS answer_seizure_ratio,
    acd AS average_call_duration
FROM evidence
INNER JOIN first_calls
    ON evidence.caller_number = first_calls.caller_number AND evidence.episode = first_calls.episode;
