/*
description = """
Counts the calls of each suspect in tiles of the time axis that are one second longer than a window. A window touches at
most two tiles, so that one of them holds at least half of its calls. Prune with it: whoever has no tile with half of
what is needed cannot have a window with all of it.
"""
example = '{{ tiles("short_calls") }}'
adds = ["tiles"]

[arguments.calls]
kind = "name"
description = "What has the calls."

[arguments.sums]
kind = "columns"
default = []
description = "Numbers of a call, none below 0, that are added up."

[arguments.by]
kind = "name"
default = "caller_number"
description = "Column that holds the suspect's number."

[arguments.length]
kind = "value"
default = "$window_seconds + 1"
description = "Length of a tile: one second more than that of the window."

[columns]
tile = "Number of the tile."
calls = "Number of calls in it."
*/

tiles AS (
    SELECT
        {{ by }},
        {{ tile(length) }} AS tile,
        sum({{ sums.column }}) AS {{ sums.name }},
        count(*) AS calls
    FROM {{ calls }}
    GROUP BY {{ by }}, {{ tile(length) }}
)
