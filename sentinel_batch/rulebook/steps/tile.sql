/*
description = "Number of the tile of the time axis in which a call begins, for tiles of a given number of whole seconds."
example = '{{ tile("$window_seconds + 1") }} AS tile'

[arguments.seconds]
kind = "value"
description = "Length of a tile."

[arguments.at]
kind = "name"
default = "call_timestamp"
description = "Column that holds the call's instant."
*/

CAST(floor(floor(epoch({{ at }})) / ({{ seconds }})) AS BIGINT)
