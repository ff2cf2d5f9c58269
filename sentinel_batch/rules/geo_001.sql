/*
id = "GEO_001"
name = "Many calls to watched countries"
alert_type = "CROSS_BORDER"
version = "1.0"
weight = 0.5

summary = """
{suspect_number} made {call_count} calls to {unique_destinations} numbers in watched countries in {window} (until \
{window_end:%Y-%m-%d %H:%M} UTC), most to {main_prefix} ({main_prefix_calls}); {watched_minutes:.0f} min in all."""

description = """
A taken-over exchange, a stolen SIM or a scam desk runs up calls abroad faster than any person can. This rule flags a
caller for which there is a call at an instant t in the examined period such that the window (t - W, t] holds at least N
of its calls to numbers that begin with a watched prefix. Calls to the home country never count, even if a watched
prefix covers it.

Every call counts, whatever its direction or outcome: a blocked exchange goes on trying.
"""

nulls = """
No column that this rule reads is ever NULL, but for the outcome: an unknown one counts as answered above 0 seconds.
"""

source = """
The definition (100 international calls within 1 hour to +1, +44 and +971) is the catalogue's starting point; calibrate
sets it. The ladder is this project's: 100 calls an hour are one every 36 seconds.
"""

remediation = """
Bar international calls of the line and ask the holder: of an exchange, whether its calls were made on purpose; of a
prepaid SIM, who has it. Look at the details: calls to few numbers that last long are revenue share (rule IRSF), calls
to many that are not answered are a dialler. Honest callers that look alike: call centres that serve customers abroad,
trunks of banks, hotels and travel agencies, gateways of calling-card services. They do it every working day: verify the
contract, then put the number on the suppression list with a reason, or watch other prefixes.
"""

severity = """
By the calls of the window; the worst window is the finding's.
CRITICAL: at least 400: more than six a minute, many lines at once.
HIGH: at least 250: four a minute, more than one line.
MEDIUM: at least 150: no time for a conversation on one line.
LOW: every other qualifying window.
"""

confidence = """
The mean of two figures between 0 and 1: 1 - N / calls, and the watched calls' share of all calls of the window: a line
that does nothing else was taken over for it. The weight is 0.5: every call centre for customers abroad does the same.
"""

[parameters.window]
type = "duration"
default = "1h"
min = "1m"
max = "23h"
description = "Length W of the sliding window."

[parameters.min_calls]
type = "integer"
default = 100
min = 2
max = 1000000
unit = "calls"
description = "Threshold N, and the minimum sample: at least so many calls to watched prefixes."

[lists.watched_prefixes]
columns = ["prefix"]
default = ["+1", "+44", "+971"]
description = "Prefixes that are watched, with the plus sign."

[lists.home_prefixes]
columns = ["prefix"]
default = ["+234"]
description = "Prefixes of the home country: calls to them never count, nor do those to the configured region."

[constants]
critical_calls = 400
high_calls = 250
medium_calls = 150
*/

-- query: sliding
WITH
-- Prune. W is at most 23 hours, so a window touches at most two local days; one of them has at least half of its N
-- calls, all of them international.
busy_numbers AS (
    SELECT DISTINCT number FROM profiles WHERE 2 * international_calls >= $min_calls
),

busy_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        duration_seconds,
        CASE WHEN coalesce(answered, duration_seconds > 0) THEN 1 ELSE 0 END AS is_answered
    FROM examined_calls
    INNER JOIN busy_numbers ON examined_calls.caller_number = busy_numbers.number
),

callees AS (
    SELECT DISTINCT callee_number FROM busy_calls
),

home_sizes AS (
    SELECT DISTINCT length(prefix) AS size FROM home_prefixes
),

home_numbers AS (
    SELECT DISTINCT callee_number
    FROM callees
    CROSS JOIN home_sizes
    INNER JOIN home_prefixes ON substring(callee_number, 1, size) = home_prefixes.prefix
),

sizes AS (
    SELECT DISTINCT length(prefix) AS size FROM watched_prefixes
),

-- Of several watched prefixes of one number, the longest is the greatest, too.
watched_numbers AS (
    SELECT callees.callee_number, max(watched_prefixes.prefix) AS prefix
    FROM callees
    CROSS JOIN sizes
    INNER JOIN watched_prefixes ON substring(callees.callee_number, 1, size) = watched_prefixes.prefix
    LEFT JOIN home_numbers ON callees.callee_number = home_numbers.callee_number
    WHERE home_numbers.callee_number IS NULL
    GROUP BY callees.callee_number
),

watched_calls AS (
    SELECT busy_calls.*, prefix
    FROM busy_calls
    INNER JOIN watched_numbers ON busy_calls.callee_number = watched_numbers.callee_number
),

-- Sweep. A call is in the window from its own instant, inclusive, to W later, exclusive.
changes AS (
    SELECT caller_number, call_timestamp AS happens_at, 1 AS calls, 1 AS entries FROM watched_calls
    UNION ALL
    SELECT caller_number, call_timestamp + $window AS happens_at, -1 AS calls, 0 AS entries FROM watched_calls
),

instants AS (
    SELECT caller_number, happens_at, sum(calls) AS calls, sum(entries) AS entries
    FROM changes
    GROUP BY caller_number, happens_at
),

states AS (
    SELECT
        caller_number,
        happens_at AS ends_at,
        entries,
        CAST(sum(calls) OVER so_far AS BIGINT) AS calls
    FROM instants
    WINDOW so_far AS (
        PARTITION BY caller_number ORDER BY happens_at ASC NULLS LAST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Windows end with a call.
qualifying AS (
    SELECT caller_number, ends_at, calls
    FROM states
    WHERE entries > 0 AND ends_at > $since AND calls >= $min_calls
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
            PARTITION BY caller_number, episode ORDER BY calls DESC NULLS LAST, ends_at ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY caller_number, episode)
),

evidence AS (
    SELECT * FROM ranked WHERE place = 1
),

by_prefix AS (
    SELECT
        evidence.caller_number,
        episode,
        prefix,
        count(*) AS calls,
        count(DISTINCT callee_number) AS destinations,
        sum(is_answered) AS answered_calls,
        CAST(sum(duration_seconds) AS BIGINT) AS seconds
    FROM evidence
    INNER JOIN watched_calls
        ON evidence.caller_number = watched_calls.caller_number
        AND call_timestamp > ends_at - $window
        AND call_timestamp <= ends_at
    GROUP BY evidence.caller_number, episode, prefix
),

by_place AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY caller_number, episode ORDER BY calls DESC NULLS LAST, prefix ASC NULLS LAST
        ) AS prefix_place
    FROM by_prefix
),

in_window AS (
    SELECT
        caller_number,
        episode,
        sum(destinations) AS destinations,
        sum(answered_calls) AS answered_calls,
        CAST(sum(seconds) AS DOUBLE) AS seconds,
        max(CASE WHEN prefix_place = 1 THEN prefix END) AS main_prefix,
        max(CASE WHEN prefix_place = 1 THEN calls END) AS main_prefix_calls
    FROM by_place
    GROUP BY caller_number, episode
),

all_in_window AS (
    SELECT evidence.caller_number, episode, count(*) AS calls
    FROM evidence
    INNER JOIN busy_calls
        ON evidence.caller_number = busy_calls.caller_number
        AND call_timestamp > ends_at - $window
        AND call_timestamp <= ends_at
    GROUP BY evidence.caller_number, episode
),

first_calls AS (
    SELECT evidence.caller_number, episode, min(call_timestamp) AS first_seen
    FROM evidence
    INNER JOIN watched_calls
        ON evidence.caller_number = watched_calls.caller_number AND call_timestamp > episode_start
    GROUP BY evidence.caller_number, episode
)

SELECT
    evidence.caller_number AS suspect_number,
    CASE
        WHEN evidence.calls >= $critical_calls THEN 4
        WHEN evidence.calls >= $high_calls THEN 3
        WHEN evidence.calls >= $medium_calls THEN 2
        ELSE 1
    END AS severity,
    0.5 * (1 - CAST($min_calls AS DOUBLE) / evidence.calls)
    + 0.5 * CAST(evidence.calls AS DOUBLE) / all_in_window.calls AS confidence,
    evidence.calls AS call_count,
    destinations AS unique_destinations,
    seconds / evidence.calls AS avg_duration_seconds,
    ends_at - $window AS window_start,
    ends_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    episode_end AS last_seen,
    main_prefix,
    main_prefix_calls,
    seconds / 60 AS watched_minutes,
    CAST(answered_calls AS DOUBLE) / evidence.calls AS answered_share,
    CAST(evidence.calls AS DOUBLE) / all_in_window.calls AS watched_share
FROM evidence
INNER JOIN in_window ON evidence.caller_number = in_window.caller_number AND evidence.episode = in_window.episode
INNER JOIN all_in_window
    ON evidence.caller_number = all_in_window.caller_number AND evidence.episode = all_in_window.episode
INNER JOIN first_calls
    ON evidence.caller_number = first_calls.caller_number AND evidence.episode = first_calls.episode;
