/*
id = "SEQ_DIAL"
name = "Numbers dialled one after another"
alert_type = "NUMBER_SWEEP"
version = "1.0"
weight = 0.7

summary = """
{suspect_number} dialled {unique_destinations} numbers in a row, from {first_callee} to {last_callee}, each within \
{max_step} of the one before (in {minutes:.0f} min, until {window_end:%Y-%m-%d %H:%M} UTC); \
{answered_share:.0%} answered."""

description = """
Whoever looks for numbers that live (to sell them, to ring them once, to send them text messages, to find a way into a
company's exchange) dials a range one number after another. This rule flags a caller whose consecutive calls form a run:
each goes to a number that differs by 1 to S from the number called just before, up or down. A finding needs a run that
reaches at least N different numbers within W.

Calls to the same number again, right after it, are left out: they neither break a run nor lengthen it. A call to
anything else breaks it, so does one to what is no full international number. Calls that start at the same instant are
taken in order of the called number. Two neighbours who call each other's numbers in turn are no run: only numbers that
the run reaches for the first time count. A sweep in random order is not found; neither is one that is dealt out to many
numbers. SDHF_001, ASR_ACD and WANGIRI_BURST see those.
"""

nulls = """
Numbers are compared as integers: a called number that is not a plus sign and digits has no value, and breaks a run. A
call of unknown outcome counts as answered if it lasted more than 0 seconds.
"""

source = """
The definition (10 calls in a row to numbers that differ by 1 to 3) is the catalogue's starting point; calibrate sets
it. The window and the ladder are this project's: a person who works down a printed list needs about a minute for each
number, a machine seconds.
"""

remediation = """
Look at the order of the calls and at what was answered. Ask who holds the swept range: a company's exchange, a bank,
subscribers. A sweep is often the start of something else: look at the same numbers in the next days, for text messages,
one-ring calls and calls to premium numbers. Honest callers that look alike: a company that rings its own extensions
(alarms, roll calls), the operator's test calls, a school or a barracks with numbers bought together, meters and
trackers in one range. They dial the same range again and again: put the number on the suppression list with a reason.
"""

severity = """
By the different numbers of the run; the first line that matches.
CRITICAL: at least 300: a whole block.
HIGH: at least 100: a machine, whatever its pace.
MEDIUM: at least 30: more than one household or one small company holds.
LOW: every other run.
"""

confidence = """
The mean of two figures between 0 and 1: 1 - N / numbers, and the share of the run's calls that were not answered, as
most numbers of a range are not in use. It orders findings of one severity. The weight is 0.7: hardly anybody dials ten
neighbouring numbers by chance, but some do it for a living.
"""

[parameters.window]
type = "duration"
default = "6h"
min = "1m"
max = "23h"
description = "Length W of time in which the N numbers are reached."

[parameters.min_numbers]
type = "integer"
default = 10
min = 3
max = 1000000
unit = "numbers"
description = "Threshold N, and the minimum sample: a run reaches at least so many different numbers."

[parameters.max_step]
type = "integer"
default = 3
min = 1
max = 9
unit = "numbers"
description = "Threshold S: the next number differs by at most so much."

[constants]
critical_numbers = 300
high_numbers = 100
medium_numbers = 30
*/

-- query: sliding
WITH
-- Prune, coarsely. W is at most 23 hours, so the calls that reach N numbers touch at most two local days that follow
-- one another; together these have at least N callees.
day_pairs AS (
    SELECT
        number,
        unique_callees + coalesce(
            lag(unique_callees) OVER (PARTITION BY number ORDER BY day_start ASC NULLS LAST), 0
        ) AS callees
    FROM profiles
),

busy_numbers AS (
    SELECT DISTINCT number FROM day_pairs WHERE callees >= $min_numbers
),

busy_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        duration_seconds,
        CASE WHEN coalesce(answered, duration_seconds > 0) THEN 1 ELSE 0 END AS is_answered,
        CASE
            WHEN starts_with(callee_number, '+') THEN TRY_CAST(substring(callee_number, 2) AS BIGINT)
        END AS callee
    FROM examined_calls
    INNER JOIN busy_numbers ON examined_calls.caller_number = busy_numbers.number
),

-- Prune, finely. A run leaves no gap wider than S, so its first N numbers lie within (N - 1) S of each other, in at
-- most floor((N - 1) S / 100) + 2 blocks of a hundred numbers, and one of these holds so many of them; more than one,
-- as N is at least 3 and S at most 9.
possible_callers AS (
    SELECT DISTINCT caller_number
    FROM busy_calls
    GROUP BY caller_number, floor(callee / 100)
    HAVING min(callee) < max(callee)
        AND count(*) * (floor(($min_numbers - 1) * $max_step / 100) + 2) >= $min_numbers
),

calls AS (
    SELECT
        busy_calls.*,
        lag(callee_number) OVER in_time AS previous_number
    FROM busy_calls
    INNER JOIN possible_callers ON busy_calls.caller_number = possible_callers.caller_number
    WINDOW in_time AS (
        PARTITION BY busy_calls.caller_number
        ORDER BY call_timestamp ASC NULLS LAST, callee ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

steps AS (
    SELECT
        *,
        CASE WHEN abs(callee - lag(callee) OVER in_time) BETWEEN 1 AND $max_step THEN 0 ELSE 1 END AS is_first
    FROM calls
    WHERE previous_number IS NULL OR previous_number <> callee_number
    WINDOW in_time AS (
        PARTITION BY caller_number
        ORDER BY call_timestamp ASC NULLS LAST, callee ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

runs AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY caller_number
            ORDER BY call_timestamp ASC NULLS LAST, callee ASC NULLS LAST, callee_number ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS run
    FROM steps
),

visits AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY caller_number, run, callee_number ORDER BY call_timestamp ASC NULLS LAST
        ) AS visit,
        min(call_timestamp) OVER in_run AS run_begins_at,
        count(*) OVER in_run AS run_calls,
        sum(is_answered) OVER in_run AS run_answered,
        sum(duration_seconds) OVER in_run AS run_seconds
    FROM runs
    WINDOW in_run AS (
        PARTITION BY caller_number, run
        ORDER BY call_timestamp ASC NULLS LAST, callee ASC NULLS LAST, callee_number ASC NULLS LAST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Only calls that reach a number for the first time lengthen a run.
reached AS (
    SELECT
        *,
        row_number() OVER in_run AS numbers,
        lag(call_timestamp, $min_numbers - 1) OVER in_run AS sample_begins_at
    FROM visits
    WHERE visit = 1
    WINDOW in_run AS (
        PARTITION BY caller_number, run
        ORDER BY call_timestamp ASC NULLS LAST, callee ASC NULLS LAST, callee_number ASC NULLS LAST
    )
),

qualifying AS (
    SELECT
        *,
        CASE
            WHEN numbers >= $critical_numbers THEN 4
            WHEN numbers >= $high_numbers THEN 3
            WHEN numbers >= $medium_numbers THEN 2
            ELSE 1
        END AS severity
    FROM reached
    WHERE call_timestamp > $since AND sample_begins_at > call_timestamp - $window
),

-- Qualifying windows that touch or overlap are one episode.
joined AS (
    SELECT
        *,
        CASE WHEN call_timestamp - $window <= lag(call_timestamp) OVER in_time THEN 0 ELSE 1 END AS begins_episode
    FROM qualifying
    WINDOW in_time AS (
        PARTITION BY caller_number ORDER BY call_timestamp ASC NULLS LAST, numbers ASC NULLS LAST, run ASC NULLS LAST
    )
),

numbered AS (
    SELECT
        *,
        sum(begins_episode) OVER (
            PARTITION BY caller_number
            ORDER BY call_timestamp ASC NULLS LAST, numbers ASC NULLS LAST, run ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM joined
),

ranked AS (
    SELECT
        *,
        min(call_timestamp) OVER in_episode - $window AS episode_start,
        max(call_timestamp) OVER in_episode AS episode_end,
        min(run_begins_at) OVER in_episode AS first_seen,
        row_number() OVER (
            PARTITION BY caller_number, episode
            ORDER BY numbers DESC NULLS LAST, call_timestamp ASC NULLS LAST, run ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY caller_number, episode)
),

evidence AS (
    SELECT * FROM ranked WHERE place = 1
),

run_starts AS (
    SELECT caller_number, run, callee_number FROM reached WHERE numbers = 1
)

SELECT
    evidence.caller_number AS suspect_number,
    severity,
    0.5 * (1 - CAST($min_numbers AS DOUBLE) / numbers)
    + 0.5 * (1 - CAST(run_answered AS DOUBLE) / run_calls) AS confidence,
    run_calls AS call_count,
    numbers AS unique_destinations,
    CAST(run_seconds AS DOUBLE) / run_calls AS avg_duration_seconds,
    call_timestamp - $window AS window_start,
    call_timestamp AS window_end,
    episode_start,
    episode_end,
    first_seen,
    episode_end AS last_seen,
    run_starts.callee_number AS first_callee,
    evidence.callee_number AS last_callee,
    $max_step AS max_step,
    run_begins_at,
    (epoch(call_timestamp) - epoch(run_begins_at)) / 60 AS minutes,
    CAST(run_answered AS DOUBLE) / run_calls AS answered_share
FROM evidence
INNER JOIN run_starts ON evidence.caller_number = run_starts.caller_number AND evidence.run = run_starts.run;
