WITH
active_days AS (
    SELECT * FROM profiles WHERE day_start < $until AND imei_count > 0 AND call_count >= $min_calls
),

{{ device_uses("active_days", ignored="ignored_devices") }},

possible_uses AS (
    SELECT *
    FROM uses
    WHERE device IN (SELECT device FROM uses GROUP BY device HAVING count(DISTINCT number) >= $min_numbers)
        OR device IN (
            SELECT device
            FROM uses
            WHERE number IN (SELECT number FROM uses GROUP BY number HAVING count(DISTINCT device) >= $min_imeis)
        )
),

-- One row for each day in the period and each use of the W that ends with it.
latest_days AS (
    SELECT DISTINCT day_end AS latest_end FROM possible_uses WHERE day_end > $since
),

counted AS (
    SELECT latest_end, possible_uses.*
    FROM latest_days
    INNER JOIN possible_uses ON day_end > latest_end - $window AND day_end <= latest_end
),

{{ one_way_numbers("active_days", latest="latest_days") }},

device_sizes AS (
    SELECT
        counted.latest_end,
        device,
        count(DISTINCT counted.number) AS numbers,
        count(DISTINCT mine.number) AS one_way,
        count(DISTINCT first_cell) AS cells
    FROM counted
    LEFT JOIN one_way_numbers AS mine ON counted.latest_end = mine.latest_end AND counted.number = mine.number
    GROUP BY counted.latest_end, device
    HAVING count(DISTINCT counted.number) <= $max_numbers
        AND (
            count(DISTINCT counted.number) < $min_numbers
            OR count(DISTINCT mine.number) >= $min_one_way * count(DISTINCT counted.number)
        )
),

number_sizes AS (
    SELECT latest_end, number, count(DISTINCT device) AS devices
    FROM latest_days
    INNER JOIN uses ON day_end > latest_end - $window AND day_end <= latest_end
    WHERE number IN (SELECT number FROM possible_uses)
    GROUP BY latest_end, number
),

-- The device of a number that most other numbers share.
own_devices AS (
    SELECT
        *,
        {{ place(["numbers DESC", "device ASC"], within=["latest_end", "number"]) }} AS place
    FROM counted
    INNER JOIN device_sizes USING (latest_end, device)
    INNER JOIN number_sizes USING (latest_end, number)
    WHERE day_end = latest_end
),

suspects AS (
    SELECT * FROM own_devices WHERE place = 1 AND (numbers >= $min_numbers OR devices >= $min_imeis)
),

{{ stretches("active_days", latest="suspects") }},

windows AS (
    SELECT
        {{ stretch_figures() }},
        device,
        numbers,
        one_way,
        devices,
        nullif(max(CASE WHEN numbers >= $min_numbers THEN cells ELSE distinct_cells END), 0) AS cells
    FROM stretches
    INNER JOIN suspects ON suspect_number = suspects.number AND stretch_end = suspects.day_end
    GROUP BY suspect_number, stretch_end, device, numbers, one_way, devices
),

qualifying AS (
    SELECT
        *,
        numbers - 1 AS other_numbers,
        {{ severity() }} AS severity,
        0.5 * greatest(1 - CAST($min_numbers AS DOUBLE) / numbers, 1 - CAST($min_imeis AS DOUBLE) / devices)
        + 0.5 * CAST(one_way AS DOUBLE) / numbers AS confidence
    FROM windows
),

{{ episodes() }},
{{ worst_dated() }}
{{ findings(["device AS imei", "other_numbers", "one_way AS one_way_numbers", "devices AS imeis_of_number", "cells", "outgoing_minutes"]) }};

-- query: details
-- The numbers that mostly used the same device as the suspect.
WITH
main_devices AS (
    SELECT
        number,
        substring(top_imei, 1, 14) AS imei,
        CAST(sum(call_count) AS BIGINT) AS calls,
        min(first_cell) AS cell,
        min(first_call) AS first_call,
        max(last_call) AS last_call
    FROM profiles
    WHERE day_start < $until AND length(top_imei) BETWEEN 14 AND 16 AND call_count >= $min_calls
    GROUP BY number, substring(top_imei, 1, 14)
)

SELECT mine.number AS suspect_number, others.imei, others.number AS other_number, calls, cell, first_call, last_call
FROM main_devices AS others
INNER JOIN (SELECT number, imei FROM main_devices) AS mine ON others.imei = mine.imei AND others.number <> mine.number
WHERE mine.imei IN (SELECT imei FROM main_devices GROUP BY imei HAVING count(*) BETWEEN $min_numbers AND $max_numbers);
