/*
description = """
As sweep, but only the windows (t - W, t] that end with a call: for rules that ask how much has come together by now, of
which a call can only add to.
"""
example = '{{ sweep_calls("watched_calls", counting=none) }}'
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

[arguments.since]
kind = "value"
default = "$since"
description = "Only windows that end after it count: the beginning of the period, unless earlier ones are of interest."

[columns]
suspect_number = "Whose calls they are."
window_start = "W before window_end."
window_end = "The instant of the call."
lasts_until = "The same."
last_call_at = "The same."
calls = "Number of calls in the window."
seconds = "Their seconds, unless duration is none; called as it says."
average = "Seconds a call, as a fraction; compare seconds with calls where a threshold must be exact."
destinations = "Number of different values counted, unless counting is none; called as it says."
*/

{{ slide(calls, by, counting, sums, duration, at, window) }},

windows AS (
    SELECT
        suspect_number,
        begins_at - {{ window }} AS window_start,
        begins_at AS window_end,
        begins_at AS lasts_until,
        last_call_at,
        {{ duration.name }},
        CAST({{ duration.name }} AS DOUBLE) / calls AS average,
        {{ sums.name }},
        {{ counting.name }},
        calls
    FROM states
    WHERE last_call_at = begins_at AND begins_at > {{ since }}
)
