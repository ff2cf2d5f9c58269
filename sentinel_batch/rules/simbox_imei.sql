/*
id = "SIMBOX_IMEI"
name = "Many SIMs in one device, or one SIM in many"
alert_type = "SIMBOX"
version = "1.0"
weight = 0.6

description = """
A SIM bank lends its SIMs to the channels of one or several gateways: several numbers call from one device (IMEI), or,
where the gateway invents its IMEIs, one number from several devices. Two numbers in turn in one device are nothing: a
handset with a second SIM, or a SIM swap.

The rule looks at W, whole local days, that ends with a day in the examined period. It flags every number that called
from a device from which at least A numbers called in W, and every number that called from at least B devices in W; the
last day of W is one on which the number did. A number counts on a day on which it made at least N calls, so that a shop
that tries SIMs out in one handset does not count. W is in local days, and not in hours that slide, because a day is
what an analyst checks in the handset register; a bank that changes SIMs at midnight only is found with W = 2d.

Devices are told apart by the first 14 digits of the IMEI; check digit and software version follow. Ignored are values
that are not 14 to 16 digits, repeat one digit, belong to test equipment (they begin with 00), or are on the list of
ignored devices. Copied IMEIs of counterfeit handsets are ignored too: devices with more than M numbers in W, and shared
devices whose numbers are all over the place, that is, make most calls of the day in more than F different cells per
number. A bank stands in one place.
"""

nulls = """
A call without IMEI (NULL) is ignored, and a feed without IMEIs gives no finding. Where no cell is known, a
device is not taken for copied, and the confidence is that of devices in very many cells.
"""

source = """
Starting values of the project's rule catalogue (3 numbers, 3 IMEIs, a day). Many SIMs to one IMEI as a mark of SIM
boxes: Murynets, Zabarankin, Piqueras Jover and Panagia, Analysis and Detection of SIMbox Fraud in Mobility Networks,
IEEE INFOCOM 2014. Layout of the IMEI: GSMA TS.06, IMEI Allocation and Approval Process. N, M and F are this
project's choice; F of a half separates the copied IMEIs of a simulated population (12 to 14 cells for 15 numbers) from
its SIM banks (one cell).
"""

remediation = """
Look up the IMEI: is it a gateway or modem model, or a handset that was never sold here? Look at all of its numbers
(the details of the finding): same cell, one active after the other, registered on the same day? Block the device in the
equipment register, and all of its numbers. Look alikes: repair shops, families that share a handset, dealers who
activate SIMs, counterfeit handsets with copied IMEIs (many numbers in many cells), a reviewer's collection of phones.
"""

severity = """
Size of the device: how many numbers called from it, or from how many devices the number called, whichever is more.
Gateways are sold with 4, 8, 16 and more SIM slots.
CRITICAL: at least 16.
HIGH: at least 8.
MEDIUM: at least 5.
LOW: every other finding.
"""

confidence = """
Half of it is how far the evidence lies beyond its threshold (1 - A / numbers, or 1 - B / devices, the larger one), half
is 1 / cells, with the number of cells from which most calls of the device's numbers (or, for B, the calls of the
number) were made: a bank stands in one. It is not a probability. Weight 0.6: few honest uses keep three active SIMs in
one device, but copied IMEIs are common in some markets.
"""

summary = """
{suspect_number} shares the device {imei} with {other_numbers} other number(s), and called from {imeis_of_number} \
device(s), within {window} (until {window_end:%Y-%m-%d %H:%M} UTC; {cells} cell(s))."""

[parameters.window]
type = "duration"
default = "24h"
min = "24h"
max = "28d"
description = "Length W of the stretch that is looked at, in whole local days."

[parameters.min_numbers]
type = "integer"
default = 3
min = 2
max = 1000
unit = "numbers"
description = "Threshold A: at least so many numbers call from one device."

[parameters.min_imeis]
type = "integer"
default = 3
min = 2
max = 1000
unit = "devices"
description = "Threshold B: one number calls from at least so many devices."

[parameters.min_calls]
type = "integer"
default = 5
min = 1
max = 100000
unit = "calls"
description = "Minimum sample N: a number counts on a day with at least so many calls."

[parameters.max_numbers]
type = "integer"
default = 100
min = 2
max = 1000000
unit = "numbers"
description = "Limit M: a device with more numbers is a copied IMEI."

[parameters.max_cells_per_number]
type = "real"
default = 0.5
min = 0.001
max = 1.0
unit = "cells per number"
description = "Limit F: a device that is shared by A or more numbers in more cells than this is a copied IMEI."

[lists.ignored_devices]
columns = ["device"]
default = ["01234567891234", "12345678901234", "35000000000000", "86000000000000"]
description = "First 14 digits of IMEIs that are no device: placeholders. Add those of your own test phones."

[constants]
critical_size = 16
high_size = 8
medium_size = 5
*/

-- query: sliding
WITH
active_days AS (
    SELECT
        number,
        day_start,
        day_end,
        call_count,
        unique_callees,
        new_callees,
        total_minutes,
        distinct_cells,
        first_cell,
        imei_count,
        top_imei,
        first_call,
        last_call
    FROM profiles
    WHERE imei_count > 0 AND call_count >= $min_calls
),

-- A profile names one device: where it is the only one of the day, that is all. The few other days need the calls.
used_imeis AS (
    SELECT number, day_end, top_imei AS imei
    FROM active_days
    WHERE imei_count = 1
    UNION ALL
    SELECT DISTINCT active_days.number, active_days.day_end, examined.imei
    FROM examined_calls AS examined
    INNER JOIN active_days
        ON examined.caller_number = active_days.number
        AND examined.call_timestamp >= active_days.day_start
        AND examined.call_timestamp < active_days.day_end
    WHERE active_days.imei_count > 1
),

-- A number of 14 digits is divisible by 11111111111111 just if it repeats one digit.
uses AS (
    SELECT DISTINCT number, day_end, substring(imei, 1, 14) AS device
    FROM used_imeis
    WHERE length(imei) BETWEEN 14 AND 16
        AND NOT starts_with(imei, '00')
        AND try_cast(imei AS BIGINT) > 0
        AND try_cast(substring(imei, 1, 14) AS BIGINT) % 11111111111111 <> 0
        AND substring(imei, 1, 14) NOT IN (SELECT device FROM ignored_devices)
),

shared_devices AS (
    SELECT device
    FROM uses
    GROUP BY device
    HAVING count(DISTINCT number) >= $min_numbers
),

changing_numbers AS (
    SELECT number
    FROM uses
    GROUP BY number
    HAVING count(DISTINCT device) >= $min_imeis
),

possible_devices AS (
    SELECT device FROM shared_devices
    UNION ALL
    SELECT device
    FROM uses
    INNER JOIN changing_numbers ON uses.number = changing_numbers.number
),

possible_uses AS (
    SELECT uses.number, uses.day_end, uses.device, active_days.first_cell
    FROM uses
    INNER JOIN active_days ON uses.number = active_days.number AND uses.day_end = active_days.day_end
    WHERE uses.device IN (SELECT device FROM possible_devices)
),

latest_days AS (
    SELECT DISTINCT day_end AS latest_end FROM possible_uses WHERE day_end > $since
),

-- One row for each day in the period and each use of the W that ends with it.
counted AS (
    SELECT latest_days.latest_end, possible_uses.*
    FROM latest_days
    INNER JOIN possible_uses
        ON possible_uses.day_end > latest_days.latest_end - $window
        AND possible_uses.day_end <= latest_days.latest_end
),

device_sizes AS (
    SELECT latest_end, device, count(DISTINCT number) AS numbers, count(DISTINCT first_cell) AS cells
    FROM counted
    GROUP BY latest_end, device
    HAVING count(DISTINCT number) <= $max_numbers
        AND (
            count(DISTINCT number) < $min_numbers
            OR count(DISTINCT first_cell) <= $max_cells_per_number * count(DISTINCT number)
        )
),

number_sizes AS (
    SELECT latest_end, number, count(DISTINCT device) AS devices
    FROM latest_days
    INNER JOIN uses ON uses.day_end > latest_days.latest_end - $window AND uses.day_end <= latest_days.latest_end
    WHERE number IN (SELECT number FROM possible_uses)
    GROUP BY latest_end, number
),

-- The device of a number that most other numbers share.
own_devices AS (
    SELECT
        counted.latest_end,
        counted.number,
        counted.device,
        device_sizes.numbers,
        device_sizes.cells,
        row_number() OVER (
            PARTITION BY counted.latest_end, counted.number
            ORDER BY device_sizes.numbers DESC NULLS LAST, counted.device ASC NULLS LAST
        ) AS place
    FROM counted
    INNER JOIN device_sizes
        ON counted.latest_end = device_sizes.latest_end AND counted.device = device_sizes.device
    WHERE counted.day_end = counted.latest_end
),

suspects AS (
    SELECT own_devices.latest_end, own_devices.number, device, numbers, devices, cells
    FROM own_devices
    INNER JOIN number_sizes
        ON own_devices.latest_end = number_sizes.latest_end AND own_devices.number = number_sizes.number
    WHERE place = 1 AND (numbers >= $min_numbers OR devices >= $min_imeis)
),

windows AS (
    SELECT
        suspects.number,
        suspects.latest_end AS day_end,
        device,
        numbers,
        devices,
        max(CASE WHEN numbers >= $min_numbers THEN cells ELSE distinct_cells END) AS cells,
        min(days.day_start) AS window_start,
        CAST(sum(days.call_count) AS BIGINT) AS calls,
        CAST(greatest(max(days.unique_callees), sum(coalesce(days.new_callees, 0))) AS BIGINT) AS destinations,
        sum(days.total_minutes) AS outgoing_minutes,
        min(days.first_call) AS first_call,
        max(days.last_call) AS last_call
    FROM suspects
    INNER JOIN active_days AS days
        ON suspects.number = days.number
        AND days.day_end > suspects.latest_end - $window
        AND days.day_end <= suspects.latest_end
    GROUP BY suspects.number, suspects.latest_end, device, numbers, devices
),

qualifying AS (
    SELECT
        *,
        least(day_end, $until) AS window_end,
        60 * outgoing_minutes / calls AS average,
        greatest(
            1 - CAST($min_numbers AS DOUBLE) / numbers,
            1 - CAST($min_imeis AS DOUBLE) / devices
        ) AS excess,
        CASE
            WHEN greatest(numbers, devices) >= $critical_size THEN 4
            WHEN greatest(numbers, devices) >= $high_size THEN 3
            WHEN greatest(numbers, devices) >= $medium_size THEN 2
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
    0.5 * excess + 0.5 * coalesce(1 / CAST(nullif(cells, 0) AS DOUBLE), 0) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    window_start,
    window_end,
    episode_start,
    episode_end,
    first_seen,
    least(last_seen, $until) AS last_seen,
    device AS imei,
    numbers - 1 AS other_numbers,
    devices AS imeis_of_number,
    nullif(cells, 0) AS cells,
    outgoing_minutes
FROM ranked
WHERE place = 1;

-- query: details
WITH
uses AS (
    SELECT
        number,
        substring(top_imei, 1, 14) AS device,
        CAST(sum(call_count) AS BIGINT) AS calls,
        min(first_cell) AS cell,
        min(first_call) AS first_call,
        max(last_call) AS last_call
    FROM profiles
    WHERE length(top_imei) BETWEEN 14 AND 16 AND call_count >= $min_calls
    GROUP BY number, substring(top_imei, 1, 14)
),

shared_devices AS (
    SELECT device
    FROM uses
    GROUP BY device
    HAVING count(*) BETWEEN $min_numbers AND $max_numbers
)

-- The numbers that mostly used the same device as the suspect.
SELECT
    suspects.number AS suspect_number,
    uses.device AS imei,
    uses.number AS other_number,
    uses.calls,
    uses.cell,
    uses.first_call,
    uses.last_call
FROM uses
INNER JOIN shared_devices ON uses.device = shared_devices.device
INNER JOIN uses AS suspects ON uses.device = suspects.device AND uses.number <> suspects.number;
