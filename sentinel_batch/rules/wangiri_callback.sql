/*
id = "WANGIRI_CALLBACK"
name = "The trap of a burst worked"
alert_type = "WANGIRI_CALLBACK"
version = "1.0"
weight = 0.9

summary = """{victims} of the {unique_destinations} numbers that {suspect_number} had rung and cut called it back, \
{callbacks} times and for {loss_minutes:.1f} minutes (until {window_end:%Y-%m-%d %H:%M} UTC)."""

description = """
Names the people who fell into the trap of a Wangiri burst, and what it cost them. A callback is a call in the examined
period, from a number that a burst rang and cut, to the number that rang it, within C after the cut call, answered, and
longer than both the cut call and S seconds. A burst is what WANGIRI_BURST finds, with the same thresholds: at least N
destinations within B, at least a share Q of them cut, callees mostly new. It may lie before the examined period.

The suspect is the number that rang, not the victim. All its callbacks of an episode are one finding: callbacks at most
W apart. call_count, unique_destinations and avg_duration_seconds are those of its cut calls in bursts; loss_minutes is
how long the victims talked. Money is worked out where cases are made, from the tariff.

W is how far back calls are read: it should be at least B + C, or a burst early in that time is not seen whole.
"""

nulls = """
A call of unknown outcome counts as answered if it lasted more than 0 seconds. Where the lake holds fewer days before
the day of the burst than the minimum, callees are not judged by whether they are new.
"""

source = """
The definition (a callee of a burst calls back within 24 hours for longer; victims and loss are named) is the
catalogue's starting point, the ladder is this project's. Sahin and Francillon, "Understanding and Detecting
International Revenue Share Fraud" (NDSS 2021), describe where the money of a callback goes.
"""

remediation = """
Block outgoing calls to the suspect's number, and to its range if it is foreign or premium: each further callback costs
a subscriber. Withhold the termination payment for the calls in the details, and warn or refund the victims named there.
Honest callers that look alike: call centres and couriers whose customers call back a missed call. There, an agent
answers at once and the talk has a purpose; listen in, or ask one of the victims what they heard.
"""

severity = """
By the victims and the minutes of the episode; the first line that matches.
CRITICAL: at least 100 victims, or at least 1000 minutes.
HIGH: at least 20 victims, or at least 200 minutes.
MEDIUM: at least 5 victims: no coincidence any more.
LOW: every other finding.
"""

confidence = """
The mean of two figures between 0 and 1: 1 - 1 / (1 + victims), and the average callback in minutes, at most 1: a trap
keeps its victim on the line, a person who answers a missed call is told quickly. The weight is 0.9: a burst to
strangers that also earns calls is rarely honest.
"""

[parameters.window]
type = "duration"
default = "25h"
min = "10m"
max = "31d"
description = "Length W of time before a callback that is searched for its burst."

[parameters.callback_within]
type = "duration"
default = "24h"
min = "1m"
max = "31d"
description = "C: a call to the suspect counts as a callback for so long after the cut call."

[parameters.min_victims]
type = "integer"
default = 1
min = 1
max = 1000000
unit = "numbers"
description = "At least so many different numbers called back. One is enough: the sample is the burst."

[parameters.burst]
type = "duration"
default = "5m"
min = "10s"
max = "1h"
description = "Length B of the sliding window of a burst."

[parameters.min_destinations]
type = "integer"
default = 30
min = 2
max = 1000000
unit = "numbers"
description = "Threshold N, and the minimum sample: a burst rings at least so many different numbers."

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
critical_victims = 100
critical_minutes = 1000
high_victims = 20
high_minutes = 200
medium_victims = 5
*/

-- query: sliding
WITH
-- Prune, coarsely. B is at most an hour, so a window touches at most two local days that follow one another. Together
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
        floor(floor(epoch(call_timestamp)) / (3601)) AS tile,
        CASE
            WHEN coalesce(answered, duration_seconds > 0) AND duration_seconds > $max_quiet_seconds THEN 0
            ELSE 1
        END AS is_quiet
    FROM examined_calls
    INNER JOIN busy_numbers ON examined_calls.caller_number = busy_numbers.number
),

-- Prune, finely. A window touches at most two tiles of the time axis that are longer than an hour: one of them holds
-- at least half of its N calls, and one at least half of its cut calls.
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

-- Sweep. A call is in the window from its own instant, inclusive, to B later, exclusive. Its callee enters with it
-- unless an earlier call to the same number leaves no sooner than that, and leaves with it unless a later one is in by
-- then (both count the instant at which one leaves as the other enters).
calls AS (
    SELECT
        busy_calls.caller_number,
        call_timestamp AS enters_at,
        call_timestamp + $burst AS leaves_at,
        duration_seconds,
        is_quiet,
        lag(call_timestamp) OVER same_callee + $burst AS previous_leaves_at,
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

-- Windows end with a call. There is a profile of the day of every call. Windows that touch are one burst, so that every
-- call between its ends is in one of them.
qualifying AS (
    SELECT caller_number, ends_at
    FROM states
    LEFT JOIN profiles
        ON states.caller_number = profiles.number AND ends_at >= day_start AND ends_at < day_end
    WHERE entries > 0
        AND destinations >= $min_destinations
        AND quiet >= $min_quiet_share * calls
        AND (coalesce(history_days, 0) < $min_history_days OR new_callee_share >= $min_new_callee_share)
),

joined AS (
    SELECT
        caller_number,
        ends_at,
        CASE WHEN ends_at - $burst <= lag(ends_at) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM qualifying
    WINDOW in_time AS (PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST)
),

numbered AS (
    SELECT
        caller_number,
        ends_at,
        sum(is_first) OVER (
            PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS burst
    FROM joined
),

bursts AS (
    SELECT caller_number, burst, min(ends_at) - $burst AS begins_at, max(ends_at) AS ends_at
    FROM numbered
    GROUP BY caller_number, burst
),

cut_calls AS (
    SELECT busy_calls.caller_number, callee_number, call_timestamp, duration_seconds
    FROM busy_calls
    INNER JOIN bursts
        ON busy_calls.caller_number = bursts.caller_number
        AND call_timestamp > begins_at
        AND call_timestamp <= ends_at
    WHERE is_quiet = 1
),

ringing_numbers AS (
    SELECT DISTINCT caller_number FROM cut_calls
),

incoming_calls AS (
    SELECT examined_calls.caller_number, callee_number, call_timestamp, duration_seconds
    FROM examined_calls
    INNER JOIN ringing_numbers ON examined_calls.callee_number = ringing_numbers.caller_number
    WHERE call_timestamp > $since
        AND coalesce(answered, duration_seconds > 0)
        AND duration_seconds > $max_quiet_seconds
),

-- A callback answers the last cut call before it.
callbacks AS (
    SELECT
        cut_calls.caller_number AS suspect_number,
        cut_calls.callee_number AS victim,
        incoming_calls.call_timestamp AS called_back_at,
        incoming_calls.duration_seconds AS callback_seconds,
        max(cut_calls.call_timestamp) AS rung_at
    FROM incoming_calls
    INNER JOIN cut_calls
        ON incoming_calls.callee_number = cut_calls.caller_number
        AND incoming_calls.caller_number = cut_calls.callee_number
        AND incoming_calls.call_timestamp > cut_calls.call_timestamp
        AND incoming_calls.call_timestamp <= cut_calls.call_timestamp + $callback_within
        AND incoming_calls.duration_seconds > cut_calls.duration_seconds
    GROUP BY
        cut_calls.caller_number,
        cut_calls.callee_number,
        incoming_calls.call_timestamp,
        incoming_calls.duration_seconds
),

-- shared with: details
separated AS (
    SELECT
        *,
        CASE WHEN called_back_at - $window <= lag(called_back_at) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM callbacks
    WINDOW in_time AS (PARTITION BY suspect_number ORDER BY called_back_at ASC NULLS LAST, victim ASC NULLS LAST)
),

counted AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY suspect_number ORDER BY called_back_at ASC NULLS LAST, victim ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM separated
),

episodes AS (
    SELECT
        suspect_number,
        episode,
        count(*) AS callbacks,
        count(DISTINCT victim) AS victims,
        CAST(sum(callback_seconds) AS DOUBLE) / 60 AS loss_minutes,
        min(rung_at) AS first_seen,
        min(called_back_at) - $window AS begins_at,
        max(called_back_at) AS ends_at
    FROM counted
    GROUP BY suspect_number, episode
    HAVING count(DISTINCT victim) >= $min_victims
),

rung AS (
    SELECT
        suspect_number,
        episode,
        count(*) AS calls,
        count(DISTINCT callee_number) AS destinations,
        CAST(sum(duration_seconds) AS DOUBLE) / count(*) AS average
    FROM episodes
    INNER JOIN cut_calls
        ON episodes.suspect_number = cut_calls.caller_number
        AND call_timestamp > begins_at
        AND call_timestamp <= ends_at
    GROUP BY suspect_number, episode
)

SELECT
    episodes.suspect_number,
    CASE
        WHEN victims >= $critical_victims OR loss_minutes >= $critical_minutes THEN 4
        WHEN victims >= $high_victims OR loss_minutes >= $high_minutes THEN 3
        WHEN victims >= $medium_victims THEN 2
        ELSE 1
    END AS severity,
    0.5 * (1 - CAST(1 AS DOUBLE) / (1 + victims)) + 0.5 * least(1, loss_minutes / callbacks) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    begins_at AS window_start,
    ends_at AS window_end,
    begins_at AS episode_start,
    ends_at AS episode_end,
    first_seen,
    ends_at AS last_seen,
    victims,
    callbacks,
    loss_minutes,
    loss_minutes / callbacks AS mean_callback_minutes,
    CAST(victims AS DOUBLE) / destinations AS victim_share
FROM episodes
INNER JOIN rung ON episodes.suspect_number = rung.suspect_number AND episodes.episode = rung.episode;

-- query: details
victims AS (
    SELECT
        suspect_number,
        victim,
        min(rung_at) AS rung_at,
        min(called_back_at) AS called_back_at,
        count(*) AS callbacks,
        CAST(sum(callback_seconds) AS DOUBLE) / 60 AS loss_minutes
    FROM callbacks
    GROUP BY suspect_number, victim
)

SELECT
    suspect_number,
    row_number() OVER (
        PARTITION BY suspect_number ORDER BY loss_minutes DESC NULLS LAST, victim ASC NULLS LAST
    ) AS place,
    victim,
    rung_at,
    called_back_at,
    callbacks,
    loss_minutes
FROM victims;
