/*
description = "As worst, for windows that know their own first call: one row for each episode."
example = "{{ worst_dated() }}"
adds = ["ranked", "evidence"]

[arguments.order]
kind = "order"
default = ["severity DESC", "destinations DESC", "average ASC"]
description = "What makes a window worse; of equals, the earliest."

[arguments.first_call]
kind = "name"
default = "first_call_at"
description = "Column with the first call of a window."

[columns]
episode_start = "Beginning of the episode's first window."
episode_end = "When the last of its windows ends."
first_seen = "The suspect's first call in the episode."
last_seen = "The suspect's last call in the episode."
*/

{{ ranking(order, first_call) }},

evidence AS (
    SELECT * FROM ranked WHERE place = 1
)
