/*
description = """
Distance of two points in km, along a great circle: the haversine formula on a sphere with the earth's mean radius of
6371 km (R. W. Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984).
"""
example = '{{ great_circle("latitude", "longitude", "previous_latitude", "previous_longitude") }} AS distance_km'

[arguments.latitude]
kind = "column"
description = "Of the one point, in degrees."

[arguments.longitude]
kind = "column"
description = "Of the one point, in degrees."

[arguments.other_latitude]
kind = "column"
description = "Of the other point, in degrees."

[arguments.other_longitude]
kind = "column"
description = "Of the other point, in degrees."
*/

2 * 6371 * asin(
    least(
        1,
        sqrt(
            power(sin(radians({{ latitude }} - {{ other_latitude }}) / 2), 2)
            + cos(radians({{ other_latitude }})) * cos(radians({{ latitude }}))
            * power(sin(radians({{ longitude }} - {{ other_longitude }}) / 2), 2)
        )
    )
)
