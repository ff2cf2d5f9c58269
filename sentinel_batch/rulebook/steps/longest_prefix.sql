/*
description = """
Finds the numbers that begin with a listed prefix: one row for each different number that does, with the longest prefix
that fits. (Lists are joined by the lengths that their prefixes have, which are few.)
"""
example = '{{ longest_prefix("calls", "callee_number", list="watched_prefixes", into="watched_numbers") }}'
adds = ["INTO_sizes", "INTO"]

[arguments.numbers]
kind = "name"
description = "What has the numbers."

[arguments.column]
kind = "name"
description = "Its column with the number, a plus sign first."

[arguments.list]
kind = "name"
description = "The list, with a column prefix."

[arguments.into]
kind = "name"
description = "Name of the result."

[columns]
prefix = "The longest prefix on the list that the number begins with."
*/

{{ into }}_sizes AS (
    SELECT DISTINCT length(prefix) AS size FROM {{ list }}
),

-- Of several listed prefixes of one number, the longest is the greatest, too.
{{ into }} AS (
    SELECT {{ column }}, max(prefix) AS prefix
    FROM (SELECT DISTINCT {{ column }} FROM {{ numbers }}) AS numbers
    CROSS JOIN {{ into }}_sizes
    INNER JOIN {{ list }} ON substring({{ column }}, 1, size) = prefix
    GROUP BY {{ column }}
)
