/*
description = """
One row for each episode: its worst window, with the bounds of the episode, and with the suspect's first and last call
in it. The first call is looked up among the calls that were swept.
"""
example = '{{ worst("calls") }}'
adds = ["ranked", "first_calls", "evidence"]

[arguments.calls]
kind = "name"
description = "What was swept."

[arguments.order]
kind = "order"
default = ["severity DESC", "destinations DESC", "average ASC"]
description = "What makes a window worse; of equals, the earliest."

[arguments.by]
kind = "name"
default = "caller_number"
description = "Column of the calls that holds the suspect's number."

[arguments.at]
kind = "name"
default = "call_timestamp"
description = "Column that holds a call's instant."

[arguments.first]
kind = "name"
default = "call_timestamp"
description = "Column whose smallest value is the first call."

[columns]
episode_start = "Beginning of the episode's first window."
episode_end = "When the last of its windows ceases to hold."
first_seen = "The suspect's first call in the episode."
last_seen = "The suspect's last call in the episode."
*/

{{ ranking(order, none) }},

first_calls AS (
    SELECT ranked.suspect_number, ranked.episode, min({{ calls }}.{{ first }}) AS first_seen
    FROM ranked
    INNER JOIN {{ calls }}
        ON ranked.suspect_number = {{ calls }}.{{ by }} AND {{ after(calls, at, "ranked.episode_start") }}
    WHERE ranked.place = 1
    GROUP BY ranked.suspect_number, ranked.episode
),

evidence AS (
    SELECT ranked.*, first_calls.first_seen
    FROM ranked
    INNER JOIN first_calls
        ON ranked.suspect_number = first_calls.suspect_number AND ranked.episode = first_calls.episode
    WHERE ranked.place = 1
)
