/*
description = """
The window of rules on days: one row for each day that ends in the period, and each day of the W, in whole local days,
that ends with it.
"""
example = '{{ stretches("busy_days", latest="busy_days") }}'
adds = ["stretches"]

[arguments.days]
kind = "name"
description = "What has the days: number, day_start, day_end, and what is added up."

[arguments.latest]
kind = "name"
description = "What has the days that a stretch may end with: number, day_end."

[columns]
suspect_number = "The number."
stretch_end = "End of the latest day of the stretch; suspect_number and stretch_end name a stretch."
*/

stretches AS (
    SELECT latest.number AS suspect_number, latest.day_end AS stretch_end, days.*
    FROM {{ latest }} AS latest
    INNER JOIN {{ days }} AS days
        ON latest.number = days.number
        AND days.day_end > latest.day_end - $window
        AND days.day_end <= latest.day_end
    WHERE latest.day_end > $since
)
