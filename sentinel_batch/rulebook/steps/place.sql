/*
description = "Number of a row among those of its group, from 1: the first in an order that leaves nothing to chance."
example = '{{ place(["count(*) DESC", "prefix ASC"], within=["suspect_number", "episode"]) }} AS place'

[arguments.order]
kind = "order"
description = "What comes first; NULLs come last."

[arguments.within]
kind = "columns"
description = "Columns that name a group."
*/

row_number() OVER (PARTITION BY {{ within.list }} ORDER BY {{ order.list }})
