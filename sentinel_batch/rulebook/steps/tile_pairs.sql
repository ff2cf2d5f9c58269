/*
description = """
Adds up each tile and the one after it, where there is one: the two tiles that a window touches at most. Prunes more
callers than tiles alone, for more work.
"""
example = "{{ tile_pairs() }}"
adds = ["tile_pairs"]

[arguments.sums]
kind = "columns"
default = []
description = "Columns of tiles that are added up, besides calls."

[arguments.by]
kind = "name"
default = "caller_number"
description = "Column that holds the suspect's number."

[columns]
calls = "Number of calls in both tiles."
*/

tile_pairs AS (
    SELECT
        {{ by }},
        sum({{ sums.name }}) OVER two_tiles AS {{ sums.name }},
        sum(calls) OVER two_tiles AS calls
    FROM tiles
    WINDOW two_tiles AS (
        PARTITION BY {{ by }} ORDER BY tile ASC NULLS LAST RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING
    )
)
