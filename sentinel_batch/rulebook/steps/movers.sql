/*
description = """
The numbers that may have been in two places farther apart than D, from their profiles. Two points are at most 111.2 km
apart for each degree of sqrt(latitudes^2 + longitudes^2) between them: a number that stays in a box whose diagonal is
less than D is out; a third cell of a day may lie anywhere. If, of the days with two known cells, at least 30 in all,
more than a share F has them farther apart than D, cells do not tell places, and nobody is left.
"""
example = '{{ movers(places="places") }}'
adds = ["days", "far_days", "movers"]
binds = ["min_distance", "max_far_share"]

[arguments.places]
kind = "name"
description = "What has the known cells: code, latitude, longitude."

[columns]
number = "The number."
*/

days AS (
    SELECT
        number,
        distinct_cells,
        least(first_place.latitude, second_place.latitude) AS south,
        greatest(first_place.latitude, second_place.latitude) AS north,
        least(first_place.longitude, second_place.longitude) AS west,
        greatest(first_place.longitude, second_place.longitude) AS east,
        first_place.code IS NOT NULL AND second_place.code IS NOT NULL AS has_two
    FROM profiles
    LEFT JOIN {{ places }} AS first_place ON profiles.first_cell = first_place.code
    LEFT JOIN {{ places }} AS second_place ON profiles.second_cell = second_place.code
),

far_days AS (
    SELECT
        sum(CASE WHEN has_two THEN 1 ELSE 0 END) AS two_cells,
        sum(
            CASE
                WHEN has_two AND 111.2 * sqrt(power(north - south, 2) + power(east - west, 2)) > $min_distance THEN 1
                ELSE 0
            END
        ) AS far
    FROM days
),

movers AS (
    SELECT number
    FROM days
    CROSS JOIN far_days
    WHERE two_cells < 30 OR far <= $max_far_share * two_cells
    GROUP BY number
    HAVING max(distinct_cells) > 2
        OR 111.2 * sqrt(power(max(north) - min(south), 2) + power(max(east) - min(west), 2)) > $min_distance
)
