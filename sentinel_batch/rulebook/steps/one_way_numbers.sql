/*
description = """
Numbers that lead no life of their own: in the W that ends with a day, they are hardly called, and, where the lake has the
history to tell, they mostly call people whom they never called before. A person with a copied handset is called back and
has friends; a SIM in a bank has neither, wherever its antenna stands.
"""
example = '{{ one_way_numbers("active_days", latest="latest_days") }}'
adds = ["one_way_numbers"]
binds = ["max_incoming_share", "min_new_share", "min_history_days"]

[arguments.days]
kind = "name"
description = "What has the days: rows of profiles."

[arguments.latest]
kind = "name"
description = "What has the days that a W ends with: latest_end."

[columns]
latest_end = "End of the W."
number = "The number."
*/

one_way_numbers AS (
    SELECT latest_end, number
    FROM {{ latest }}
    INNER JOIN {{ days }} ON day_end > latest_end - $window AND day_end <= latest_end
    GROUP BY latest_end, number
    HAVING sum(incoming_calls) <= $max_incoming_share * sum(call_count)
        AND sum(CASE WHEN history_days >= $min_history_days THEN new_callees ELSE 0 END)
        >= $min_new_share * sum(CASE WHEN history_days >= $min_history_days THEN unique_callees ELSE 0 END)
)
