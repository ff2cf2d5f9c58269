/*
description = """
The inside of sweep and sweep_calls: what enters and leaves a sliding window of each suspect, and the window's figures
from one change to the next. Rules call one of those two.
"""
adds = ["entering", "changes", "instants", "states"]

[arguments.calls]
kind = "name"
description = "What has the calls."

[arguments.by]
kind = "name"
description = "Column that holds the suspect's number."

[arguments.counting]
kind = "column"
description = "Column whose different values are counted, and what the count is called; or none."

[arguments.sums]
kind = "columns"
description = "Whole numbers that are added up."

[arguments.duration]
kind = "column"
description = "Column that holds a call's seconds, and what their sum is called; or none."

[arguments.at]
kind = "name"
description = "Column that holds a call's instant."

[arguments.window]
kind = "value"
description = "Length of the window."

[columns]
begins_at = "Instant of a change; the figures hold from then on."
ends_at = "The next change; NULL for the last state."
last_call_at = "The latest call so far."
*/

-- A call is in the window from its own instant, inclusive, to W later, exclusive. The number that it goes to (or comes
-- from) enters with it unless an earlier call of that number leaves no sooner, and leaves with it unless a later one is
-- in by then; both count the instant at which one leaves as the other enters.
entering AS (
    SELECT
        {{ by }} AS suspect_number,
        {{ duration }},
        {{ sums }},
        lag({{ at }}) OVER same_{{ counting.name }} + {{ window }} AS previous_leaves_at,
        lead({{ at }}) OVER same_{{ counting.name }} AS next_enters_at,
        {{ at }} AS enters_at,
        {{ at }} + {{ window }} AS leaves_at
    FROM {{ calls }}
    WINDOW same_{{ counting.name }} AS (PARTITION BY {{ by }}, {{ counting.column }} ORDER BY {{ at }} ASC NULLS LAST)
),

changes AS (
    SELECT
        suspect_number,
        enters_at AS happens_at,
        1 AS calls,
        {{ duration.name }},
        {{ sums.name }},
        CASE WHEN previous_leaves_at >= enters_at THEN 0 ELSE 1 END AS {{ counting.name }},
        enters_at AS called_at
    FROM entering
    UNION ALL
    SELECT
        suspect_number,
        leaves_at AS happens_at,
        -1 AS calls,
        -{{ duration.name }} AS {{ duration.name }},
        -{{ sums.name }} AS {{ sums.name }},
        CASE WHEN next_enters_at <= leaves_at THEN 0 ELSE -1 END AS {{ counting.name }},
        NULL AS called_at
    FROM entering
    WHERE leaves_at <= $until
),

-- Everything that happens at one instant happens at once.
instants AS (
    SELECT
        suspect_number,
        happens_at,
        sum(calls) AS calls,
        sum({{ duration.name }}) AS {{ duration.name }},
        sum({{ sums.name }}) AS {{ sums.name }},
        sum({{ counting.name }}) AS {{ counting.name }},
        max(called_at) AS called_at
    FROM changes
    GROUP BY suspect_number, happens_at
),

states AS (
    SELECT
        suspect_number,
        happens_at AS begins_at,
        lead(happens_at) OVER in_time AS ends_at,
        CAST(sum(calls) OVER so_far AS BIGINT) AS calls,
        CAST(sum({{ duration.name }}) OVER so_far AS BIGINT) AS {{ duration.name }},
        CAST(sum({{ sums.name }}) OVER so_far AS BIGINT) AS {{ sums.name }},
        CAST(sum({{ counting.name }}) OVER so_far AS BIGINT) AS {{ counting.name }},
        max(called_at) OVER so_far AS last_call_at
    FROM instants
    WINDOW
        in_time AS (PARTITION BY suspect_number ORDER BY happens_at ASC NULLS LAST),
        so_far AS (
            PARTITION BY suspect_number ORDER BY happens_at ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
)
