/*
id = "CLI_INVALID"
name = "A caller's number that cannot be true"
alert_type = "CLI_SPOOFING"
version = "1.0"
weight = 0.5

summary = """
{suspect_number} cannot be true ({reason}): {call_count} such calls to {unique_destinations} numbers in {window} \
(until {window_end:%Y-%m-%d %H:%M} UTC)."""

description = """
A caller who makes up his number (CLI, the calling line's identity) often makes up one that cannot exist. This rule
flags a caller with at least N invalid calls within W. A call is invalid if the caller's number

- lies in a range that is unallocated, or withdrawn from use, by the number plan;
- has a length that numbers of its country, or of its range, cannot have;
- is the called number itself;
- is one of the home country, calls one of the home country, and comes over an international trunk.

Only full international numbers (a plus sign and digits) are judged: alphanumeric senders, short codes and anonymous
callers are what they claim to be. The number plan knows country codes with their possible lengths, and of Nigeria the
blocks; it errs on the side of the caller. Give your own plan where your country is another.
"""

nulls = """
A call without a trunk cannot be judged by its trunk: data without that column, or with trunks that no pattern names,
are judged by the numbers alone.
"""

source = """
The four reasons are the catalogue's; N, W and the ladder are this project's. ITU-T E.164 limits numbers to 15 digits;
lengths are libphonenumber's, Nigerian blocks the Nigerian Communications Commission's, through naija-data
(sentinel_batch/rules/reference/SOURCES.md).
"""

remediation = """
Do not look for a subscriber: there is none. Look at the trunk in the evidence, and ask the carrier behind it where the
calls came from; many such numbers over one trunk on one day are one campaign. Warn or block by trunk and pattern.
Honest calls that look alike: a subscriber who is abroad (roaming) calls home over an international trunk, so check
where he is registered; calls to the own number fetch voicemail in some networks; an exchange that puts an extension
behind its number makes it too long; a range that was allocated after the number plan was made. Mend the plan, or put
the number on the suppression list with a reason.
"""

severity = """
By the different numbers called in the window; the worst window is the finding's.
CRITICAL: at least 300: a campaign under one number.
HIGH: at least 50: no mistake of a switch.
MEDIUM: at least 5: more than a household.
LOW: every other finding.
"""

confidence = """
How sure the reasons are, times how many are concerned: the mean over the window's calls of 1 (no such country code,
range or length), 0.7 (a withdrawn range, which may live on in an exchange), 0.6 (from abroad, perhaps roaming) or 0.2
(the own number, perhaps voicemail), the first that applies, times 1 - 1 / (1 + destinations). The weight is 0.5: the
number is false, but what was done with it is not known.
"""

[parameters.window]
type = "duration"
default = "24h"
min = "1m"
max = "31d"
description = "Length W of the sliding window."

[parameters.min_calls]
type = "integer"
default = 2
min = 1
max = 1000000
unit = "calls"
description = "Threshold N, and the minimum sample: a single call may be a slip of a switch, or a roaming subscriber."

[lists.number_plan]
columns = ["prefix", "min_digits", "max_digits", "status"]
types = ["text", "integer", "integer", "text"]
file = "reference/number_plan.csv"
description = """Digits that numbers begin with, without the plus sign, how many digits they have, and allocated, \
unallocated or withdrawn; the longest prefix that fits decides."""

[lists.international_trunks]
columns = ["trunk"]
default = ["INT*"]
description = "Trunks that bring calls from abroad; a final * stands for anything that follows."

[lists.home_prefixes]
columns = ["prefix"]
default = ["+234"]
description = "Prefixes of the home country."

[constants]
critical_destinations = 300
high_destinations = 50
medium_destinations = 5
*/

-- query: sliding
WITH
-- Numbers are judged by how they begin and how long they are: few different cases, however many callers there are.
-- Every caller has a profile.
longest AS (
    SELECT max(length(prefix)) AS size FROM number_plan
),

shapes AS (
    SELECT DISTINCT substring(number, 2, size) AS head, length(number) - 1 AS digits
    FROM profiles
    CROSS JOIN longest
    WHERE starts_with(number, '+') AND TRY_CAST(substring(number, 2) AS BIGINT) IS NOT NULL
),

sizes AS (
    SELECT DISTINCT length(prefix) AS size FROM number_plan
),

fitting AS (
    SELECT
        head,
        digits,
        status,
        CASE WHEN digits BETWEEN min_digits AND max_digits THEN 1 ELSE 0 END AS fits,
        row_number() OVER (
            PARTITION BY head, digits
            ORDER BY
                CASE WHEN digits BETWEEN min_digits AND max_digits THEN 0 ELSE 1 END ASC NULLS LAST,
                size DESC NULLS LAST,
                status ASC NULLS LAST
        ) AS place
    FROM shapes
    CROSS JOIN sizes
    INNER JOIN number_plan ON substring(head, 1, size) = prefix
),

judged_shapes AS (
    SELECT
        shapes.head,
        shapes.digits,
        CASE
            WHEN fits IS NULL THEN 'unallocated'
            WHEN fits = 0 THEN 'impossible length'
            ELSE status
        END AS status
    FROM shapes
    LEFT JOIN fitting ON shapes.head = fitting.head AND shapes.digits = fitting.digits AND place = 1
),

bad_shapes AS (
    SELECT concat(head, '/', CAST(digits AS VARCHAR)) AS shape FROM judged_shapes WHERE status <> 'allocated'
),

bad_numbers AS (
    SELECT DISTINCT number
    FROM profiles
    CROSS JOIN longest
    WHERE starts_with(number, '+')
        AND TRY_CAST(substring(number, 2) AS BIGINT) IS NOT NULL
        AND concat(substring(number, 2, size), '/', CAST(length(number) - 1 AS VARCHAR)) IN (
            SELECT shape FROM bad_shapes
        )
),

-- Trunks are few.
trunks AS (
    SELECT DISTINCT trunk FROM examined_calls WHERE trunk IS NOT NULL
),

trunks_from_abroad AS (
    SELECT DISTINCT trunks.trunk
    FROM trunks
    INNER JOIN international_trunks AS patterns
        ON trunks.trunk = patterns.trunk
        OR (
            substring(patterns.trunk, length(patterns.trunk), 1) = '*'
            AND starts_with(trunks.trunk, substring(patterns.trunk, 1, length(patterns.trunk) - 1))
        )
),

home_sizes AS (
    SELECT DISTINCT length(prefix) AS size FROM home_prefixes
),

calls_from_abroad AS (
    SELECT examined_calls.caller_number, callee_number, call_timestamp, duration_seconds, examined_calls.trunk
    FROM examined_calls
    INNER JOIN trunks_from_abroad ON examined_calls.trunk = trunks_from_abroad.trunk
),

domestic_calls AS (
    SELECT DISTINCT caller_number, callee_number, call_timestamp, duration_seconds, trunk
    FROM calls_from_abroad
    CROSS JOIN home_sizes AS caller_sizes
    CROSS JOIN home_sizes AS callee_sizes
    INNER JOIN home_prefixes AS caller_prefixes
        ON substring(caller_number, 1, caller_sizes.size) = caller_prefixes.prefix
    INNER JOIN home_prefixes AS callee_prefixes
        ON substring(callee_number, 1, callee_sizes.size) = callee_prefixes.prefix
),

bad_calls AS (
    SELECT caller_number, callee_number, call_timestamp, duration_seconds, trunk
    FROM examined_calls
    WHERE caller_number IN (SELECT number FROM bad_numbers)
),

reasons AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        duration_seconds,
        trunk,
        CASE WHEN status = 'withdrawn' THEN 2 WHEN status = 'impossible length' THEN 1 ELSE 0 END AS reason
    FROM bad_calls
    CROSS JOIN longest
    INNER JOIN judged_shapes
        ON substring(caller_number, 2, size) = judged_shapes.head AND length(caller_number) - 1 = judged_shapes.digits
    UNION ALL
    SELECT caller_number, callee_number, call_timestamp, duration_seconds, trunk, 3 AS reason
    FROM domestic_calls
    UNION ALL
    SELECT caller_number, callee_number, call_timestamp, duration_seconds, trunk, 4 AS reason
    FROM examined_calls
    WHERE caller_number = callee_number AND starts_with(caller_number, '+')
),

-- Of several reasons of one call, the surest counts.
invalid_calls AS (
    SELECT
        caller_number,
        callee_number,
        call_timestamp,
        max(duration_seconds) AS duration_seconds,
        max(trunk) AS trunk,
        min(reason) AS reason
    FROM reasons
    GROUP BY caller_number, callee_number, call_timestamp
),

-- Sweep. A call is in the window from its own instant, inclusive, to W later, exclusive. Its callee enters with it
-- unless an earlier call to the same number leaves no sooner than that, and leaves with it unless a later one is in by
-- then (both count the instant at which one leaves as the other enters).
calls AS (
    SELECT
        caller_number,
        call_timestamp AS enters_at,
        call_timestamp + $window AS leaves_at,
        lag(call_timestamp) OVER same_callee + $window AS previous_leaves_at,
        lead(call_timestamp) OVER same_callee AS next_enters_at
    FROM invalid_calls
    WINDOW same_callee AS (PARTITION BY caller_number, callee_number ORDER BY call_timestamp ASC NULLS LAST)
),

changes AS (
    SELECT
        caller_number,
        enters_at AS happens_at,
        1 AS calls,
        CASE WHEN previous_leaves_at >= enters_at THEN 0 ELSE 1 END AS destinations,
        1 AS entries
    FROM calls
    UNION ALL
    SELECT
        caller_number,
        leaves_at AS happens_at,
        -1 AS calls,
        CASE WHEN next_enters_at <= leaves_at THEN 0 ELSE -1 END AS destinations,
        0 AS entries
    FROM calls
),

-- Everything that happens at one instant happens at once.
instants AS (
    SELECT
        caller_number,
        happens_at,
        sum(calls) AS calls,
        sum(destinations) AS destinations,
        sum(entries) AS entries
    FROM changes
    GROUP BY caller_number, happens_at
),

states AS (
    SELECT
        caller_number,
        happens_at AS ends_at,
        entries,
        CAST(sum(calls) OVER so_far AS BIGINT) AS calls,
        CAST(sum(destinations) OVER so_far AS BIGINT) AS destinations
    FROM instants
    WINDOW so_far AS (
        PARTITION BY caller_number ORDER BY happens_at ASC NULLS LAST
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

-- Windows end with a call.
qualifying AS (
    SELECT
        caller_number,
        ends_at,
        calls,
        destinations,
        CASE
            WHEN destinations >= $critical_destinations THEN 4
            WHEN destinations >= $high_destinations THEN 3
            WHEN destinations >= $medium_destinations THEN 2
            ELSE 1
        END AS severity
    FROM states
    WHERE entries > 0 AND ends_at > $since AND calls >= $min_calls
),

-- Qualifying windows that touch or overlap are one episode.
joined AS (
    SELECT
        *,
        CASE WHEN ends_at - $window <= lag(ends_at) OVER in_time THEN 0 ELSE 1 END AS is_first
    FROM qualifying
    WINDOW in_time AS (PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST)
),

numbered AS (
    SELECT
        *,
        sum(is_first) OVER (
            PARTITION BY caller_number ORDER BY ends_at ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS episode
    FROM joined
),

ranked AS (
    SELECT
        *,
        min(ends_at) OVER in_episode - $window AS episode_start,
        max(ends_at) OVER in_episode AS episode_end,
        row_number() OVER (
            PARTITION BY caller_number, episode
            ORDER BY destinations DESC NULLS LAST, calls DESC NULLS LAST, ends_at ASC NULLS LAST
        ) AS place
    FROM numbered
    WINDOW in_episode AS (PARTITION BY caller_number, episode)
),

evidence AS (
    SELECT * FROM ranked WHERE place = 1
),

in_window AS (
    SELECT
        evidence.caller_number,
        episode,
        CAST(sum(duration_seconds) AS DOUBLE) / count(*) AS average,
        min(reason) AS surest_reason,
        sum(CASE WHEN reason = 0 THEN 1 ELSE 0 END) AS unallocated_calls,
        sum(CASE WHEN reason = 1 THEN 1 ELSE 0 END) AS impossible_length_calls,
        sum(CASE WHEN reason = 2 THEN 1 ELSE 0 END) AS withdrawn_calls,
        sum(CASE WHEN reason = 3 THEN 1 ELSE 0 END) AS domestic_calls_from_abroad,
        sum(CASE WHEN reason = 4 THEN 1 ELSE 0 END) AS own_number_calls,
        count(DISTINCT trunk) AS trunks,
        min(trunk) AS first_trunk
    FROM evidence
    INNER JOIN invalid_calls
        ON evidence.caller_number = invalid_calls.caller_number
        AND call_timestamp > ends_at - $window
        AND call_timestamp <= ends_at
    GROUP BY evidence.caller_number, episode
),

first_calls AS (
    SELECT evidence.caller_number, episode, min(call_timestamp) AS first_seen
    FROM evidence
    INNER JOIN invalid_calls
        ON evidence.caller_number = invalid_calls.caller_number AND call_timestamp > episode_start
    GROUP BY evidence.caller_number, episode
)

SELECT
    evidence.caller_number AS suspect_number,
    severity,
    (
        unallocated_calls + impossible_length_calls + 0.7 * withdrawn_calls + 0.6 * domestic_calls_from_abroad
        + 0.2 * own_number_calls
    ) / calls * (1 - CAST(1 AS DOUBLE) / (1 + destinations)) AS confidence,
    calls AS call_count,
    destinations AS unique_destinations,
    average AS avg_duration_seconds,
    ends_at - $window AS window_start,
    ends_at AS window_end,
    episode_start,
    episode_end,
    first_seen,
    episode_end AS last_seen,
    CASE
        WHEN surest_reason = 0 THEN 'range not allocated'
        WHEN surest_reason = 1 THEN 'impossible length'
        WHEN surest_reason = 2 THEN 'range withdrawn'
        WHEN surest_reason = 3 THEN 'home number from abroad'
        ELSE 'calls itself'
    END AS reason,
    unallocated_calls,
    impossible_length_calls,
    withdrawn_calls,
    domestic_calls_from_abroad,
    own_number_calls,
    trunks,
    first_trunk
FROM evidence
INNER JOIN in_window ON evidence.caller_number = in_window.caller_number AND evidence.episode = in_window.episode
INNER JOIN first_calls
    ON evidence.caller_number = first_calls.caller_number AND evidence.episode = first_calls.episode;
