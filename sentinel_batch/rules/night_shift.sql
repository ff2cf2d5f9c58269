/*
id = "NIGHT_SHIFT"
name = "Calls by night, unlike its like"
alert_type = "UNUSUAL_HOURS"
version = "1.0"
weight = 0.15

description = """
A machine does not sleep, and a SIM bank uses its SIMs in shifts, some of them by night. The rule compares the share of
a number's calls that were made from 22 to 6 o'clock, local time, with that of the other callers of its segment on the
same day: a robust z-score (distance from the median, in median absolute deviations).

A local day counts if the number made at least N calls on it, called at least C different numbers by night, at least
the share P of its calls were by night, and the z-score is at least Z. The rule flags a number with at least K such days
within W (whole local days), the last of them in the examined period. It takes both Z and P: where nearly nobody calls
by night, a small share has a large score. It takes C different numbers, so that lovers who talk all night are left alone.

The figures are those of the days that count. unique_destinations is a lower bound: the most different numbers on one of
them, or, where that is more, the numbers called for the first time in 28 days, added up.
"""

nulls = """
A day without z-score (its segment too small, or unknown) does not count. A callee whose new-callee figure is unknown
does not count as new.
"""

source = """
Night hours of 22 to 6 as in the project's profiles. The z-score with the median absolute deviation: Iglewicz and
Hoaglin, How to Detect and Handle Outliers, ASQC 1993 (who call 3.5 an outlier); 5 and the other figures are this
project's choice, because a population of a million has many honest night workers.
"""

remediation = """
Look at the hours (sentinel-batch explain NUMBER): does the number rest at any time of the day? Look for numbers of the
same cell and device that work while this one rests. Look alikes: students and workers who call relatives abroad in
other time zones, night tariffs, taxi dispatch, hospitals, security firms, prayer lines, M2M devices that report by
night. Alone it is no ground to block; together with a SIMBOX rule it is.
"""

severity = """
How unlike a person: by the share of calls by night on the days that count, and their number.
CRITICAL: never given; hours alone are no proof.
HIGH: a share of at least 0.6 of the calls, and at least 5 days.
MEDIUM: a share of at least 0.6 of the calls, or at least 5 days.
LOW: every other finding.
"""

confidence = """
Half of it is 1 - Z / mean z-score of the days that count, half is the share of their calls that were by night. It is
not a probability. Weight 0.15: most people awake by night are honest.
"""

summary = """
{suspect_number} made {night_calls} of {call_count} calls between 22 and 6 o'clock ({night_share:.0%}) on {night_days} \
days within {window}; robust z-score in its segment {night_share_z:.1f}."""

[parameters.window]
type = "duration"
default = "7d"
min = "24h"
max = "28d"
description = "Length W of the stretch in which the days lie, in whole local days."

[parameters.min_calls]
type = "integer"
default = 20
min = 1
max = 100000
unit = "calls"
description = "Minimum sample N: calls on a day that counts."

[parameters.min_night_callees]
type = "integer"
default = 10
min = 1
max = 100000
unit = "numbers"
description = "Threshold C: different numbers called by night on a day that counts."

[parameters.min_night_share]
type = "real"
default = 0.4
min = 0.0
max = 1.0
unit = "share of calls"
description = "Threshold P: share of calls by night on a day that counts."

[parameters.min_z]
type = "real"
default = 5.0
min = 0.1
max = 1000.0
unit = "robust z"
description = "Threshold Z: z-score of that share in the segment on a day that counts."

[parameters.min_days]
type = "integer"
default = 2
min = 1
max = 28
unit = "days"
description = "Threshold K: at least so many days that count."

[constants]
severe_share = 0.6
severe_days = 5
*/

-- query: sliding
WITH
night_days AS (
    SELECT
        number,
        day_start,
        day_end,
        call_count,
        unique_callees,
        new_callees,
        total_minutes,
        night_calls,
        night_callees,
        night_share_z,
        first_call,
        last_call
    FROM profiles
    WHERE call_count >= $min_calls
        AND night_callees >= $min_night_callees
        AND night_calls >= $min_night_share * call_count
        AND night_share_z >= $min_z
),

night_numbers AS (
    SELECT number
    FROM night_days
    GROUP BY number
    HAVING count(*) >= $min_days AND max(day_end) > $since
),

-- One row for each day that counts in the period: what the W that ends with this day adds up to.
windows AS (
    SELECT
        latest.number,
        latest.day_end,
        min(counted.day_start) AS window_start,
        count(*) AS days,
        CAST(sum(counted.call_count) AS BIGINT) AS calls,
        CAST(greatest(max(counted.unique_callees), sum(coalesce(counted.new_callees, 0))) AS BIGINT) AS destinations,
        sum(counted.total_minutes) AS outgoing_minutes,
        CAST(sum(counted.night_calls) AS BIGINT) AS night_calls,
        max(counted.night_callees) AS night_callees,
        avg(counted.night_share_z) AS z,
        min(counted.first_call) AS first_call,
        max(counted.last_call) AS last_call
    FROM night_days AS latest
    INNER JOIN night_numbers ON latest.number = night_numbers.number
    INNER JOIN night_days AS counted
        ON latest.number = counted.number
        AND counted.day_end > latest.day_end - $window
        AND counted.day_end <= latest.day_end
    WHERE latest.day_end > $since
    GROUP BY latest.number, latest.day_end
    HAVING count(*) >= $min_days
),

qualifying AS (
    SELECT
        *,
        least(day_end, $until) AS window_end,
        60 * outgoing_minutes / calls AS average,
        CASE
            WHEN night_calls >= $severe_share * calls AND days >= $severe_days THEN 3
            WHEN night_calls >= $severe_share * calls OR days >= $severe_days THEN 2
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
    0.5 * (1 - CAST($min_z AS DOUBLE) / z) + 0.5 * CAST(night_calls AS DOUBLE) / calls AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    window_start,
    window_end,
    episode_start,
    episode_end,
    first_seen,
    least(last_seen, $until) AS last_seen,
    days AS night_days,
    night_calls,
    night_callees AS max_night_callees,
    CAST(night_calls AS DOUBLE) / calls AS night_share,
    z AS night_share_z
FROM ranked
WHERE place = 1;
