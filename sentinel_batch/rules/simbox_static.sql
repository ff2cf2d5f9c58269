/*
id = "SIMBOX_STATIC"
name = "Calls many numbers and never moves"
alert_type = "SIMBOX"
version = "1.0"
weight = 0.3

description = """
A SIM box stands in a room: all calls of its SIMs begin in the same one or two cells, day and night, while they go to
dozens of numbers. People who call that many numbers move about.

A local day is busy if the number calls at least N different numbers on it. The rule flags a number that has at least K
busy days with known cells within W (whole local days), the last of them in the examined period, and whose calls of all
days of W, busy or not, begin in at most C different cells. A third cell on any day of W, be it a Sunday, acquits.

The figures are those of all days with calls in W. unique_destinations is a lower bound over these days: the most
different numbers on one of them, or, where that is more, the numbers called for the first time in 28 days, added up.
"""

nulls = """
A call without a cell (location_code NULL) says nothing about movement: it counts as a call, and its cell is ignored. A
day of which no cell is known is no busy day. A feed without cells gives no finding. A callee whose new-callee figure is
unknown does not count as new.
"""

source = """
Starting values of the project's rule catalogue (3 days, 2 cells, 30 destinations). That SIM boxes are static, and that
this tells them from other heavy callers, is measured in Murynets, Zabarankin, Piqueras Jover and Panagia, Analysis and
Detection of SIMbox Fraud in Mobility Networks, IEEE INFOCOM 2014.
"""

remediation = """
Look at the cell: other suspects in the same one, with complementary hours, are one box (cases). Look at the calls
(sentinel-batch explain NUMBER) and the hours: does the number ever rest? Look alikes: fixed wireless terminals, PBX
trunks, desks of call centres and banks, shops, prayer lines, alarm and M2M devices. They are registered as such and get
incoming calls: see SIMBOX_RATIO and SIMBOX_NORECIP. A box that switches antennas or sends its SIMs around moves, and is
not found here.
"""

severity = """
How much is at stake if the finding is true: the outgoing minutes of all days in W. A minute that evades the
international rate costs about NGN 20.50 (24.40 international less 3.90 local termination).
CRITICAL: at least 1500 minutes (about NGN 31,000).
HIGH: at least 500 minutes (about NGN 10,000).
MEDIUM: at least 150 minutes (about NGN 3,000).
LOW: every other finding.
"""

confidence = """
Four tenths of it is 1 - (cells - 1) / C, three tenths 1 - N / mean destinations on a busy day, three tenths
1 - K / busy days. It is not a probability. Weight 0.3: honest fixed terminals and
desks do not move either, and there are more of them than SIM boxes.
"""

summary = """
{suspect_number} called at least {unique_destinations} numbers ({call_count} calls, {busy_days} busy days within \
{window}) from {cells} cell(s) ({cell})."""

[parameters.window]
type = "duration"
default = "7d"
min = "24h"
max = "28d"
description = "Length W of the stretch in which the days lie, in whole local days."

[parameters.min_unique_destinations]
type = "integer"
default = 30
min = 1
max = 100000
unit = "numbers"
description = "Threshold N: a busy day goes to at least so many different numbers."

[parameters.min_busy_days]
type = "integer"
default = 3
min = 1
max = 28
unit = "days"
description = "Minimum sample K: at least so many busy days."

[parameters.max_cells]
type = "integer"
default = 2
min = 1
max = 2
unit = "cells"
description = "Threshold C: at most so many different cells in W (a profile names the two most used of a day)."

[constants]
critical_minutes = 1500
high_minutes = 500
medium_minutes = 150
*/

-- query: sliding
WITH
static_days AS (
    SELECT number, day_start, day_end, unique_callees
    FROM profiles
    WHERE unique_callees >= $min_unique_destinations AND distinct_cells BETWEEN 1 AND $max_cells
),

static_numbers AS (
    SELECT number
    FROM static_days
    GROUP BY number
    HAVING count(*) >= $min_busy_days AND max(day_end) > $since
),

days AS (
    SELECT
        profiles.number,
        day_start,
        day_end,
        call_count,
        unique_callees,
        new_callees,
        total_minutes,
        distinct_cells,
        first_cell,
        second_cell,
        first_call,
        last_call,
        CASE
            WHEN unique_callees >= $min_unique_destinations AND distinct_cells BETWEEN 1 AND $max_cells THEN 1
            ELSE 0
        END AS is_busy
    FROM profiles
    INNER JOIN static_numbers ON profiles.number = static_numbers.number
),

-- One row for each busy day in the period and each day of the W that ends with it.
counted AS (
    SELECT latest.day_end AS latest_end, days.*
    FROM static_days AS latest
    INNER JOIN days
        ON latest.number = days.number
        AND days.day_end > latest.day_end - $window
        AND days.day_end <= latest.day_end
    WHERE latest.day_end > $since
),

windows AS (
    SELECT
        number,
        latest_end AS day_end,
        min(day_start) AS window_start,
        CAST(sum(is_busy) AS BIGINT) AS busy_days,
        CAST(sum(call_count) AS BIGINT) AS calls,
        CAST(greatest(max(unique_callees), sum(coalesce(new_callees, 0))) AS BIGINT) AS destinations,
        avg(CASE WHEN is_busy = 1 THEN unique_callees ELSE NULL END) AS daily_destinations,
        sum(total_minutes) AS outgoing_minutes,
        min(first_call) AS first_call,
        max(last_call) AS last_call
    FROM counted
    GROUP BY number, latest_end
    HAVING sum(is_busy) >= $min_busy_days AND max(coalesce(distinct_cells, 0)) <= $max_cells
),

-- On a day with at most two cells, the two most used are all of them.
seen_cells AS (
    SELECT number, latest_end, first_cell AS cell
    FROM counted
    UNION ALL
    SELECT number, latest_end, second_cell AS cell
    FROM counted
),

window_cells AS (
    SELECT number, latest_end, count(DISTINCT cell) AS cells, min(cell) AS one_cell, max(cell) AS other_cell
    FROM seen_cells
    GROUP BY number, latest_end
    HAVING count(DISTINCT cell) <= $max_cells
),

qualifying AS (
    SELECT
        windows.*,
        cells,
        one_cell,
        other_cell,
        least(day_end, $until) AS window_end,
        60 * outgoing_minutes / calls AS average,
        CASE
            WHEN outgoing_minutes >= $critical_minutes THEN 4
            WHEN outgoing_minutes >= $high_minutes THEN 3
            WHEN outgoing_minutes >= $medium_minutes THEN 2
            ELSE 1
        END AS severity
    FROM windows
    INNER JOIN window_cells ON windows.number = window_cells.number AND windows.day_end = window_cells.latest_end
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
    0.4 * (1 - CAST(cells - 1 AS DOUBLE) / $max_cells)
    + 0.3 * (1 - $min_unique_destinations / daily_destinations)
    + 0.3 * (1 - CAST($min_busy_days AS DOUBLE) / busy_days) AS confidence,
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
    cells,
    one_cell AS cell,
    CASE WHEN cells > 1 THEN other_cell ELSE NULL END AS other_cell
FROM ranked
WHERE place = 1;
