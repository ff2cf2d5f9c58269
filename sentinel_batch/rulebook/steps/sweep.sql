/*
description = """
Slides a window of length W over the calls of each suspect, exactly: one row for each state, that is, for each stretch
of time in the period through which the calls of the window (t - W, t] are the same. So every instant t counts, and not
only those at which somebody calls. A state that is carried into the period counts from its beginning, the last one
lasts to its end.
"""
example = '{{ sweep("calls", sums=["short_calls"]) }}'
adds = ["entering", "changes", "instants", "states", "windows"]

[arguments.calls]
kind = "name"
description = "What has the calls: a name of the query's WITH, or examined_calls."

[arguments.by]
kind = "name"
default = "caller_number"
description = "Column that holds the suspect's number."

[arguments.counting]
kind = "column"
default = "callee_number AS destinations"
description = "Column whose different values are counted, and what the count is called; or none."

[arguments.sums]
kind = "columns"
default = []
description = "Whole numbers of a call that are added up, such as 1 for a call that was cut and 0 for another one."

[arguments.duration]
kind = "column"
default = "duration_seconds AS seconds"
description = "Column that holds a call's seconds, and what their sum is called; or none."

[arguments.at]
kind = "name"
default = "call_timestamp"
description = "Column that holds a call's instant."

[arguments.window]
kind = "value"
default = "$window"
description = "Length W of the window."

[columns]
suspect_number = "Whose calls they are."
window_start = "W before window_end."
window_end = "The state's first instant in the period."
lasts_until = "When the state ends: the next change, or the period's end."
last_call_at = "The latest call so far."
calls = "Number of calls in the window."
seconds = "Their seconds, unless duration is none; called as it says."
average = "Seconds a call, as a fraction; compare seconds with calls where a threshold must be exact."
destinations = "Number of different values counted, unless counting is none; called as it says."
*/

{{ slide(calls, by, counting, sums, duration, at, window) }},

windows AS (
    SELECT
        suspect_number,
        greatest(begins_at, $since) - {{ window }} AS window_start,
        greatest(begins_at, $since) AS window_end,
        coalesce(ends_at, $until) AS lasts_until,
        last_call_at,
        {{ duration.name }},
        CAST({{ duration.name }} AS DOUBLE) / nullif(calls, 0) AS average,
        {{ sums.name }},
        {{ counting.name }},
        calls
    FROM states
    WHERE ends_at > $since OR ends_at IS NULL
)
