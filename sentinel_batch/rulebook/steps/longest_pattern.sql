/*
description = """
Finds the codes that a list knows, where an entry of the list stands for itself, or, with a final *, for all that begin
like it: one row for each different code that is known, with the entry that fits best, the exact one first, else the
longest.
"""
example = '{{ longest_pattern("examined_calls", "trunk", list="trunks", key="trunk", into="known_trunks") }}'
adds = ["INTO_codes", "INTO_sizes", "INTO_entries", "INTO"]

[arguments.codes]
kind = "name"
description = "What has the codes."

[arguments.column]
kind = "name"
description = "Its column with the code; NULL is passed over."

[arguments.list]
kind = "name"
description = "The list."

[arguments.key]
kind = "name"
description = "The list's column with the patterns."

[arguments.into]
kind = "name"
description = "Name of the result."

[arguments.keeps]
kind = "columns"
default = []
description = "Columns of the list to keep; of equal patterns, the smallest."

[columns]
code = "The code."
*/

{{ into }}_codes AS (
    SELECT DISTINCT {{ column }} AS code FROM {{ codes }} WHERE {{ column }} IS NOT NULL
),

{{ into }}_sizes AS (
    SELECT DISTINCT length({{ key }}) - 1 AS size FROM {{ list }}
),

{{ into }}_entries AS (
    SELECT
        {{ keeps }},
        code,
        100000 AS fit
    FROM {{ into }}_codes
    INNER JOIN {{ list }} ON code = {{ key }}
    UNION ALL
    SELECT
        {{ keeps }},
        code,
        size AS fit
    FROM {{ into }}_codes
    CROSS JOIN {{ into }}_sizes
    INNER JOIN {{ list }} ON concat(substring(code, 1, size), '*') = {{ key }}
),

{{ into }} AS (
    SELECT *
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY code
                ORDER BY
                    fit DESC NULLS LAST,
                    {{ keeps.name }} ASC NULLS LAST,
                    code ASC NULLS LAST
            ) AS place
        FROM {{ into }}_entries
    ) AS entries
    WHERE place = 1
)
