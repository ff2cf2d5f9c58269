/*
description = """
Finds the numbers that a number plan rules out: those in a range that is not allocated or was withdrawn, and those of a
length that numbers of their range cannot have. Only full international numbers, a plus sign and digits, are judged. The
entries that allow the number's length go first; of these, the longest prefix that fits decides.
"""
example = '{{ unplanned_numbers("profiles", "number", plan="number_plan", into="bad_numbers") }}'
adds = ["INTO_longest", "INTO_judged", "INTO_shapes", "INTO_sizes", "INTO_entries", "INTO_bad_shapes", "INTO"]

[arguments.numbers]
kind = "name"
description = "What has the numbers."

[arguments.column]
kind = "name"
description = "Its column with the number."

[arguments.plan]
kind = "name"
description = "The list: prefix (digits), min_digits, max_digits, status (allocated, unallocated, withdrawn)."

[arguments.into]
kind = "name"
description = "Name of the result."

[columns]
number = "The number."
reason = "0: its range is not allocated, 1: its length is impossible, 2: its range was withdrawn."
*/

{{ into }}_longest AS (
    SELECT max(length(prefix)) AS longest FROM {{ plan }}
),

{{ into }}_judged AS (
    SELECT DISTINCT
        {{ column }} AS number,
        substring({{ column }}, 2, longest) AS head,
        length({{ column }}) - 1 AS digits
    FROM {{ numbers }}
    CROSS JOIN {{ into }}_longest
    WHERE starts_with({{ column }}, '+') AND TRY_CAST(substring({{ column }}, 2) AS BIGINT) IS NOT NULL
),

-- Numbers are judged by how they begin and how long they are: few different shapes, however many numbers there are.
{{ into }}_shapes AS (
    SELECT DISTINCT head, digits FROM {{ into }}_judged
),

{{ into }}_sizes AS (
    SELECT DISTINCT length(prefix) AS size FROM {{ plan }}
),

{{ into }}_entries AS (
    SELECT
        head,
        digits,
        status,
        digits BETWEEN min_digits AND max_digits AS fits,
        row_number() OVER (
            PARTITION BY head, digits
            ORDER BY
                CASE WHEN digits BETWEEN min_digits AND max_digits THEN 0 ELSE 1 END ASC NULLS LAST,
                size DESC NULLS LAST,
                status ASC NULLS LAST
        ) AS place
    FROM {{ into }}_shapes
    CROSS JOIN {{ into }}_sizes
    INNER JOIN {{ plan }} ON substring(head, 1, size) = prefix
),

{{ into }}_bad_shapes AS (
    SELECT
        shapes.head,
        shapes.digits,
        CASE WHEN NOT fits THEN 1 WHEN status = 'withdrawn' THEN 2 ELSE 0 END AS reason
    FROM {{ into }}_shapes AS shapes
    LEFT JOIN {{ into }}_entries AS entries
        ON shapes.head = entries.head AND shapes.digits = entries.digits AND place = 1
    WHERE fits IS NULL OR NOT fits OR status <> 'allocated'
),

-- (A number has one shape. Grouped, an engine expects few of them, and joins them from the right side.)
{{ into }} AS (
    SELECT number, min(reason) AS reason
    FROM {{ into }}_judged AS judged
    INNER JOIN {{ into }}_bad_shapes AS bad ON judged.head = bad.head AND judged.digits = bad.digits
    GROUP BY number
)
