/*
id = "SIMBOX_RATIO"
name = "Sells outgoing calls only"
alert_type = "SIMBOX"
version = "1.0"
weight = 0.5

description = """
A SIM in a SIM box carries other people's conversations: it calls many numbers every day and is hardly ever called,
neither often nor for long. People, even busy ones, are called back.

A local day is busy if the number calls at least N different numbers on it. The rule flags a number that has at least K
busy days within W (whole local days), the last of them in the examined period, and over these days together receives
fewer than R of the calls and fewer than R of the minutes that it makes. One lost call that is returned therefore does
not acquit a SIM that made sixty.

A feed without incoming calls would make everybody look like a SIM box. So a day counts only if more than the share S of
all callers of that day were called on it as well.

call_count and the minutes are those of the busy days in W. unique_destinations is a lower bound over these days: the
most different numbers on one of them, or, where that is more, the numbers called for the first time in 28 days, added
up. (The same number may be called on two days; a number is new only once.)
"""

nulls = """
Calls, minutes, destinations and incoming calls of a profile are never NULL. A number whose calls have no minutes at all
has no ratio of minutes and is not flagged. A callee whose new-callee figure is unknown does not count as new.
"""

source = """
Starting values of the project's rule catalogue (30 destinations, 2 %, 2 days). That SIM box SIMs make a
disproportionate number of outgoing calls is measured in Murynets, Zabarankin, Piqueras Jover and Panagia, Analysis and
Detection of SIMbox Fraud in Mobility Networks, IEEE INFOCOM 2014. The guard S is this project's choice.
"""

remediation = """
Look at the calls (sentinel-batch explain NUMBER): conversations of minutes, callees all over the country, none of them
ever calling. Check the siblings by IMEI and cell (SIMBOX_IMEI, cases), the activation date and the registration, and
place a test call through a suspected route. Look alikes: outbound desks of call centres and banks, telemarketers,
prayer lines and bulk invitations, alarm and M2M devices, PBX trunks whose incoming calls arrive under another number.
They are registered as businesses and are there for months: verify, then suppress with a reason.
"""

severity = """
How much is at stake if the finding is true: the outgoing minutes of the busy days in W. A minute that evades the
international rate costs about NGN 20.50 (24.40 international less 3.90 local termination).
CRITICAL: at least 1500 minutes (about NGN 31,000).
HIGH: at least 500 minutes (about NGN 10,000).
MEDIUM: at least 150 minutes (about NGN 3,000).
LOW: every other finding.
"""

confidence = """
Half of it is 1 - r / R with r the larger of the two ratios (1 if nothing came in), a quarter 1 - N / mean destinations
on a busy day, a quarter 1 - K / busy days. It is 0 just beyond all thresholds; it is not a probability. Weight 0.5:
some telemarketers have the same ratios, so that the ratio alone is no proof.
"""

summary = """
{suspect_number} made {call_count} calls on {busy_days} busy days within {window}, to at least {unique_destinations} \
numbers, and received {incoming_calls} ({in_out_call_ratio:.1%} of the calls, {in_out_duration_ratio:.1%} of the \
minutes)."""

[parameters.window]
type = "duration"
default = "7d"
min = "24h"
max = "28d"
description = "Length W of the stretch in which the busy days lie, in whole local days."

[parameters.min_unique_destinations]
type = "integer"
default = 30
min = 1
max = 100000
unit = "numbers"
description = "Threshold N: a busy day goes to at least so many different numbers."

[parameters.min_busy_days]
type = "integer"
default = 2
min = 1
max = 28
unit = "days"
description = "Minimum sample K: at least so many busy days."

[parameters.max_in_out_ratio]
type = "real"
default = 0.02
min = 0.0001
max = 1.0
unit = "incoming / outgoing"
description = "Threshold R: calls and minutes received are strictly fewer than this share of those made."

[parameters.min_called_share]
type = "real"
default = 0.1
min = 0.0
max = 1.0
unit = "share of callers"
description = "Guard S: a day counts only if strictly more of its callers were called as well."

[constants]
critical_minutes = 1500
high_minutes = 500
medium_minutes = 150
*/

-- query: sliding
WITH
-- Days of which the lake has incoming calls at all.
two_way_days AS (
    SELECT local_date
    FROM profiles
    GROUP BY local_date
    HAVING sum(CASE WHEN incoming_calls > 0 THEN 1 ELSE 0 END) > $min_called_share * count(*)
),

busy_days AS (
    SELECT
        number,
        day_start,
        day_end,
        call_count,
        unique_callees,
        new_callees,
        total_minutes,
        incoming_calls,
        incoming_minutes,
        first_call,
        last_call
    FROM profiles
    INNER JOIN two_way_days ON profiles.local_date = two_way_days.local_date
    WHERE unique_callees >= $min_unique_destinations
),

busy_numbers AS (
    SELECT number
    FROM busy_days
    GROUP BY number
    HAVING count(*) >= $min_busy_days AND max(day_end) > $since
),

-- One row for each busy day in the period: what the W that ends with this day adds up to.
windows AS (
    SELECT
        latest.number,
        latest.day_end,
        min(counted.day_start) AS window_start,
        count(*) AS busy_days,
        CAST(sum(counted.call_count) AS BIGINT) AS calls,
        CAST(greatest(max(counted.unique_callees), sum(coalesce(counted.new_callees, 0))) AS BIGINT) AS destinations,
        avg(counted.unique_callees) AS daily_destinations,
        sum(counted.total_minutes) AS outgoing_minutes,
        CAST(sum(counted.incoming_calls) AS BIGINT) AS incoming_calls,
        sum(counted.incoming_minutes) AS incoming_minutes,
        min(counted.first_call) AS first_call,
        max(counted.last_call) AS last_call
    FROM busy_days AS latest
    INNER JOIN busy_numbers ON latest.number = busy_numbers.number
    INNER JOIN busy_days AS counted
        ON latest.number = counted.number
        AND counted.day_end > latest.day_end - $window
        AND counted.day_end <= latest.day_end
    WHERE latest.day_end > $since
    GROUP BY latest.number, latest.day_end
),

qualifying AS (
    SELECT
        *,
        least(day_end, $until) AS window_end,
        60 * outgoing_minutes / calls AS average,
        CAST(incoming_calls AS DOUBLE) / calls AS call_ratio,
        incoming_minutes / nullif(outgoing_minutes, 0) AS duration_ratio,
        CASE
            WHEN outgoing_minutes >= $critical_minutes THEN 4
            WHEN outgoing_minutes >= $high_minutes THEN 3
            WHEN outgoing_minutes >= $medium_minutes THEN 2
            ELSE 1
        END AS severity
    FROM windows
    WHERE busy_days >= $min_busy_days
        AND incoming_calls < $max_in_out_ratio * calls
        AND incoming_minutes < $max_in_out_ratio * outgoing_minutes
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
    0.5 * (1 - greatest(call_ratio, duration_ratio) / CAST($max_in_out_ratio AS DOUBLE))
    + 0.25 * (1 - $min_unique_destinations / daily_destinations)
    + 0.25 * (1 - CAST($min_busy_days AS DOUBLE) / busy_days) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    window_start,
    window_end,
    episode_start,
    episode_end,
    first_seen,
    least(last_seen, $until) AS last_seen,
    busy_days,
    daily_destinations AS mean_daily_destinations,
    outgoing_minutes,
    incoming_calls,
    incoming_minutes,
    call_ratio AS in_out_call_ratio,
    duration_ratio AS in_out_duration_ratio
FROM ranked
WHERE place = 1;
