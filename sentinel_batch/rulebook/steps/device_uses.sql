/*
description = """
Which number called from which device on which day. A device is the first 14 digits of an IMEI; check digit and software
version follow. Left out are values that are no IMEI (not 14 to 16 digits, one digit repeated, 00 first as in test
equipment) and the devices on a list. A profile names one device: where it is the only one of the day, that is all. The
few other days need the calls.
"""
example = '{{ device_uses("active_days", ignored="ignored_devices") }}'
adds = ["used_imeis", "uses"]

[arguments.days]
kind = "name"
description = "What has the days: rows of profiles."

[arguments.ignored]
kind = "name"
description = "A list with a column device."

[columns]
number = "The number."
day_end = "End of the day."
first_cell = "The cell in which most of the number's calls of that day began."
device = "The device."
*/

used_imeis AS (
    SELECT number, day_end, first_cell, top_imei AS imei
    FROM {{ days }}
    WHERE imei_count = 1
    UNION ALL
    SELECT DISTINCT number, day_end, first_cell, imei
    FROM examined_calls
    INNER JOIN {{ days }} ON caller_number = number AND call_timestamp >= day_start AND call_timestamp < day_end
    WHERE imei_count > 1
),

-- A number of 14 digits is divisible by 11111111111111 just if it repeats one digit.
uses AS (
    SELECT DISTINCT number, day_end, first_cell, substring(imei, 1, 14) AS device
    FROM used_imeis
    WHERE length(imei) BETWEEN 14 AND 16
        AND NOT starts_with(imei, '00')
        AND TRY_CAST(imei AS BIGINT) > 0
        AND TRY_CAST(substring(imei, 1, 14) AS BIGINT) % 11111111111111 <> 0
        AND substring(imei, 1, 14) NOT IN (SELECT device FROM {{ ignored }})
)
