/*
id = "SIMBOX_NORECIP"
name = "Calls only strangers, who never call back"
alert_type = "SIMBOX"
version = "1.0"
weight = 0.6

description = """
The callers whose conversations a SIM box carries choose its destinations: they are new every day, and they cannot call
back, for they see a number that nobody answers. People call the same few numbers again and again, and are called by
them.

The rule looks at the W (whole local days) that ends with a day in the examined period on which the number called. Of
the callees of these days, counted once for every day, at least the share P were never called before by the number (in
the 28 days before, as far as the lake reaches), at most the share Q called it at any time from then to the end of the
day, and there were at least N different ones.

Two guards. At the beginning of a lake every callee is new: only days with at least H days of history before them count.
And in a feed without incoming calls nobody ever calls back: a day counts only if more than the share S of all callers
of that day were called on it as well.

unique_destinations is a lower bound over W: the most different numbers on one day, or, where that is more, the numbers
called for the first time in 28 days, added up. The threshold N is held against this bound.
"""

nulls = """
A day of which new callees or callees that call back are unknown (NULL) does not count.
"""

source = """
Starting values of the project's rule catalogue (95 %, 2 %, 30 callees). Missing reciprocity and absence of social ties
as marks of SIM box traffic: Kouam, Viana and Tchana, SIMBox bypass frauds in cellular networks: Strategies, evolution,
detection, and future directions, IEEE Communications Surveys and Tutorials, 2021. W of three days, H and S are this
project's choice: three days, because a SIM that keeps below 30 numbers a day passes 30 within three; a week of history,
because the numbers that a person calls at all regularly are called within a week.
"""

remediation = """
Look at the calls (sentinel-batch explain NUMBER): are the callees spread over networks and states, the calls minutes
long? Call a few callees: did they expect a call from abroad? Look alikes: telemarketers, delivery riders and taxi
dispatch (whose customers do call back now and then), one-time-password and reminder services, bulk invitations, opinion
polls. They are registered as businesses or keep their hours: verify, then suppress with a reason. A new subscriber
who tells everybody the new number is called back within days.
"""

severity = """
How much is at stake if the finding is true: the outgoing minutes of these days in W. A minute that evades the
international rate costs about NGN 20.50 (24.40 international less 3.90 local termination).
CRITICAL: at least 1500 minutes (about NGN 31,000).
HIGH: at least 500 minutes (about NGN 10,000).
MEDIUM: at least 150 minutes (about NGN 3,000).
LOW: every other finding.
"""

confidence = """
A third of it is (p - P) / (1 - P) with p the share of new callees, a third 1 - q / Q with q the share of
callees that call back, a third 1 - N / destinations. It is not a probability. Weight
0.6: of honest callers, only those whose trade is to call strangers look like this.
"""

summary = """
{suspect_number} made {call_count} calls to at least {unique_destinations} numbers within {window}; \
{new_callee_share:.0%} of the callees were new, and {callees_calling_back} ({reciprocity:.1%}) ever called back."""

[parameters.window]
type = "duration"
default = "3d"
min = "24h"
max = "28d"
description = "Length W of the stretch that is looked at, in whole local days."

[parameters.min_unique_destinations]
type = "integer"
default = 30
min = 1
max = 100000
unit = "numbers"
description = "Minimum sample N: at least so many different numbers."

[parameters.min_new_callee_share]
type = "real"
default = 0.95
min = 0.0
max = 0.999
unit = "share of callees"
description = "Threshold P: at least this share was never called before."

[parameters.max_reciprocity]
type = "real"
default = 0.02
min = 0.0001
max = 1.0
unit = "share of callees"
description = "Threshold Q: at most this share ever called the number."

[parameters.min_history_days]
type = "integer"
default = 7
min = 0
max = 28
unit = "days"
description = "Guard H: days of history in the lake before a day that counts."

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

days AS (
    SELECT
        number,
        day_start,
        day_end,
        call_count,
        unique_callees,
        new_callees,
        callees_calling_back,
        total_minutes,
        first_call,
        last_call
    FROM profiles
    INNER JOIN two_way_days ON profiles.local_date = two_way_days.local_date
    WHERE history_days >= $min_history_days
        AND new_callees >= 0
        AND callees_calling_back >= 0
),

-- The bound of a stretch is at most all callees of all its days.
possible_numbers AS (
    SELECT number
    FROM days
    GROUP BY number
    HAVING sum(unique_callees) >= $min_unique_destinations AND max(day_end) > $since
),

possible_days AS (
    SELECT days.*
    FROM days
    INNER JOIN possible_numbers ON days.number = possible_numbers.number
),

-- One row for each day in the period: what the W that ends with this day adds up to.
windows AS (
    SELECT
        latest.number,
        latest.day_end,
        min(counted.day_start) AS window_start,
        count(*) AS active_days,
        CAST(sum(counted.call_count) AS BIGINT) AS calls,
        CAST(greatest(max(counted.unique_callees), sum(counted.new_callees)) AS BIGINT) AS destinations,
        CAST(sum(counted.unique_callees) AS BIGINT) AS callees,
        CAST(sum(counted.new_callees) AS BIGINT) AS new_callees,
        CAST(sum(counted.callees_calling_back) AS BIGINT) AS calling_back,
        sum(counted.total_minutes) AS outgoing_minutes,
        min(counted.first_call) AS first_call,
        max(counted.last_call) AS last_call
    FROM possible_days AS latest
    INNER JOIN possible_days AS counted
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
        CAST(new_callees AS DOUBLE) / callees AS new_share,
        CAST(calling_back AS DOUBLE) / callees AS reciprocity,
        CASE
            WHEN outgoing_minutes >= $critical_minutes THEN 4
            WHEN outgoing_minutes >= $high_minutes THEN 3
            WHEN outgoing_minutes >= $medium_minutes THEN 2
            ELSE 1
        END AS severity
    FROM windows
    WHERE destinations >= $min_unique_destinations
        AND new_callees >= $min_new_callee_share * callees
        AND calling_back <= $max_reciprocity * callees
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
    (new_share - CAST($min_new_callee_share AS DOUBLE)) / (1 - CAST($min_new_callee_share AS DOUBLE)) / 3
    + (1 - reciprocity / CAST($max_reciprocity AS DOUBLE)) / 3
    + (1 - CAST($min_unique_destinations AS DOUBLE) / destinations) / 3 AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    window_start,
    window_end,
    episode_start,
    episode_end,
    first_seen,
    least(last_seen, $until) AS last_seen,
    active_days,
    outgoing_minutes,
    new_callees,
    new_share AS new_callee_share,
    calling_back AS callees_calling_back,
    reciprocity
FROM ranked
WHERE place = 1;
