/*
description = """
Bursts of one ring and cut: the windows that end with a call, go to at least N different numbers, have at least a share
Q of calls that were cut (not answered, or at most S seconds long), and whose caller is a stranger to its callees: on
the local day of the last call, at least a share of them had never been called by it before. WANGIRI_BURST reports them,
WANGIRI_CALLBACK looks for those who call back.
"""
example = '{{ bursts("$burst", length="3601", since="$since - $window") }}'
adds = [
    "day_pairs", "busy_numbers", "busy_calls", "tiles", "possible_callers", "calls", "entering", "changes", "instants",
    "states", "windows", "bursts",
]
binds = ["min_destinations", "min_quiet_share", "max_quiet_seconds", "min_new_callee_share", "min_history_days"]

[arguments.window]
kind = "value"
description = "Length of a burst, at most an hour."

[arguments.length]
kind = "value"
description = "Seconds in it, and one more."

[arguments.since]
kind = "value"
default = "$since"
description = "Only bursts that end after it count."

[columns]
quiet = "Calls of the window that were cut; is_quiet in busy_calls."
new_callee_share = "Share of the day's callees that had never been called by the number before."
history_days = "Days of calls in the lake before that day."
*/

-- Prune, coarsely. A window touches at most two local days, which together have its N destinations, and its cut calls;
-- a cut call is not completed, or completed and at most 6 seconds long (S is at most 6).
{{ day_pairs(["unique_callees", "call_count", "completed_calls", "short_calls"]) }},

busy_numbers AS (
    SELECT DISTINCT number
    FROM day_pairs
    WHERE unique_callees >= $min_destinations
        AND call_count - completed_calls + short_calls >= $min_quiet_share * $min_destinations
),

busy_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        duration_seconds,
        CASE WHEN {{ completed() }} AND duration_seconds > $max_quiet_seconds THEN 0 ELSE 1 END AS is_quiet
    FROM examined_calls
    INNER JOIN busy_numbers ON examined_calls.caller_number = busy_numbers.number
),

-- Prune, finely.
{{ tiles("busy_calls", ["is_quiet"], length=length) }},

possible_callers AS (
    SELECT caller_number
    FROM tiles
    GROUP BY caller_number
    HAVING 2 * max(calls) >= $min_destinations AND 2 * max(is_quiet) >= $min_quiet_share * $min_destinations
),

calls AS (
    SELECT busy_calls.*
    FROM busy_calls
    INNER JOIN possible_callers ON busy_calls.caller_number = possible_callers.caller_number
),

{{ sweep_calls("calls", sums=["is_quiet AS quiet"], window=window, since=since) }},

-- There is a profile of the day of every call.
bursts AS (
    SELECT windows.*, new_callee_share, history_days
    FROM windows
    LEFT JOIN profiles
        ON windows.suspect_number = profiles.number AND window_end >= day_start AND window_end < day_end
    WHERE destinations >= $min_destinations
        AND quiet >= $min_quiet_share * calls
        AND (coalesce(history_days, 0) < $min_history_days OR new_callee_share >= $min_new_callee_share)
)
