/*
id = "WANGIRI_BURST"
name = "One ring and cut"
alert_type = "WANGIRI_BURST"
version = "1.0"
weight = 0.8

summary = """
{suspect_number} rang {unique_destinations} numbers in {window} (until {window_end:%Y-%m-%d %H:%M} UTC) and cut \
{quiet_share:.0%} of the calls; share of callees it had never called before: {new_callee_share:.0%}."""

description = """
Wangiri (Japanese for one ring and cut): a machine rings very many numbers and hangs up before, or just after, anybody
answers. Whoever calls back reaches an expensive line. This rule flags a caller for which there is a call at an instant
t in the examined period such that the calls of the window (t - W, t] go to at least N different numbers, at least a
share Q of them was cut (not answered, or at most S seconds long), and the caller is a stranger to its callees: on the
local day of that call, at least a share of its callees had never been called by it before.

Every call counts, whatever its direction. WANGIRI_CALLBACK says whether the trap worked.
"""

nulls = """
A call of unknown outcome counts as answered if it lasted more than 0 seconds. Where the lake holds fewer days before
the day of the burst than the minimum (a new lake, a new number has the lake's history), nobody can say which callees
are new: the rule then judges by the other figures alone, and new_callee_share is shown as it is, or as unknown.
"""

source = """
The definition (30 destinations in 5 minutes, 90 % unanswered or at most 3 seconds, callees mostly new) is the
catalogue's starting point; calibrate sets it. The minimum of history and the ladder of severities are this project's.
Sahin, Francillon, Gupta and Ahamad, "SoK: Fraud in Telephony Networks" (IEEE EuroS&P 2017), describe the scheme.
"""

remediation = """
Look at who called back (rule WANGIRI_CALLBACK), and call the number from a test line that cannot be charged. If it is
foreign, block calls to its range and warn the carrier that delivered the calls. Honest callers that look alike:
services that verify a number by a flash call, appointment and delivery diallers that give up after one ring, network
test probes, and a group that is invited by missed calls. They ring the same people again, or a person answers for
them: verify, then put the number on the suppression list with a reason.
"""

severity = """
By the destinations of the window; the worst window is the finding's.
CRITICAL: at least 300, one a second: many lines dialled by a machine.
HIGH: at least 100, one every three seconds: more than one line.
MEDIUM: at least 60, one every five seconds: no person dials so fast.
LOW: every other qualifying window.
"""

confidence = """
The mean of three figures between 0 and 1: 1 - N / destinations; how far the share of cut calls lies between Q and 1;
and the share of new callees (0.5 where it is unknown). The weight is 0.8: hardly any honest machine rings that many
strangers and hangs up, but flash calls do.
"""

[parameters.window]
type = "duration"
default = "5m"
min = "10s"
max = "1h"
description = "Length W of the sliding window."

[parameters.min_destinations]
type = "integer"
default = 30
min = 2
max = 1000000
unit = "numbers"
description = "Threshold N, and the minimum sample: at least so many different numbers are called."

[parameters.min_quiet_share]
type = "real"
default = 0.9
min = 0.0
max = 1.0
unit = "share"
description = "Threshold Q: at least this share of the window's calls is cut."

[parameters.max_quiet_seconds]
type = "integer"
default = 3
min = 0
max = 6
unit = "seconds"
description = "Threshold S: an answered call of at most so many seconds counts as cut."

[parameters.min_new_callee_share]
type = "real"
default = 0.5
min = 0.0
max = 1.0
unit = "share"
description = "At least this share of the day's callees had never been called by the number before."

[parameters.min_history_days]
type = "integer"
default = 3
min = 1
max = 28
unit = "days"
description = "With fewer days of calls before the day, callees are not judged by whether they are new."

[constants]
critical_destinations = 300
high_destinations = 100
medium_destinations = 60
*/

-- query: sliding
WITH
-- Prune, coarsely. W is at most an hour, so a window touches at most two local days that follow one another. Together
-- these have at least its N destinations, and its cut calls, which are at least Q N; a cut call is not completed, or
-- completed and at most 6 seconds long (S is at most 6).
day_pairs AS (
    SELECT
        number,
        unique_callees + coalesce(lag(unique_callees) OVER in_time, 0) AS callees,
        call_count - completed_calls + short_calls
        + coalesce(lag(call_count - completed_calls + short_calls) OVER in_time, 0) AS short_or_open_calls
    FROM profiles
    WINDOW in_time AS (PARTITION BY number ORDER BY day_start ASC NULLS LAST)
),

busy_numbers AS (
    SELECT DISTINCT number
    FROM day_pairs
    WHERE callees >= $min_destinations AND short_or_open_calls >= $min_quiet_share * $min_destinations
),

busy_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        duration_seconds,
        floor(floor(epoch(call_timestamp)) / ($window_seconds + 1)) AS tile,
        CASE
            WHEN coalesce(answered, duration_seconds > 0) AND duration_seconds > $max_quiet_seconds THEN 0
            ELSE 1
        END AS is_quiet
    FROM examined_calls
    INNER JOIN busy_numbers ON examined_calls.caller_number = busy_numbers.number
),

-- Prune, finely. A window touches at most two tiles of the time axis that are one second longer than itself: one of
-- them holds at least half of its N calls, and one at least half of its cut calls.
busy_tiles AS (
    SELECT caller_number, tile, count(*) AS calls, sum(is_quiet) AS quiet
    FROM busy_calls
    GROUP BY caller_number, tile
),

possible_callers AS (
    SELECT caller_number
    FROM busy_tiles
    GROUP BY caller_number
    HAVING 2 * max(calls) >= $min_destinations AND 2 * max(quiet) >= $min_quiet_share * $min_destinations
),

-- Sweep. A call is in the window from its own instant, inclusive, to W later, exclusive. Its callee enters with it
-- unless an earlier call to the same number leaves no sooner than that, and leaves with it unless a later one is in by
-- then (both count the instant at which one leaves as the other enters).
calls AS (
    SELECT
        busy_calls.caller_number,
        call_timestamp AS enters_at,
        call_timestamp + $window AS leaves_at,
        duration_seconds,
        is_quiet,
        lag(call_timestamp) OVER same_callee + $window AS previous_leaves_at,
        lead(call_timestamp) OVER same_callee AS next_enters_at
    FROM busy_calls
    INNER JOIN possible_callers ON busy_calls.caller_number = possible_callers.caller_number
    WINDOW same_callee AS (
        PARTITION BY busy_calls.caller_number, callee_number
        ORDER BY call_timestamp ASC NULLS LAST, duration_seconds ASC NULLS LAST
    )
),

changes AS (
    SELECT
        caller_number,
        enters_at AS happens_at,
        1 AS calls,
        is_quiet AS quiet,
        duration_seconds AS seconds,
        CASE WHEN previous_leaves_at >= enters_at THEN 0 ELSE 1 END AS destinations,
        1 AS entries
    FROM calls
    UNION ALL
    SELECT
        caller_number,
        leaves_at AS happens_at,
        -1 AS calls,
        -is_quiet AS quiet,
        -duration_seconds AS seconds,
        CASE WHEN next_enters_at <= leaves_at THEN 0 ELSE -1 END AS destinations,
        0 AS entries
    FROM calls
),

-- Everything that happens at one instant happens at once.
instants AS (
    SELECT
        caller_number,
        happens_at,
        sum(calls) AS calls,
        sum(quiet) AS quiet,
        sum(seconds) AS seconds,
        sum(destinations) AS destinations,
        sum(entries) AS entries
    FROM changes
    GROUP BY caller_number, happens_at
),

states AS (
    SELECT
        caller_number,
        happens_at AS ends_at,
        entries,
        CAST(sum(calls) OVER so_far AS BIGINT) AS calls,
        CAST(sum(quiet) OVER so_far AS BIGINT) AS quiet,
        CAST(sum(seconds) OVER so_far AS BIGINT) AS seconds,
        CAST(sum(destinations) OVER so_far AS BIGINT) AS destinations
    FROM instants
    WINDOW so_far AS (
        PARTITION BY caller_number ORDER BY happens_at ASC NULLS LAST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Windows end with a call. There is a profile of the day of every call.
qualifying AS (
    SELECT
        caller_number,
        ends_at,
        calls,
        destinations,
        CAST(seconds AS DOUBLE) / calls AS average,
        CAST(quiet AS DOUBLE) / calls AS quiet_share,
        new_callee_share,
        history_days,
        CASE
            WHEN destinations >= $critical_destinations THEN 4
            WHEN destinations >= $high_destinations THEN 3
            WHEN destinations >= $medium_destinations THEN 2
            ELSE 1
        END AS severity
    FROM states
    LEFT JOIN profiles
        ON states.caller_number = profiles.number AND ends_at >= day_start AND ends_at < day_end
    WHERE entries > 0
        AND ends_at > $since
        AND destinations >= $min_destinations
        AND quiet >= $min_quiet_share * calls
        AND (coalesce(history_days, 0) < $min_history_days OR new_callee_share >= $min_new_callee_share)
),

-- Qualifying windows that touch or overlap are one episode.
joined AS (
    SELECT
        *,
        CASE WHEN ends_at - $window <= lag(ends_at) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM qualifying
    WINDOW in_time AS (PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST)
),

numbered AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM joined
),

ranked AS (
    SELECT
        *,
        min(ends_at) OVER in_episode - $window AS episode_start,
        max(ends_at) OVER in_episode AS episode_end,
        row_number() OVER (
            PARTITION BY caller_number, episode
            ORDER BY destinations DESC NULLS LAST, quiet_share DESC NULLS LAST, ends_at ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY caller_number, episode)
),

evidence AS (
    SELECT * FROM ranked WHERE place = 1
),

-- All calls of the episode, not only those of its worst window.
episode_calls AS (
    SELECT
        evidence.caller_number,
        evidence.episode,
        min(call_timestamp) AS first_seen,
        max(call_timestamp) AS last_seen,
        count(*) AS calls,
        count(DISTINCT callee_number) AS destinations
    FROM evidence
    INNER JOIN busy_calls
        ON evidence.caller_number = busy_calls.caller_number
        AND busy_calls.call_timestamp > evidence.episode_start
        AND busy_calls.call_timestamp <= evidence.episode_end
    GROUP BY evidence.caller_number, evidence.episode
)

SELECT
    evidence.caller_number AS suspect_number,
    severity,
    (
        1 - CAST($min_destinations AS DOUBLE) / evidence.destinations
        + coalesce((quiet_share - $min_quiet_share) / nullif(1 - CAST($min_quiet_share AS DOUBLE), 0), 1)
        + CASE WHEN coalesce(history_days, 0) < $min_history_days THEN 0.5 ELSE new_callee_share END
    ) / 3 AS confidence,
    evidence.calls AS call_count,
    evidence.destinations AS unique_destinations,
    average AS avg_duration_seconds,
    ends_at - $window AS window_start,
    ends_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    last_seen,
    quiet_share,
    new_callee_share,
    history_days,
    episode_calls.calls AS episode_calls,
    episode_calls.destinations AS episode_destinations
FROM evidence
INNER JOIN episode_calls
    ON evidence.caller_number = episode_calls.caller_number AND evidence.episode = episode_calls.episode;
