/*
description = """
Callers whose attempts may fail too often in some window, whether by ASR or by ACD. Prune with it before sweeping.
"""
example = '{{ failing_callers("attempts") }}'
adds = ["weak_attempts", "tiles", "tile_pairs", "weak_callers", "credits", "sixths", "window_bounds", "possible_callers"]
binds = ["min_attempts", "max_asr", "max_acd"]

[arguments.attempts]
kind = "name"
description = "What has the attempts: completed (1 or 0), talked (seconds, 0 if not completed), duration_seconds."

[columns]
caller_number = "The caller."
*/

-- Prune, coarsely. Call an attempt weak if it was not completed, or was but lasted less than 2 B. With an ASR below A
-- more than 1 - A of a window's attempts are weak, and with an ACD below B more than half of its completed calls are
-- (Markov's inequality), so more than half of its attempts.
weak_attempts AS (
    SELECT * FROM {{ attempts }} WHERE completed = 0 OR duration_seconds < 2 * CAST(ceil($max_acd) AS BIGINT)
),

{{ tiles("weak_attempts") }},
{{ tile_pairs() }},

weak_callers AS (
    SELECT caller_number FROM tile_pairs WHERE calls > least(0.5, 1 - $max_asr) * $min_attempts
),

-- Prune, finely. A call's credit against the ASR is A, less 1 if it was completed; against the ACD it is B less its
-- seconds, if it was completed. In a qualifying window the credits of one kind add up to more than 0.
credits AS (
    SELECT
        *,
        $max_asr - completed AS asr_credit,
        CAST(ceil($max_acd) AS BIGINT) * completed - talked AS acd_credit
    FROM {{ attempts }}
    WHERE caller_number IN (SELECT caller_number FROM weak_callers)
),

{{ window_bounds("credits", ["asr_credit", "acd_credit"]) }},

possible_callers AS (
    SELECT caller_number FROM window_bounds WHERE calls >= $min_attempts AND (asr_credit > 0 OR acd_credit > 0)
)
