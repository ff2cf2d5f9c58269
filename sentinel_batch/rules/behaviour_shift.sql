/*
id = "BEHAVIOUR_SHIFT"
name = "Unlike its own past"
alert_type = "ACCOUNT_TAKEOVER"
version = "1.0"
weight = 0.25

description = """
A stolen SIM, a SIM that was swapped, or a private exchange (PBX) that was broken into suddenly calls more, longer, to
other numbers, abroad, or by night. The rule compares a local day with the same number's 14 days before it: a robust
z-score (distance from the median, in median absolute deviations) each for calls, different callees, minutes,
international calls, and calls by night.

A day is shifted if the number was active on at least H of the 14 days before, makes at least N calls on it, and at
least G of the five scores are at least Z. Only increases count. The rule flags a number with at least K shifted days
within W (whole local days), the last of them in the examined period; by default one day is enough.

The figures are those of the shifted days. unique_destinations is a lower bound: the most different numbers on one of
them, or, where that is more, the numbers called for the first time in 28 days, added up.
"""

nulls = """
A score that is NULL (too little history) is no signal. A callee whose new-callee figure is unknown does not count as
new.
"""

source = """
The z-score with the median absolute deviation: Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC 1993 (who
call 3.5 an outlier). Z, G, a week of history and 20 calls are this project's choice: habits are heavy-tailed, every
number is tried every day, and calls, callees and minutes rise together. In a simulated week of 40,000 subscribers two
signals of 6 flagged 418 of them, three of 6 74, three of 8 14, and the hacked exchanges were found by all.
"""

remediation = """
Call the subscriber on another line: is the phone still theirs, was the SIM replaced, does the company know these calls?
Look for a SIM swap or a new IMEI just before the shift, for international destinations that were never called, and,
where it is a PBX, for calls outside office hours: block international calls first. Look alikes: market days and
holidays, bereavement, travel, a new job, a campaign. Many shifted numbers on one day are an event, not fraud.
"""

severity = """
By what it costs: international minutes are the dearest.
CRITICAL: international calls are among the signals, and at least 4 signals.
HIGH: international calls are among the signals, or at least 4 signals.
MEDIUM: 3 signals.
LOW: every other finding (only where G is set below 3).
"""

confidence = """
Half of it is the share of the five figures that shifted, half is 1 - Z / the largest score. It is not a probability.
Weight 0.25: most changes in a life are honest.
"""

summary = """
{suspect_number} changed its habits: {signals} of 5 figures far above its own 14 days before (calls {call_count}; \
robust z-scores: calls {calls_z:.1f}, callees {callees_z:.1f}, minutes {minutes_z:.1f}, international \
{international_z:.1f}, night {night_z:.1f})."""

[parameters.window]
type = "duration"
default = "24h"
min = "24h"
max = "28d"
description = "Length W of the stretch in which the days lie, in whole local days."

[parameters.min_calls]
type = "integer"
default = 20
min = 1
max = 100000
unit = "calls"
description = "Minimum sample N: calls on a shifted day."

[parameters.min_active_days]
type = "integer"
default = 7
min = 5
max = 14
unit = "days"
description = "Minimum history H: days with calls among the 14 before."

[parameters.min_z]
type = "real"
default = 8.0
min = 0.1
max = 1000.0
unit = "robust z"
description = "Threshold Z: a score of at least this is a signal."

[parameters.min_signals]
type = "integer"
default = 3
min = 1
max = 5
unit = "figures"
description = "Threshold G: at least so many of the five figures shifted."

[parameters.min_days]
type = "integer"
default = 1
min = 1
max = 28
unit = "days"
description = "Threshold K: at least so many shifted days."

[constants]
many_signals = 4
some_signals = 3
*/

-- query: sliding
WITH
scored_days AS (
    SELECT
        number,
        day_start,
        day_end,
        call_count,
        unique_callees,
        new_callees,
        total_minutes,
        international_calls,
        active_days,
        calls_z,
        callees_z,
        minutes_z,
        international_z,
        night_z,
        CASE WHEN international_z >= $min_z THEN 1 ELSE 0 END AS is_international,
        CASE WHEN calls_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN callees_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN minutes_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN international_z >= $min_z THEN 1 ELSE 0 END
        + CASE WHEN night_z >= $min_z THEN 1 ELSE 0 END AS signals,
        first_call,
        last_call
    FROM profiles
    WHERE call_count >= $min_calls AND active_days >= $min_active_days
),

shifted_days AS (
    SELECT * FROM scored_days WHERE signals >= $min_signals
),

-- One row for each shifted day in the period: what the W that ends with this day adds up to.
windows AS (
    SELECT
        latest.number,
        latest.day_end,
        latest.signals,
        latest.is_international,
        latest.active_days,
        latest.calls_z,
        latest.callees_z,
        latest.minutes_z,
        latest.international_z,
        latest.night_z,
        min(counted.day_start) AS window_start,
        count(*) AS days,
        CAST(sum(counted.call_count) AS BIGINT) AS calls,
        CAST(greatest(max(counted.unique_callees), sum(coalesce(counted.new_callees, 0))) AS BIGINT) AS destinations,
        sum(counted.total_minutes) AS outgoing_minutes,
        CAST(sum(counted.international_calls) AS BIGINT) AS international_calls,
        min(counted.first_call) AS first_call,
        max(counted.last_call) AS last_call
    FROM shifted_days AS latest
    INNER JOIN shifted_days AS counted
        ON latest.number = counted.number
        AND counted.day_end > latest.day_end - $window
        AND counted.day_end <= latest.day_end
    WHERE latest.day_end > $since
    GROUP BY
        latest.number,
        latest.day_end,
        latest.signals,
        latest.is_international,
        latest.active_days,
        latest.calls_z,
        latest.callees_z,
        latest.minutes_z,
        latest.international_z,
        latest.night_z
    HAVING count(*) >= $min_days
),

qualifying AS (
    SELECT
        *,
        least(day_end, $until) AS window_end,
        60 * outgoing_minutes / calls AS average,
        greatest(
            coalesce(calls_z, 0),
            coalesce(callees_z, 0),
            coalesce(minutes_z, 0),
            coalesce(international_z, 0),
            coalesce(night_z, 0)
        ) AS largest_z,
        CASE
            WHEN is_international = 1 AND signals >= $many_signals THEN 4
            WHEN is_international = 1 OR signals >= $many_signals THEN 3
            WHEN signals >= $some_signals THEN 2
            ELSE 1
        END AS severity
    FROM windows
),

-- Stretches that touch or overlap are one episode.
joined AS (
    SELECT
        *,
        CASE WHEN window_start <= lag(window_end) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM qualifying
    WINDOW in_time AS (PARTITION BY number ORDER BY day_end ASC NULLS LAST)
),

numbered AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY number ORDER BY day_end ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM joined
),

ranked AS (
    SELECT
        *,
        min(window_start) OVER in_episode AS episode_start,
        max(window_end) OVER in_episode AS episode_end,
        min(first_call) OVER in_episode AS first_seen,
        max(last_call) OVER in_episode AS last_seen,
        row_number() OVER (
            PARTITION BY number, episode
            ORDER BY
                severity DESC NULLS LAST,
                destinations DESC NULLS LAST,
                average ASC NULLS LAST,
                day_end ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY number, episode)
)

SELECT
    number AS suspect_number,
    severity,
    0.1 * signals + 0.5 * (1 - CAST($min_z AS DOUBLE) / largest_z) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    window_start,
    window_end,
    episode_start,
    episode_end,
    first_seen,
    least(last_seen, $until) AS last_seen,
    days AS shifted_days,
    signals,
    calls_z,
    callees_z,
    minutes_z,
    international_z,
    night_z,
    international_calls,
    outgoing_minutes,
    active_days AS history_active_days
FROM ranked
WHERE place = 1;
