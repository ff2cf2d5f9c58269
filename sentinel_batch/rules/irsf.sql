/*
id = "IRSF"
name = "Night traffic to a revenue share range"
alert_type = "IRSF"
version = "1.0"
weight = 0.8

summary = """
{suspect_number} made {call_count} calls ({loss_minutes:.0f} min) at night to {range}, a range that pays for traffic; \
{range_callers} numbers did so that night, for {range_minutes:.0f} min in all; test call: {test_call_at}."""

description = """
International revenue share fraud (IRSF): a fraudster rents numbers abroad that share the termination fee with him, and
makes others' lines call them: stolen phones, SIMs bought under false names, a company's hacked exchange. He tests first
whether the number can be reached, then lets the calls run while nobody looks.

A range is attacked in a local night if at least M callers make at least N calls each to it, or one caller makes at
least A calls. Every caller that counts is a suspect, so that his line can be barred; one who makes A calls counts by
himself. An attack is found while it goes on: if one of its calls lies in the examined period. The ranges are a list:
of a number on it, the range is its first five digits (a country code and two to four more), or the listed prefix where
that is longer, because fraudsters rent blocks and not countries. Nights begin and end at full hours, local time.

The test call is looked for among the suspects' calls to the range in the 24 hours (W) before: it is the first one, if
none follows for G. It is evidence, and a condition only if needs_test_call is 1: whoever tests from another network
leaves no test call in these records.
"""

nulls = """
A call without local time counts for no night; ingest always fills it. Calls count whatever their outcome: the figures
in minutes are of those that were answered. test_call_at is unknown where no test call is seen.
"""

source = """
The definition (many callers to one high-risk range, off hours, after a test call) is the catalogue's; numbers and
ladder are this project's. Sahin and Francillon, "Understanding and Detecting International Revenue Share Fraud" (NDSS
2021), describe the scheme and its test calls. The shipped ranges are whole countries with public warnings, named in
sentinel_batch/rules/reference/high_risk_ranges.csv with the reason: a start, no more. As "New IRSF Data Shows There Are
No 'Low Risk' Destinations Any More" (Commsrisk) says, use a list that is kept up to date.
"""

remediation = """
Bar the range for all subscribers now, then the suspects' international calls; withhold payment for the traffic and tell
the carrier. Then ask each holder: a stolen phone, a SIM that nobody registered, an exchange with an open extension or a
default password (many calls from one line). Honest callers that look alike: families with relatives there, at the hours
when calls are cheap or the other time zone is awake, on feast days above all; companies with an office there. They call
few numbers that they called before.
"""

severity = """
By the minutes of all suspects to the range in that night; the first line that matches.
CRITICAL: at least 1000 minutes: several lines busy all night.
HIGH: at least 300 minutes: a line busy for most of the night.
MEDIUM: at least 60 minutes, or a test call was seen.
LOW: every other finding.
"""

confidence = """
The mean of three figures between 0 and 1: callers / (callers + M), the suspect's calls / (calls + N), and 1 where a
test call was seen, 0.5 where not. The weight is 0.8: crowds seldom call one block of a listed country by night.
"""

[parameters.window]
type = "duration"
default = "24h"
min = "8h"
max = "31d"
description = "Length W of time that is searched for a test call, and of the window that a finding names."

[parameters.min_callers]
type = "integer"
default = 5
min = 2
max = 1000000
unit = "numbers"
description = "Threshold M, and the minimum sample: at least so many callers of one range in one night."

[parameters.min_calls_each]
type = "integer"
default = 3
min = 1
max = 1000000
unit = "calls"
description = "Threshold N: a caller counts from so many calls to the range in the night on."

[parameters.min_calls_alone]
type = "integer"
default = 30
min = 1
max = 1000000
unit = "calls"
description = "Threshold A: so many calls of one caller are enough: a hacked exchange needs no accomplices."

[parameters.night_begins]
type = "integer"
default = 22
min = 12
max = 23
unit = "hour"
description = "Local hour at which the night begins."

[parameters.night_ends]
type = "integer"
default = 6
min = 0
max = 11
unit = "hour"
description = "Local hour at which the night ends."

[parameters.test_gap]
type = "duration"
default = "30m"
min = "1m"
max = "24h"
description = "G: a test call is followed by no other call to the range for so long."

[parameters.needs_test_call]
type = "integer"
default = 0
min = 0
max = 1
description = "1 to find only attacks with a test call."

[lists.high_risk_ranges]
columns = ["prefix"]
file = "reference/high_risk_ranges.csv"
description = "Prefixes, with the plus sign, known for revenue share fraud. Calls within the home country never count."

[constants]
critical_minutes = 1000
high_minutes = 300
medium_minutes = 60
*/

-- query: sliding
WITH
-- Prune. A night touches two local days: in one of them a suspect makes at least half of his calls to the range, all of
-- them international.
international_callers AS (
    SELECT DISTINCT number FROM profiles WHERE 2 * international_calls >= least($min_calls_each, $min_calls_alone)
),

international_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        local_date,
        local_hour,
        CASE WHEN coalesce(answered, duration_seconds > 0) THEN duration_seconds ELSE 0 END AS seconds,
        duration_seconds
    FROM examined_calls
    INNER JOIN international_callers ON examined_calls.caller_number = international_callers.number
),

callees AS (
    SELECT DISTINCT callee_number FROM international_calls
),

sizes AS (
    SELECT DISTINCT length(prefix) AS size FROM high_risk_ranges
),

-- Of several listed prefixes of one number, the longest is the greatest, too.
listed_numbers AS (
    SELECT callee_number, max(prefix) AS prefix
    FROM callees
    CROSS JOIN sizes
    INNER JOIN high_risk_ranges ON substring(callee_number, 1, size) = prefix
    GROUP BY callee_number
),

range_calls AS (
    SELECT
        international_calls.*,
        CASE
            WHEN length(prefix) >= 6 THEN prefix
            ELSE substring(international_calls.callee_number, 1, 6)
        END AS called_range,
        CASE
            WHEN local_hour >= $night_begins THEN local_date
            WHEN local_hour < $night_ends THEN CAST(local_date - 1 AS DATE)
        END AS night
    FROM international_calls
    INNER JOIN listed_numbers ON international_calls.callee_number = listed_numbers.callee_number
),

nightly AS (
    SELECT
        called_range,
        night,
        caller_number,
        count(*) AS calls,
        count(DISTINCT callee_number) AS destinations,
        CAST(sum(duration_seconds) AS DOUBLE) / count(*) AS average,
        CAST(sum(seconds) AS DOUBLE) / 60 AS minutes,
        min(call_timestamp) AS first_seen,
        max(call_timestamp) AS last_seen
    FROM range_calls
    WHERE night IS NOT NULL
    GROUP BY called_range, night, caller_number
    HAVING count(*) >= least($min_calls_each, $min_calls_alone)
),

crowds AS (
    SELECT
        *,
        sum(CASE WHEN calls >= $min_calls_each THEN 1 ELSE 0 END) OVER (PARTITION BY called_range, night) AS crowd
    FROM nightly
),

suspects AS (
    SELECT
        *,
        count(*) OVER in_attack AS range_callers,
        sum(calls) OVER in_attack AS range_calls,
        sum(minutes) OVER in_attack AS range_minutes,
        min(first_seen) OVER in_attack AS attack_begins_at,
        max(last_seen) OVER in_attack AS attack_ends_at
    FROM crowds
    WHERE calls >= $min_calls_alone OR (calls >= $min_calls_each AND crowd >= $min_callers)
    WINDOW in_attack AS (PARTITION BY called_range, night)
),

-- All calls of an attack's suspects to its range, from W before its first call on.
earlier_calls AS (
    SELECT
        suspects.called_range,
        suspects.night,
        call_timestamp,
        row_number() OVER in_attack AS place,
        lead(call_timestamp) OVER in_attack AS next_call_at
    FROM suspects
    INNER JOIN range_calls
        ON suspects.called_range = range_calls.called_range
        AND suspects.caller_number = range_calls.caller_number
        AND call_timestamp > attack_begins_at - $window
    WINDOW in_attack AS (
        PARTITION BY suspects.called_range, suspects.night
        ORDER BY call_timestamp ASC NULLS LAST, range_calls.caller_number ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

test_calls AS (
    SELECT called_range, night, call_timestamp AS test_call_at
    FROM earlier_calls
    WHERE place = 1 AND next_call_at >= call_timestamp + $test_gap
),

qualifying AS (
    SELECT
        suspects.*,
        test_call_at,
        CASE
            WHEN range_minutes >= $critical_minutes THEN 4
            WHEN range_minutes >= $high_minutes THEN 3
            WHEN range_minutes >= $medium_minutes OR test_call_at IS NOT NULL THEN 2
            ELSE 1
        END AS severity
    FROM suspects
    LEFT JOIN test_calls ON suspects.called_range = test_calls.called_range AND suspects.night = test_calls.night
    WHERE attack_ends_at > $since AND (test_call_at IS NOT NULL OR $needs_test_call = 0)
),

-- Qualifying windows that touch or overlap are one episode.
joined AS (
    SELECT
        *,
        CASE WHEN attack_ends_at - $window <= lag(attack_ends_at) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM qualifying
    WINDOW in_time AS (
        PARTITION BY caller_number ORDER BY attack_ends_at ASC NULLS LAST, called_range ASC NULLS LAST
    )
),

numbered AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY caller_number ORDER BY attack_ends_at ASC NULLS LAST, called_range ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM joined
),

ranked AS (
    SELECT
        *,
        min(attack_ends_at) OVER in_episode - $window AS episode_start,
        max(attack_ends_at) OVER in_episode AS episode_end,
        max(last_seen) OVER in_episode AS episode_last_seen,
        min(first_seen) OVER in_episode AS episode_first_seen,
        row_number() OVER (
            PARTITION BY caller_number, episode
            ORDER BY
                severity DESC NULLS LAST,
                minutes DESC NULLS LAST,
                attack_ends_at ASC NULLS LAST,
                called_range ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY caller_number, episode)
)

SELECT
    caller_number AS suspect_number,
    severity,
    (
        CAST(range_callers AS DOUBLE) / (range_callers + $min_callers)
        + CAST(calls AS DOUBLE) / (calls + $min_calls_each)
        + CASE WHEN test_call_at IS NULL THEN 0.5 ELSE 1 END
    ) / 3 AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    attack_ends_at - $window AS window_start,
    attack_ends_at AS window_end,
    episode_start,
    episode_end,
    episode_first_seen AS first_seen,
    episode_last_seen AS last_seen,
    called_range AS range,
    night,
    minutes AS loss_minutes,
    range_callers,
    range_calls,
    range_minutes,
    test_call_at
FROM ranked
WHERE place = 1;
