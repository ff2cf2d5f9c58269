/*
description = """
What the calls of a window can add up to at most, finely. Time is cut into tiles of a sixth of W. A window that ends in
tile k contains the tiles k-5 to k-1 whole, parts of k, k-6 and k-7, and nothing else (W is at least a minute, or k-7
would not be enough). So a sum over it is at most the whole sum over the former plus the sum of what is positive in the
latter. One row for each suspect and tile in which a window may end.
"""
example = '{{ window_bounds("credits", ["credit"]) }}'
adds = ["sixths", "window_bounds"]

[arguments.calls]
kind = "name"
description = "What has the calls."

[arguments.sums]
kind = "columns"
default = []
description = "Numbers of a call, below 0 too, that are added up."

[arguments.by]
kind = "name"
default = "caller_number"
description = "Column that holds the suspect's number."

[columns]
calls = "Number of calls, at most."
*/

sixths AS (
    SELECT
        {{ by }},
        {{ tile("floor($window_seconds / 6)") }} AS tile,
        sum({{ sums.column }}) AS {{ sums.name }},
        sum(greatest({{ sums.column }}, 0)) AS positive_{{ sums.name }},
        count(*) AS calls
    FROM {{ calls }}
    GROUP BY {{ by }}, {{ tile("floor($window_seconds / 6)") }}
),

window_bounds AS (
    SELECT
        {{ by }},
        sum(CASE WHEN later IN (0, 6, 7) THEN positive_{{ sums.name }} ELSE {{ sums.name }} END) AS {{ sums.name }},
        sum(calls) AS calls
    FROM sixths
    CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7)) AS tiles (later)
    GROUP BY {{ by }}, tile + later
)
